/** The handler of a status listener: its paths, and who may ask. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { formatToken } from "../../src/contract/token.ts";
import type { ConnectionList, StatusReport } from "../../src/status/report.ts";
import { metrics, statusHandler } from "../../status.ts";
import type { StatusHandlerOptions } from "../../status.ts";
import { connect, Mob } from "../../mod.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { World } from "../helpers/scripted_server.ts";
import { within } from "../helpers/wait.ts";

/** Asks for a path. */
async function ask(mob: Mob, path: string, init: RequestInit = {}, options: StatusHandlerOptions = { hosts: [] }) {
  const url = path.startsWith("http") ? path : `http://127.0.0.1:9100${path}`;
  const response = await statusHandler(mob, options)(new Request(url, init));
  return { status: response.status, headers: response.headers, text: await response.text() };
}

test("/healthz and /readyz answer 200, and /readyz 503 from the first moment of draining", async () => {
  const world = await World.open();
  const staying = world.join();
  staying.socket.room = 0;
  world.say(world.join(), "pending");
  assertEquals((await ask(world.mob, "/healthz")).status, 200);
  const ready = await ask(world.mob, "/readyz");
  assertEquals([ready.status, ready.text], [200, "ready\n"]);
  void world.mob.close();
  const draining = await ask(world.mob, "/readyz");
  assertEquals([draining.status, draining.text], [503, "draining\n"]);
  assertEquals((await ask(world.mob, "/healthz")).status, 200);
});

test("/stats is the report: what stats() has, the options and the program", async () => {
  const { mob } = await World.open();
  const { status, headers, text } = await ask(mob, "/stats");
  const report = JSON.parse(text) as StatusReport;
  assertEquals([status, headers.get("content-type")], [200, "application/json"]);
  assertEquals(report.stats, JSON.parse(JSON.stringify(mob.stats())) as typeof report.stats);
  assertEquals(report.options.maxLag, mob.options.maxLag);
  assertEquals([report.server.state, report.server.version.length > 0], ["open", true]);
});

test("/connections lists as many as are asked for, sorted, and says what it cannot", async () => {
  const world = await World.open();
  const members = [world.join(), world.join(), world.join()];
  members[1]!.socket.room = 3;
  world.say(members[0]!, "hello");
  const list = JSON.parse((await ask(world.mob, "/connections?limit=2")).text) as ConnectionList;
  assertEquals([list.total, list.connections.length], [3, 2]);
  assertEquals(list.connections[0]!.token, formatToken(members[1]!.token));
  assert(list.connections[0]!.lag.bytes > 0 && list.connections[0]!.remoteAddress.length > 0);
  const sorted = JSON.parse((await ask(world.mob, "/connections?sort=received&offset=1")).text) as ConnectionList;
  assertEquals([sorted.total, sorted.connections.length], [3, 2]);
  const wrong = [
    "sort=name",
    "limit=1001",
    "limit=-1",
    "limit=1e3",
    "limit=",
    "offset=x",
    "sort=__proto__",
    "page=2",
    "limit=99999999999999999999",
  ];
  for (const query of wrong) {
    const { status, text } = await ask(world.mob, `/connections?${query}`);
    assertEquals(status, 400, query);
    assertMatch(text, /^Cannot [^\n]+: use [^\n]+\n$/);
  }
});

test("only /connections says remote addresses", async () => {
  const adapter = memoryAdapter();
  const mob = new Mob(adapter);
  const client = await connect(await mob.listen("tcp://127.0.0.1:0"), { adapter });
  const [{ remoteAddress } = { remoteAddress: "" }] = mob.connections();
  assertMatch(remoteAddress, /^127\.0\.0\.1:\d+$/);
  const port = remoteAddress.slice(remoteAddress.lastIndexOf(":"));
  const response = await statusHandler(mob)(new Request("http://127.0.0.1/live"));
  const reader = response.body!.getReader();
  await within(reader.read(), "the first message");
  await client.close();
  const events = new TextDecoder().decode((await within(reader.read(), "the second")).value);
  assertStringIncludes(events, `"left"`);
  const paths = ["/stats", "/metrics", "/", "/healthz"];
  const others = await Promise.all(paths.map(async (path) => (await ask(mob, path)).text));
  for (const text of [events, ...others]) assert(!text.includes(port), text);
  for (const text of [events, others[0]!]) assert(!text.includes("remoteAddress"), text);
  await reader.cancel();
  await mob.close();
});

test("/live sends a report at once and one a second with what happened between, and ends with the mob", async () => {
  const mob = new Mob(memoryAdapter());
  const handler = statusHandler(mob);
  const response = await handler(new Request("http://127.0.0.1/live"));
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body!.getReader();
  const next = async (): Promise<StatusReport> => {
    const { value } = await within(reader.read(), "a message");
    const text = new TextDecoder().decode(value);
    assertMatch(text, /^data: \{[^\n]*\}\n\n$/);
    return JSON.parse(text.slice(6)) as StatusReport;
  };
  const first = await next();
  assertEquals([first.stats.connections, first.events], [0, []]);
  const client = mob.join();
  await client.close();
  const second = await next();
  const passed = second.now - first.now;
  assert(passed > 900, `${passed} ms`);
  assertEquals(second.events?.map(({ type }) => type), ["joined", "left"]);
  assert(second.events?.every((event) => !("remoteAddress" in event)));
  await mob.close();
  for (let done = false; !done;) ({ done } = await within(reader.read(), "the end"));
});

