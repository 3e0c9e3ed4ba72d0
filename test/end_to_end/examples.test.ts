/** The programs of examples/ do what they say, started on the runtime at hand as their first lines tell. */

import { test } from "node:test";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { type BatchObservableResult, type Meter, metrics } from "@opentelemetry/api";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, type Mob, serve } from "../../mod.ts";
import { STATS } from "../../status.ts";
import { CommandLine, OURS, programOf, ROOT } from "../helpers/command_line.ts";
import { freePort } from "../helpers/free_port.ts";
import { pause, rejection, within } from "../helpers/wait.ts";

const FILES = readdirSync(join(ROOT, "examples")).filter((name) => name.endsWith(".ts"));

/** What runs an example. Node 20 strips no types: there its first line says `tsx`, which one test uses, and takes long to start. */
const STRIPS = "typescript" in process.features && process.features.typescript !== false;
const AS_WRITTEN = STRIPS ? ["node"] : ["node", "--import", "tsx"];
const LAUNCHERS = {
  node: STRIPS ? ["node"] : ["node", "--import", "./test/helpers/typescript.mjs"],
  bun: [join(ROOT, "node_modules/.bin/bun")],
  deno: [join(ROOT, "node_modules/.bin/deno"), "run", "--allow-net"],
};

function start(name: string, args: string[] = [], launcher: readonly string[] = LAUNCHERS[OURS]): CommandLine {
  return new CommandLine(OURS, args, [...launcher, `examples/${name}`]);
}

test("examples are short, and say how to run them", () => {
  assertEquals(FILES.length, 10);
  for (const name of FILES) {
    const text = readFileSync(join(ROOT, "examples", name), "utf8");
    assert(text.split("\n").length <= 60, `${name} is long`);
    // Node 22 strips types and does not know `using`.
    assert(!/^\s*(?:await )?using /m.test(text), `${name} needs Node 24`);
    const [head = ""] = text.split("*/");
    for (const way of [`deno `, `bun `, `node `]) assertMatch(head, new RegExp(`\`${way}[^\`]*examples/${name}`));
  }
});

test("examples/http_chat.ts: browsers and TCP clients are in one room", async () => {
  await using program = start("http_chat.ts", ["0", "0"], OURS === "node" ? AS_WRITTEN : undefined);
  const [, page, url] = await program.match(/^chat at (\S+) and (\S+)$/m);
  assertStringIncludes(await (await fetch(page!)).text(), "EventSource");

  const events = await fetch(`${page}/events`);
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  await using client = await connect(`${url}?framing=line`);
  const texts = client.text();

  await client.send("from TCP");
  assertEquals((await within(texts.next(), "a message")).value, "from TCP");
  const said = await fetch(`${page}/say`, { method: "POST", body: "from\na browser" });
  assertEquals([said.status, await said.text()], [204, ""]);
  assertEquals((await within(texts.next(), "a message")).value, "from a browser");
  let streamed = "";
  while (!streamed.includes("browser\n\n")) streamed += (await within(reader.read(), "an event")).value;
  assertEquals(streamed, "data: from TCP\n\ndata: from a browser\n\n");

  await reader.cancel();
  const long = fetch(`${page}/say`, { method: "POST", body: "x".repeat(1000) });
  await rejection(long, "a long text");
  assertEquals((await fetch(`${page}/nothing`)).status, 404);
});

// What the page does is in browser.test.ts.
test("examples/chat.ts: serves its page, which is under 80 lines, and the file that the page loads", async () => {
  await using program = start("chat.ts", ["0", "0"], OURS === "deno" ? [...LAUNCHERS.deno, "--allow-read"] : undefined);
  const [, page, mob] = await program.match(/^chat at (\S+) and (ws:\S+)$/m);
  const text = await (await fetch(page!)).text();
  assertStringIncludes(text, `data-mob="${mob}"`);
  assert(text.split("\n").length < 80);
  const script = await fetch(`${page}/browser.js`);
  assertMatch(script.headers.get("content-type")!, /^text\/javascript/);
  assertStringIncludes(await script.text(), "export");
  assertEquals((await fetch(`${page}/nothing`)).status, 404);
});

