import { test } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { ipAddressOf } from "../../src/admission/admission.ts";
import { Mob } from "../../src/server/mob.ts";
import type { Connection } from "../../src/server/connection.ts";
import { CHOICES, LIMITS, resolveOptions } from "../../src/server/options.ts";
import { RateLimit } from "../../src/server/rate_limit.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { Deadlines } from "../../src/reactor/deadlines.ts";
import { tokenOf } from "../../src/contract/token.ts";
import { frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";

/** A member's socket gets some bytes, and the tick runs. */
function come(world: World, { socket, token }: Member, bytes: Uint8Array): void {
  socket.incoming.push(bytes);
  world.ready(token, READABLE);
  world.run();
}

// --- frameTimeout ---

test("frameTimeout runs from a frame's first byte, however busily the bytes drip", async () => {
  const world = await World.open({ frameTimeout: 1000 });
  const slowloris = world.join();
  const frame = frameOf("x".repeat(100));
  world.adapter.advance(5000);
  for (let at = 0; at < 10; at++) {
    come(world, slowloris, frame.subarray(at, at + 1));
    world.adapter.advance(99);
  }
  assertEquals(world.reasons, []);
  world.adapter.advance(10);
  assertEquals(world.reasons, ["frame-timeout"]);
});

test("frameTimeout starts anew for each frame, and a whole one has none", async () => {
  const world = await World.open({ frameTimeout: 1000 });
  const member = world.join();
  const frame = frameOf("hello");
  come(world, member, frame.subarray(0, 4));
  for (let count = 0; count < 20; count++) {
    world.adapter.advance(900);
    // The rest of one frame and the beginning of the next.
    come(world, member, new Uint8Array([...frame.subarray(4), ...frame.subarray(0, 4)]));
  }
  come(world, member, frame.subarray(4));
  world.adapter.advance(100_000);
  assertEquals([world.reasons, member.socket.texts.length], [[], 21]);
});

test("frameTimeout does not run while it is the mob that does not read", async () => {
  const world = await World.open({ frameTimeout: 1000, stallTimeout: 1_000_000, maxLag: 100, slowConsumer: "skip" });
  const [speaker, slow] = [world.join(), world.join()];
  come(world, slow, frameOf("hello").subarray(0, 5));
  slow.socket.room = 0;
  world.say(speaker, "x".repeat(70));
  come(world, slow, frameOf("hello").subarray(5));
  world.adapter.advance(10_000);
  assertEquals(world.reasons, []);
  world.makeRoom(slow.socket, slow.token, Infinity);
  world.run();
  assertEquals(speaker.socket.texts.at(-1), "hello");
});

test("a process that was stopped for a while handles the input that waited before it removes any connection as late", async () => {
  const world = await World.open({ frameTimeout: 1000 });
  const member = world.join();
  const frame = frameOf("hello");
  come(world, member, frame.subarray(0, 5));
  // The rest came in time, but the tick runs only now, together with the timer.
  member.socket.incoming.push(frame.subarray(5));
  world.ready(member.token, READABLE);
  world.adapter.advance(30_000);
  assertEquals([world.reasons, member.socket.texts], [[], ["hello"]]);
});

// --- idleTimeout ---

test("idleTimeout removes the connections that neither send nor receive, and only them", async () => {
  const world = await World.open({ idleTimeout: 1000 });
  const [speaker, deaf, pinger] = [world.join(), world.join(), world.join()];
  deaf.socket.room = 0;
  for (let count = 0; count < 5; count++) {
    world.adapter.advance(400);
    if (count < 2) world.say(speaker, "hello");
    world.say(pinger, "");
  }
  // The speaker was last received and last given something at 800; nothing was ever taken by the deaf one.
  assertEquals(world.reasons, ["idle", "idle"]);
  assertEquals(world.mob.connections().map(({ token }) => token), [pinger.token]);
});

test("idleTimeout is off by default", async () => {
  const world = await World.open();
  world.join();
  world.adapter.advance(2 ** 40);
  assertEquals([world.reasons, world.adapter.timers], [[], 0]);
});

// --- rates ---

test("maxFrameRate lets a burst of a second through, then keeps to the rate by not reading", async () => {
  const world = await World.open({ maxFrameRate: 10 });
  const [fast, listener] = [world.join(), world.join()];
  fast.socket.incoming.push(...Array.from({ length: 100 }, (_, index) => frameOf(`${index}`)));
  world.ready(fast.token, READABLE);
  world.run();
  assertEquals(listener.socket.texts.length, 10);
  world.adapter.advance(5000);
  const received = listener.socket.texts.length;
  assert(received >= 58 && received <= 61, `${received} frames after five seconds`);
  world.adapter.advance(10_000);
  assertEquals(listener.socket.texts, Array.from({ length: 100 }, (_, index) => `${index}`));
});

test("maxByteRate counts bytes, and a connection over its rate does not slow the others", async () => {
  const world = await World.open({ maxByteRate: 1000 });
  const [fast, modest] = [world.join(), world.join()];
  fast.socket.incoming.push(...Array.from({ length: 100 }, () => frameOf("x".repeat(92))));
  world.ready(fast.token, READABLE);
  world.run();
  assertEquals(world.mob.stats().published.bytes, 1000);
  world.say(modest, "prompt");
  assertEquals(modest.socket.texts.at(-1), "prompt");
  world.adapter.advance(4000);
  const { bytes } = world.mob.connections().find(({ token }) => token === fast.token)!.received;
  assertGreater(bytes, 4500);
  assertLess(bytes, 5300);
});

test("a connection that waits for its rate may leave meanwhile", async () => {
  const world = await World.open({ maxFrameRate: 1 });
  const fast = world.join();
  fast.socket.incoming.push(...Array.from({ length: 10 }, () => frameOf("x")));
  world.ready(fast.token, READABLE);
  world.run();
  fast.socket.incoming.length = 0;
  world.ready(fast.token, HUP);
  world.run();
  world.adapter.advance(10_000);
  assertEquals([world.reasons, world.adapter.timers], [["end"], 0]);
});

// --- which connections are accepted ---

test("maxConnectionsPerAddress counts by address, and accepts again when there is room", async () => {
  const world = await World.open({ maxConnectionsPerAddress: 2 });
  const [first] = [world.join(), world.join()];
  assertEquals(world.come().token, undefined);
  world.ready(first!.token, HUP);
  world.run();
  assert(world.come().token !== undefined);
  assertEquals(world.mob.stats().closed.refused, 1);
});

test("a mob accepts no more than the process can have open, whatever maxConnections is", async () => {
  const adapter = Object.assign(memoryAdapter(), { capacity: 2 });
  const mob = new Mob(adapter, { maxConnections: 1000 });
  const clients = [mob.join(), mob.join()];
  assertThrows(() => mob.join(), Error, "Cannot join: maxConnections 2");
  await mob.close({ drain: 0 });
  await Promise.all(clients.map((client) => client.closed));
});

test("remoteAddress leaves the port away and calls IPv4 by its name", () => {
  assertEquals(ipAddressOf("127.0.0.1:80"), "127.0.0.1");
  assertEquals(ipAddressOf("[::1]:80"), "::1");
  assertEquals(ipAddressOf("[::ffff:10.1.2.3]:80"), "10.1.2.3");
});

// --- the table ---

test("LIMITS has a default within its range for every limit, and a first choice for every word", () => {
  const resolved = resolveOptions({});
  for (const [name, limit] of Object.entries(LIMITS)) {
    assert(limit.min <= limit.default && limit.default <= limit.max, name);
    assertEquals(resolved[name as keyof typeof LIMITS], limit.default);
    if (limit.unit === "ms") assert(limit.max < 2 ** 31, `${name}: a longer timer fires at once`);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    assertEquals(resolved[name as keyof typeof CHOICES] as string, choices[0] as string);
  }
});

// --- what counts, and what does not any more ---

test("maxFrameRate: an hour of silence saves up no more than one second's allowance", async () => {
  const world = await World.open({ maxFrameRate: 10 });
  const member = world.join();
  come(world, member, frameOf("first"));
  world.adapter.advance(3_600_000);
  const before = world.mob.stats().published.frames;
  for (let count = 0; count < 1000; count++) member.socket.incoming.push(frameOf("x"));
  world.ready(member.token, READABLE);
  world.run();
  assertLess(world.mob.stats().published.frames - before, 12);
  world.adapter.advance(1000);
  assertLess(world.mob.stats().published.frames - before, 23);
});

test("maxByteRate: a connection that was silent for an hour has saved up no more than one second's worth", async () => {
  const world = await World.open({ maxByteRate: 1000 });
  const member = world.join();
  come(world, member, frameOf("x".repeat(92)));
  world.adapter.advance(3_600_000);
  for (let count = 0; count < 100; count++) member.socket.incoming.push(frameOf("x".repeat(92)));
  world.ready(member.token, READABLE);
  world.run();
  assertLess(world.mob.stats().published.bytes, 1300);
});

test("RateLimit keeps nothing of a connection that left", () => {
  const adapter = memoryAdapter({ manual: true });
  const limit = new RateLimit(resolveOptions({ maxFrameRate: 10 }), adapter, () => {});
  const connection = { token: tokenOf(1, 1) } as Connection;
  assert(limit.allows(connection, 0));
  limit.spend(connection, 100, 0);
  assert(!limit.allows(connection, 1));
  limit.forget(connection);
  assertEquals(limit.waiting.size, 0);
  assert(limit.allows(connection, 2), "a bucket was kept");
});

test("a leaving connection has drainTimeout to hang up, when that is less than a second", async () => {
  const world = await World.open({ drainTimeout: 100 });
  const member = world.join();
  member.socket.incoming.push(null);
  world.ready(member.token, READABLE);
  world.run();
  assertEquals([member.socket.shutdowns, world.reasons], [1, []]);
  world.adapter.advance(99);
  assertEquals(world.reasons, []);
  world.adapter.advance(1);
  assertEquals(world.reasons, ["end"]);
});

test("stats count the pings of connections that have left, and rates run since the join", async () => {
  const world = await World.open({ secret: "s" });
  const stays = world.join();
  const leaves = world.join();
  world.adapter.advance(9000);
  for (const member of [stays, leaves]) {
    come(world, member, frameOf("s"));
    come(world, member, new Uint8Array(24));
  }
  leaves.socket.incoming.push(null);
  world.ready(leaves.token, READABLE | HUP);
  world.run();
  assertEquals([world.reasons, world.mob.stats().pings], [["end"], 6]);
  world.adapter.advance(1000);
  come(world, stays, new Uint8Array([...frameOf("x".repeat(992))]));
  assertEquals(
    world.mob.connections().map(({ age, receivedRate: inRate, deliveredRate: givenRate }) => [age, inRate, givenRate]),
    [[
      1000,
      1000,
      1000,
    ]],
  );
});

test("idleTimeout does not run out for a connection whose bytes wait while all are held", async () => {
  const world = await World.open({ slowConsumer: "block", maxLag: 100, stallTimeout: 60_000, idleTimeout: 1000 });
  const [speaker, stuck] = [world.join(), world.join()];
  stuck.socket.room = 0;
  world.say(speaker, "x".repeat(90));
  world.say(speaker, "y".repeat(90));
  world.say(speaker, "z");
  world.adapter.advance(10_000);
  // The stuck one is idle, and all others go on.
  assertEquals([world.reasons[0], world.departures[0]!.token, speaker.socket.texts.at(-1)], ["idle", stuck.token, "z"]);
});

// --- deadlines ---

test("Deadlines expire in the order they were set, with one timer for all", () => {
  const adapter = memoryAdapter({ manual: true });
  const late: number[] = [];
  const deadlines: Deadlines = new Deadlines(adapter, 100, () => {
    late.push(...deadlines.expired());
  });
  for (let index = 1; index <= 3; index++) {
    deadlines.set(tokenOf(index, 1), adapter.now());
    assertEquals(adapter.timers, 1);
    adapter.advance(10);
  }
  deadlines.set(tokenOf(1, 1), adapter.now()); // anew: last now
  deadlines.clear(tokenOf(2, 1));
  adapter.advance(90);
  assertEquals(late, [tokenOf(3, 1)]);
  adapter.advance(10);
  assertEquals([late, deadlines.size, adapter.timers], [[tokenOf(3, 1), tokenOf(1, 1)], 0, 0]);
});

test("Deadlines of 0 never are", () => {
  const adapter = memoryAdapter({ manual: true });
  const deadlines = new Deadlines(adapter, 0, () => {});
  deadlines.set(tokenOf(0, 1), 0);
  assertEquals([deadlines.size, adapter.timers], [0, 0]);
});

test("maxConnectionsPerAddress does not count the application's own members: they have no address", async () => {
  const world = await World.open({ maxConnectionsPerAddress: 1 });
  world.mob.join();
  world.mob.join();
  assertEquals([world.come().token !== undefined, world.come().token], [true, undefined]);
  assertEquals(world.mob.stats().connections, 3);
});
