/** The page of a status listener in a headless Chromium: what it shows is what the mob counts. */

import { after, before, test } from "node:test";
import { connect as connectNet, type Socket } from "node:net";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { busRelay } from "../../src/bus/bus.ts";
import { CHROMIUM, Chromium, type Page, PICTURES, WITH_CHROMIUM } from "../helpers/chromium.ts";
import { OURS, startServer } from "../helpers/command_line.ts";
import { MemoryBus } from "../helpers/memory_bus.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { asked, pause } from "../helpers/wait.ts";

let chromium: Chromium;
before(async () => {
  if (CHROMIUM !== undefined) chromium = await Chromium.start();
});
after(async () => await chromium?.stop());

/** What is said of a mob with one client, on a machine that may be busy. */
const WELL = /^All is well: 1 connection, not behind\.$|^The process was busy/;

const NOBODY = /^Nobody is connected: no client has come yet\.$|^The process was busy/;

/** The text of an element. */
const textOf = (page: Page, id: string): Promise<string> =>
  page.run<string>(`return document.getElementById("${id}").innerText;`);

/** Waits until an element has such a text. */
async function shows(page: Page, id: string, pattern: RegExp): Promise<string> {
  const text = await asked(() => textOf(page, id), (text) => pattern.test(text), 20_000);
  if (pattern.test(text)) return text;
  throw new Error(`#${id} does not show ${pattern} but ${text}; ${(await page.errors()).join()}`);
}

/** A client that joins and reads nothing. */
async function stuckClient(url: string): Promise<[Socket, address: string]> {
  const { hostname, port } = new URL(url);
  const socket = connectNet(Number(port), hostname);
  socket.pause();
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  return [socket, `${socket.localAddress}:${socket.localPort}`];
}

test(
  "the numbers of the page are those of mob.stats(), and a stuck client is there, with what will happen",
  WITH_CHROMIUM,
  async () => {
    await using mob = await serve({ listen: "tcp://127.0.0.1:0", status: "http://127.0.0.1:0", maxLag: 2 ** 28 });
    const page = await chromium.open({ url: mob.statusUrl!, width: 1280 });
    await shows(page, "headline", NOBODY);

    const client = await connect(mob.urls[0]!);
    for (let frame = 0; frame < 345; frame++) await client.send(`frame ${frame}`);
    const messages = client.text();
    for (let frame = 0; frame < 345; frame++) assertEquals((await messages.next()).value, `frame ${frame}`);
    await shows(page, "frames-more", /345 in all/);
    assertMatch(await textOf(page, "headline"), WELL);
    const { connections, delivered, published, lag, listeners, joined } = mob.stats();
    assertEquals([connections, delivered.frames, published.frames, lag.bytes], [1, 345, 345, 0]);
    assertEquals(
      [
        await textOf(page, "count"),
        await textOf(page, "lag"),
        (await textOf(page, "deliveries-more")).split(", ").at(-1),
      ],
      [`${connections}`, "0 B", `${delivered.frames} in all`],
    );
    assertMatch(await textOf(page, "listeners"), new RegExp(`^${listeners[0]!.url}\\s+1$`));
    assertMatch(await textOf(page, "process"), new RegExp(`Joined since the start\\s+${joined} connection\\n`));
    assertMatch(await textOf(page, "events"), /joined 127\.0\.0\.1:\d+/);
    assertMatch(await textOf(page, "lags"), /^none\s+1\n/);

    const [stuck, address] = await stuckClient(mob.urls[0]!);
    const large = new Uint8Array(2 ** 19);
    const reader = (async () => {
      for await (const _ of client);
    })();
    // Until its socket has taken what it can.
    while (!((mob.connections({ limit: 1 })[0]?.lag.bytes ?? 0) > 2 ** 21)) {
      await client.send(large);
      await pause(1);
    }
    await shows(page, "status", new RegExp(`^${address} is behind and will be disconnected in about \\d+ s\\.$`, "m"));
    const [name, size, verdict] = await page.run<string[]>(
      `return [...document.querySelector("#list tbody tr").cells].map(({ innerText }) => innerText.trim());`,
    );
    assertEquals(name!.split(" ")[0], address);
    assertMatch(size!, /^\d+\.\d MiB$/);
    assertMatch(verdict!, /, will be disconnected in about \d+ s$/);
    assertEquals(await textOf(page, "lag"), size);
    if (PICTURES) await page.screenshot(`${PICTURES}/status-${OURS}.png`, true);
    stuck.destroy();
    await shows(page, "closed", /^reset|^end/);
    assert(!(await textOf(page, "status")).includes(address));

    await keyboardReachesEverything(page);
    assertEquals(await page.errors(), []);
    const elsewhere = (await page.requests()).filter((url) =>
      !url.startsWith(mob.statusUrl!) && !url.startsWith("data:")
    );
    assertEquals(elsewhere, []);
    await page.close();
    await client.close();
    await reader;
  },
);