// What the page does is in browser.test.ts.
test("examples/dashboard.ts: eight sensors send readings, and a page has what it needs", async () => {
  const launcher = OURS === "deno" ? [...LAUNCHERS.deno, "--allow-read"] : undefined;
  await using program = start("dashboard.ts", ["0"], launcher);
  const [, page, url] = await program.match(/^dashboard at (\S+), sensors at (\S+)$/m);
  await using client = await connect(url!);
  const names = new Set<string>();
  for await (const { name, celsius, time } of client.json<{ name: string; celsius: number; time: number }>()) {
    assert(celsius > 0 && celsius < 40 && time > 0);
    if (names.add(name).size === 8) break;
  }
  const text = await (await fetch(page!)).text();
  assertMatch(text, /data-mob="ws:\/\/127\.0\.0\.1:\d+\/?"/);
  assert(text.split("\n").length < 80);
  assertStringIncludes(await (await fetch(`${page}/browser.js`)).text(), "export");
  assertEquals((await fetch(`${page}/nothing`)).status, 404);
});

test("examples/sse_bridge.ts: readers receive each message as an event, posts are messages, and it goes on after a restart", async () => {
  const port = await freePort();
  const mob = await serve({ listen: `tcp://127.0.0.1:${port}` });
  await using program = start("sse_bridge.ts", [mob.urls[0]!, "0"]);
  const [, page] = await program.match(/^(http:\S+) reads tcp:\S+$/m);
  const events = await fetch(page!);
  assertEquals(events.headers.get("content-type"), "text/event-stream");
  const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
  let streamed = "";
  const receives = async (text: string): Promise<void> => {
    while (!streamed.includes(text)) streamed += (await within(reader.read(), text)).value;
  };
  const client = await connect(mob.urls[0]!);
  await client.send("two\nlines");
  await receives("data: two\ndata: lines\n\n");
  assertEquals((await fetch(page!, { method: "POST", body: "posted" })).status, 204);
  const texts = client.text();
  for (const text of ["two\nlines", "posted"]) assertEquals((await within(texts.next(), text)).value, text);
  await receives("data: posted\n\n");
  assertEquals((await fetch(page!, { method: "PUT", body: "" })).status, 405);
  await rejection(fetch(page!, { method: "POST", body: "x".repeat(20_000) }), "a long text");

  await client.close();
  await mob.close();
  await using next = await serve({ listen: `tcp://127.0.0.1:${port}` });
  while (next.stats().connections === 0) await pause(20);
  next.publish("after the restart");
  await receives("data: after the restart\n\n");
  await reader.cancel();
});

test("examples/game_loop.ts: sixty ticks a second, inputs are taken, and every player receives every snapshot", async () => {
  await using program = start("game_loop.ts");
  const { code, stdout, stderr } = await program.exit();
  // A machine with much to do may be late for some.
  const [, ticks, inputs] =
    /^(\d+\.\d) ticks a second, (\d+) inputs, 180 of 180 snapshots at each player\n$/.exec(stdout) ??
      [];
  assert(Number(ticks) > 20 && Number(ticks) < 60.5, stdout);
  assert(Number(inputs) > 0 && Number(inputs) <= 8 * 17, stdout);
  assertEquals([code, stderr], [0, ""]);
});

test("examples/log_fan_out.sh: what is written to a file goes to all, also after the file was rotated", {
  skip: process.platform === "win32" ? "there is no sh" : false,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "mobcast-log-"));
  const file = join(folder, "app.log");
  writeFileSync(file, "before\n");
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const client = await connect(mob.urls[0]!);
  const texts = client.text();
  const command = ["env", `MOBCAST=${programOf(OURS).join(" ")}`, "sh", "examples/log_fan_out.sh"];
  await using script = new CommandLine(OURS, [file, mob.urls[0]!], command);
  /** Writes marks until the first is received: nobody says when `tail` has opened the file. Skips other marks. */
  const receivesMarks = async (mark: string): Promise<void> => {
    const writing = setInterval(() => appendFileSync(file, `${mark}\n`), 100);
    let text: string | void = "";
    while (text !== mark) text = (await within(texts.next(), mark)).value;
    clearInterval(writing);
  };
  try {
    await receivesMarks("first mark");
    appendFileSync(file, "one\ntwo\n\nthree");
    appendFileSync(file, " and more\n");
    const lines: string[] = [];
    while (lines.at(-1) !== "three and more") lines.push((await within(texts.next(), "three")).value!);
    assertEquals(lines.filter((line) => line !== "first mark"), ["one", "two", "three and more"]);
    renameSync(file, `${file}.1`);
    await receivesMarks("second mark");
  } finally {
    await mob.close();
    // `tail` sees that `pub` is gone when it writes.
    const writing = setInterval(() => appendFileSync(file, "last\n"), 100);
    await script.exit();
    clearInterval(writing);
    rmSync(folder, { recursive: true, force: true });
  }
});

test("examples/telemetry.ts: every dashboard receives every reading", async () => {
  await using program = start("telemetry.ts");
  const { code, stdout, stderr } = await program.exit();
  assertMatch(stdout, /^50 dashboards received 200 readings each, 99 % of them within [\d.]+ ms\n$/);
  assertEquals([code, stderr], [0, ""]);
});