test("32 live streams are open at most, and each that ends makes room", async () => {
  const mob = new Mob(memoryAdapter());
  const handler = statusHandler(mob);
  const live = () => handler(new Request("http://127.0.0.1/live"));
  const streams = await Promise.all(Array.from({ length: 32 }, live));
  assert(streams.every(({ status }) => status === 200));
  const refused = await live();
  assertEquals([refused.status, await refused.text()], [
    503,
    "Cannot open another live stream: 32 are open, close one\n",
  ]);
  await streams[0]!.body!.cancel();
  assertEquals((await live()).status, 200);
  await mob.close();
});

test("a name that may lead anywhere is refused, an address or a listed name is not", async () => {
  const { mob } = await World.open();
  const status = async (url: string, options?: StatusHandlerOptions) => (await ask(mob, url, {}, options)).status;
  for (
    const host of ["127.0.0.1", "127.0.0.1:9100", "[::1]:9100", "10.1.2.3", "localhost", "LOCALHOST:1", "a.localhost"]
  ) {
    assertEquals(await status(`http://${host}/stats`), 200, host);
  }
  for (
    const host of [
      "evil.example",
      "evil.example:9100",
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "notlocalhost",
    ]
  ) {
    assertEquals(await status(`http://${host}/stats`), 403, host);
  }
  assertEquals(await status("http://mob.internal/stats", { hosts: ["Mob.internal"] }), 200);
  assertEquals(await status("http://other.internal/stats", { hosts: ["mob.internal"] }), 403);
  // A server that checks names itself.
  assertEquals(await status("http://any.example/stats", {}), 200);
});

test("a page of another origin is refused everywhere, one of its own is not", async () => {
  const { mob } = await World.open();
  for (const path of ["/", "/metrics", "/stats", "/connections", "/live", "/healthz"]) {
    for (const origin of ["https://evil.example", "http://127.0.0.1:9101", "http://127.0.0.1", "null", "garbage"]) {
      const { status, headers } = await ask(mob, path, { headers: { origin } });
      assertEquals([status, headers.get("access-control-allow-origin")], [403, null], `${path} ${origin}`);
    }
  }
  assertEquals((await ask(mob, "/stats", { headers: { origin: "http://127.0.0.1:9100" } })).status, 200);
});

test("only GET and HEAD are answered, and HEAD has no body", async () => {
  const { mob } = await World.open();
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    const { status, headers } = await ask(mob, "/stats", { method });
    assertEquals([status, headers.get("allow")], [405, "GET, HEAD"], method);
  }
  for (const path of ["/", "/metrics", "/stats", "/live"]) {
    const { status, text, headers } = await ask(mob, path, { method: "HEAD" });
    assertEquals([status, text], [200, ""], path);
    assert(headers.get("content-type") !== null);
  }
});

test("an unknown path is not found, whatever objects are made of, and base stands before all", async () => {
  const { mob } = await World.open();
  for (const path of ["/x", "/constructor", "/__proto__", "/toString", "/metrics/", "//", "/Stats"]) {
    assertEquals((await ask(mob, path)).status, 404, path);
  }
  const base = { base: "/mob/" };
  assertEquals((await ask(mob, "/mob/healthz", {}, base)).status, 200);
  assertEquals((await ask(mob, "/healthz", {}, base)).status, 404);
});

test("what a caller hands in is checked by name: the mob, and each option", async () => {
  const { mob } = await World.open();
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [{ host: ["a"] }, /option host.* did you mean hosts/],
    [{ hosts: "a" }, /hosts "a": it is a list/],
    [{ hosts: ["http://a"] }, /hosts "http:\/\/a": it is a host name/],
    [{ base: "/mob" }, /base "\/mob": it begins and ends with a slash/],
    [{ base: 1 }, /base 1/],
    ["/", /Cannot use "\/" as the options of statusHandler\(\)/],
  ];
  for (const [options, message] of wrong) {
    assertMatch(assertThrows(() => statusHandler(mob, options as StatusHandlerOptions), TypeError).message, message);
  }
  for (const none of [undefined, null, {}, Promise.resolve(mob), { stats: mob.stats, connections: mob.connections }]) {
    for (const make of [statusHandler, metrics]) {
      assertMatch(assertThrows(() => make(none as unknown as Mob), TypeError).message, /^Cannot use mob/);
    }
  }
  assertEquals(
    (await statusHandler(mob, { base: undefined, hosts: undefined })(new Request("http://a/healthz"))).status,
    200,
  );
});

test("no answer may be kept, guessed at, or framed by another page", async () => {
  const { mob } = await World.open();
  for (const path of ["/", "/metrics", "/stats", "/connections", "/healthz", "/x"]) {
    const { headers } = await ask(mob, path);
    assertEquals(headers.get("cache-control"), "no-store", path);
    assertEquals(headers.get("x-content-type-options"), "nosniff", path);
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin", path);
  }
  assertStringIncludes((await ask(mob, "/")).headers.get("content-security-policy")!, "default-src 'none'");
});