/** By keyboard alone: to the pause, to what the table is sorted by, and to the log. */
async function keyboardReachesEverything(page: Page): Promise<void> {
  const reached: string[] = [];
  const sorted = `return document.querySelector("[aria-sort]").dataset.sort;`;
  await page.run(`document.activeElement.blur();`);
  for (let tabs = 0; tabs < 20 && !reached.includes("events"); tabs++) {
    await page.key("Tab");
    const [name, outline] = await page.run<[string, string]>(`
      const { activeElement: at } = document;
      return [at.id || at.innerText.replace(/[^\\w ]/g, "").trim(), getComputedStyle(at).outlineStyle];
    `);
    reached.push(name);
    assertEquals(outline, "solid", `${name} has focus and does not show it`);
    if (name === "Delivered") {
      await page.key("Enter");
      assertEquals(await page.run(sorted), "delivered");
    }
  }
  assertEquals(reached, ["To the connections", "pause", "Lag", "Delivered", "Received", "Missed", "Joined", "events"]);
}

test("the page goes on by itself after its server was killed and has started again", WITH_CHROMIUM, async () => {
  const start = (status: string) => startServer(OURS, ["tcp://127.0.0.1:0", "--status", status]);
  const statusOf = async (server: Awaited<ReturnType<typeof start>>): Promise<string> =>
    (await server.match(/status on (http:\S+)/))[1]!;
  const first = await start(await freeUrl("http"));
  const url = await statusOf(first);
  const client = await connect(first.url);
  await client.send("before");
  const page = await chromium.open({ url, width: 360, dark: true });
  await shows(page, "headline", WELL);
  await shows(page, "frames-more", /1 in all/);
  first.signal("SIGKILL");
  await shows(page, "headline", /^No connection to the server since \d\d:\d\d:\d\d, trying again\.$/);
  assertEquals(await textOf(page, "link"), "no connection");
  await using second = await start(url);
  assertEquals(await statusOf(second), url);
  await shows(page, "headline", NOBODY);
  // Counters have begun anew: no rate is below zero.
  await shows(page, "frames", /^0$/);
  const other = await connect(second.url);
  await other.send("after");
  await shows(page, "headline", WELL);
  await shows(page, "frames-more", /1 in all/);
  const [width, least] = await page.run<[number, string]>(`
    return [document.documentElement.scrollWidth, document.getElementById("figures").innerText];
  `);
  assertEquals(width, 360);
  assert(!least.includes("-"), least);
  if (PICTURES) await page.screenshot(`${PICTURES}/status-360-${OURS}.png`, true);
  assertEquals(await page.errors(), []);
  await page.close();
  await other.close();
  await client.closed;
});

test("the page shows the bus where there is one: that it is away, for how long, and a gap", WITH_CHROMIUM, async () => {
  const channel = new MemoryBus().channel();
  const relay = busRelay(channel);
  await using mob = await serve({ listen: "tcp://127.0.0.1:0", status: "http://127.0.0.1:0", relay });
  const page = await chromium.open({ url: mob.statusUrl!, width: 1280 });
  await shows(page, "headline", NOBODY);
  await shows(page, "bus", /Name\s+memory\s+State\s+joined[\s\S]+Gaps\s+0/);

  channel.events!.away("no server answers");
  await shows(page, "headline", /^The bus has been away for \d s: what clients send waits \(no server answers\)\.$/);
  await shows(page, "bus", /State\s+away for \d+ s/);
  await shows(page, "events", /the bus is away no server answers/);
  channel.events!.away(undefined);
  channel.push({ type: "gap", why: "messages 7 to 9 are gone", batches: 3, restarted: false, own: [] });
  await shows(page, "headline", /^Frames of the bus were missed for good in the last \d+ s: the log says why\.$/);
  await shows(page, "bus", /State\s+joined[\s\S]+Gaps\s+1/);
  await shows(page, "events", /gap of the bus messages 7 to 9 are gone[\s\S]*the bus is back/);

  await using plain = await serve({ listen: "tcp://127.0.0.1:0", status: "http://127.0.0.1:0" });
  const other = await chromium.open({ url: plain.statusUrl!, width: 1280 });
  await shows(other, "headline", NOBODY);
  assertEquals(await other.run<boolean>(`return document.getElementById("bus-card").hidden;`), true);
});