test("examples/slow_consumer_policy.ts: the slow client is disconnected, and the other receives everything", async () => {
  await using program = start("slow_consumer_policy.ts");
  const { code, stdout, stderr } = await program.exit();
  const [, slow] = /^behind: (\S+)$/m.exec(stdout) ?? [];
  assertMatch(stdout, new RegExp(`^left: ${slow} disconnected behind for \\d{4,} ms$`, "m"));
  assertMatch(stdout, /^the slow client sees: LAGGED$/m);
  assertMatch(stdout, /^the other client received \d{7,} bytes and sees: ended$/m);
  assertEquals([code, stderr], [0, ""]);
});

test("examples/graceful_shutdown.ts: clients receive the goodbye and the end, and the process ends with 0", async () => {
  await using program = start("graceful_shutdown.ts", ["0"]);
  const [, url] = await program.match(/^listening on (\S+)$/m);
  await using client = await connect(url!);
  const texts = client.text();
  assertMatch((await within(texts.next(), "a tick")).value!, /^tick \d+$/);
  program.signal("SIGTERM");
  let last = "";
  for await (const text of texts) last = text;
  assertEquals([last, (await client.closed).reason], ["goodbye", "ended"]);
  const { code, stdout, stderr } = await program.exit();
  assertStringIncludes(stdout, 'SIGTERM: closing\nthe client received "goodbye" last, and sees: ended\n');
  assertStringIncludes(stdout, "0 frames undelivered");
  assertEquals([code, stderr], [0, ""]);
});

test("examples/opentelemetry.ts: every counter and gauge has an instrument with its value", async () => {
  await using program = start("opentelemetry.ts");
  const { code, stdout, stderr } = await program.exit();
  assertMatch(stdout, /^\d+ stats of tcp:\S+ are observed\n$/);
  assertEquals([code, stderr], [0, ""]);

  const meter = new RecordingMeter();
  metrics.setGlobalMeterProvider({ getMeter: () => meter as unknown as Meter });
  // By a name that tsc does not follow: the example imports the package, which need not be built for the types.
  const example = new URL("../../examples/opentelemetry.ts", import.meta.url).href;
  const { observe } = await import(example) as { observe: (mob: Mob) => () => void };
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  await using client = mob.join();
  await client.send("hello");
  await within(client.text().next(), "a message");
  const stop = observe(mob);
  const { frames, bytes } = mob.stats().published;
  const values = meter.observe();
  assertEquals([values.get("mobcast.published.frames"), values.get("mobcast.published.bytes")], [frames, bytes]);
  assertEquals(values.get("mobcast.connections mob.join()"), 1);
  assertEquals(values.get("mobcast.closed lagged"), 0);
  assertEquals(values.get("mobcast.listeners"), 1);
  const known = Object.entries(STATS).filter(([, { kind }]) => kind !== "histogram").map(([name]) => name);
  for (const name of known) assert([...values.keys()].some((key) => key.startsWith(`mobcast.${name}`)), name);
  stop();
  assertEquals(meter.observe().size, 0);
});

/** A meter as the API of OpenTelemetry describes it, which records what is observed. */
class RecordingMeter {
  readonly #callbacks = new Set<(result: BatchObservableResult) => void>();

  createObservableCounter = (name: string) => ({ name });
  createObservableGauge = this.createObservableCounter;
  addBatchObservableCallback = (callback: (result: BatchObservableResult) => void) => this.#callbacks.add(callback);
  removeBatchObservableCallback = (callback: (result: BatchObservableResult) => void) =>
    this.#callbacks.delete(callback);

  /** The values by name and attribute. */
  observe(): Map<string, number> {
    const values = new Map<string, number>();
    const result = {
      observe: (observable: { name: string }, value: number, attributes: Record<string, string> = {}) =>
        values.set([observable.name, ...Object.values(attributes)].join(" "), value),
    };
    for (const callback of this.#callbacks) callback(result as unknown as BatchObservableResult);
    return values;
  }
}

test("examples/slow_client.test.ts passes", async () => {
  const runners = {
    node: LAUNCHERS.node,
    bun: [LAUNCHERS.bun[0]!, "test"],
    deno: [LAUNCHERS.deno[0]!, "test", "--no-check"],
  };
  await using program = start("slow_client.test.ts", [], runners[OURS]);
  const { code, stdout, stderr } = await program.exit();
  assertEquals(code, 0, stdout + stderr);
  assertMatch(stdout + stderr, /a client that takes nothing is removed/);
});
