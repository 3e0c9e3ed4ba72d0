/** HTTP servers of the adapters, on the runtime at hand: their limits, slow and dropped clients, and their end. */

import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { get } from "../helpers/http_client.ts";
import { resetStorm } from "../helpers/raw_client.ts";
import { Bell, pause, within } from "../helpers/wait.ts";
import { case_, Endless, events, Stage, TCP } from "../helpers/http_stage.ts";

// --- limits ---

case_("a client that does not finish its first head in time is cut, however steadily it sends", async () => {
  await using stage = await Stage.open(undefined, { headTimeout: 300 });
  const silent = stage.client();
  const slow = stage.client().send("GET / HTTP/1.1\r\n");
  let dripped = 0;
  while (!slow.closed) {
    slow.send(`X-${dripped++}: 1\r\n`);
    await pause(10);
    assertLess(dripped, 800);
  }
  await silent.over();
  assertEquals([slow.text, silent.text], ["", ""]);
});

case_("an idle connection is closed after its response, and so is a slow second head", async () => {
  await using stage = await Stage.open(undefined, { keepAlive: 200 });
  const idle = stage.client().send(get("/"));
  const slow = stage.client().send(get("/"));
  await slow.got("hello");
  slow.send("GET /");
  assertStringIncludes(await idle.over(), "hello");
  assertEquals((await slow.over()).match(/hello/g)?.length, 1);
});

case_("of 200 connections at once 100 are served and the others closed, and then there is room again", async () => {
  const most = 100;
  await using stage = await Stage.open();
  const clients = Array.from({ length: 2 * most }, () => stage.client());
  for (const client of clients) client.send(get("/"));
  for (const client of clients) await client.got("hello");
  assertEquals(clients.filter(({ text }) => text.includes("hello")).length, most);
  assertEquals(clients.filter(({ closed }) => !closed).length, most);
  for (const client of clients) client[Symbol.dispose]();
  await stage.served();
});

case_("a client that is not allowed is closed without an answer", async () => {
  const asked: string[] = [];
  await using stage = await Stage.open(undefined, {}, { allows: (address) => asked.push(address) > 1 });
  assertEquals(await stage.client().send(get("/")).over(), "");
  assertStringIncludes(await stage.client().send(get("/")).got("hello"), "hello");
  for (const address of asked) assertMatch(address, /^127\.0\.0\.1:\d+$/);
});

case_(
  "requests that come together are answered in order, one at a time, and too many close the connection",
  async () => {
    let running = 0;
    let most = 0;
    await using stage = await Stage.open(async (request) => {
      most = Math.max(most, ++running);
      await pause(5);
      running--;
      return new Response(`<${new URL(request.url).pathname}>`);
    });
    const client = stage.client().send([1, 2, 3].map((each) => get(`/${each}`)).join(""));
    await client.got("</3>");
    assertEquals([client.text.match(/<\/\d>/g), most], [["</1>", "</2>", "</3>"], 1]);
    const flood = await stage.client().send(get("/").repeat(1000)).over();
    assertLess(flood.match(/HTTP/g)?.length ?? 0, 20);
  },
);

case_("nothing is taken of a body while its client does not read, and the client is dropped in the end", async () => {
  const body = new Endless();
  await using stage = await Stage.open(body.handler, { stallTimeout: 500 });
  const client = stage.client();
  client.socket.pause();
  client.send(get("/"));
  await body.over();
  // What kernels buffer, and no more: a megabyte or four.
  assertLess(body.taken, 16 * 2 ** 20);
  const before = body.taken;
  await pause(50);
  assertEquals(body.taken, before);
});

case_("a client that reads slowly gets everything", async () => {
  const size = 12 * 2 ** 20;
  await using stage = await Stage.open(() => new Response(new Uint8Array(size).fill(46)), { stallTimeout: 500 });
  const client = stage.client().send(get("/", "Connection: close"));
  let paused = 0;
  client.socket.on("data", () => {
    if (client.text.length < 2 ** 20 * (paused + 1)) return;
    paused++;
    client.socket.pause();
    setTimeout(() => client.socket.resume(), 20);
  });
  const text = await client.over();
  assertEquals(text.match(/\.+/g)?.reduce((sum, { length }) => sum + length, 0), size + 1, text.slice(0, 300));
});

case_("a body is canceled when its client goes, in whichever way", async () => {
  for (const how of ["destroy", "end", "resetAndDestroy"] as const) {
    const bell = new Bell();
    let canceled = false;
    await using stage = await Stage.open(() =>
      events(() => {
        canceled = true;
        bell.ring();
      })
    );
    const client = stage.client().send(get("/live"));
    assertStringIncludes(await client.got("data: 1"), "text/event-stream");
    client.socket[how]();
    await bell.until(() => canceled, `cancel after ${how}`);
  }
});

case_("garbage while a response is sent breaks the connection", async () => {
  let canceled = false;
  await using stage = await Stage.open(() => events(() => canceled = true));
  const client = stage.client().send(get("/live"));
  await client.got("data: 1");
  const text = await client.send("\0\0garbage\r\n\r\n").over();
  assertEquals([text.match(/HTTP\/1\.1/g)?.length, canceled], [1, true]);
});

// --- closing ---

case_("closing ends streams in order, idle connections and connections without a request", async () => {
  let canceled = 0;
  const stage = await Stage.open((request) =>
    request.url.endsWith("/live") ? events(() => canceled++) : new Response("hello")
  );
  const clients = [stage.client().send(get("/live")), stage.client().send(get("/")), stage.client()];
  await Promise.all([clients[0]!.got("data: 1"), clients[1]!.got("0\r\n\r\n"), pause(20)]);
  const began = performance.now();
  await within(stage.listener.close(), "close");
  assertLess(performance.now() - began, 900);
  assertEquals(canceled, 1);
  assertMatch(await clients[0]!.over(), /data: 1\n\n\r\n0\r\n\r\n$/);
  await Promise.all(clients.map((client) => client.over()));
  // The port is free again.
  await using _again = await Stage.open(undefined, {}, {}, { ...TCP, port: stage.port } as NetworkAddress);
});

case_("closing does not wait for a client that takes nothing", async () => {
  const body = new Endless();
  const stage = await Stage.open(body.handler, { closing: 100 });
  const client = stage.client();
  client.socket.pause();
  client.send(get("/"));
  for (let before = -1; body.taken === 0 || body.taken !== before;) {
    before = body.taken;
    await pause(50);
  }
  await within(stage.listener.close(), "close");
  assert(body.canceled);
  client.socket.resume();
  await client.over();
});

case_("resets do not end a listener", async () => {
  await using stage = await Stage.open();
  await resetStorm(stage.listener.address as NetworkAddress, 200);
  await stage.served();
});
