import { test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { Publisher } from "../../src/broadcast/publisher.ts";
import { Connection } from "../../src/server/connection.ts";
import { FrameDecoder } from "../../src/framing/decoder.ts";
import { LagHeap } from "../../src/broadcast/lag_heap.ts";
import { type MobOptions, resolveOptions } from "../../src/server/options.ts";
import type { Token } from "../../src/contract/token.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { concat, frameOf } from "../helpers/bytes.ts";
import { type Member, ScriptedSocket, World } from "../helpers/scripted_server.ts";

/** A member whose socket takes so many bytes and no more. */
function joinWithRoom(world: World, room: number): Member {
  const member = world.join();
  member.socket.room = room;
  return member;
}

/** Makes room in all sockets until nothing is pending. */
function letThemRead(world: World, ...members: readonly Member[]): void {
  for (const { socket, token } of members) world.makeRoom(socket, token, Infinity);
  world.run();
}

/** Published since it joined = given + skipped + lag, in bytes and frames, and given is what the socket took. */
function checkAccounts(world: World, member: Member, joinedAt: { bytes: number; frames: number }): void {
  const { published } = world.mob.stats();
  const accounts = world.mob.connections().find(({ token }) => token === member.token)!;
  const { delivered: given, skipped, lag } = accounts;
  assertEquals(given.bytes, member.socket.received.length);
  assertEquals(given.bytes + skipped.bytes + lag.bytes, published.bytes - joinedAt.bytes);
  assertEquals(given.frames + skipped.frames + lag.frames, published.frames - joinedAt.frames);
}

const NOTHING = { bytes: 0, frames: 0 };
const TEXT = "x".repeat(92); // a frame of 100 bytes

// --- disconnect ---

test("disconnect: over maxLag it is removed, and not one more byte is written", async () => {
  const world = await World.open({ maxLag: 1000 });
  const [speaker, slow] = [world.join(), joinWithRoom(world, 150)];
  for (let count = 0; count < 11; count++) world.say(speaker, TEXT);
  assertEquals([world.reasons, slow.socket.received.length], [[], 150]);
  world.say(speaker, TEXT);
  assertEquals([world.reasons, slow.socket.received.length, slow.socket.closes], [["lagged"], 150, 1]);
  const { lag, undelivered } = world.mob.stats();
  assertEquals([lag.bytes, undelivered.bytes], [0, 1050]);
});

test("disconnect: it is removed at stallTimeout when it takes nothing, however small its lag", async () => {
  const world = await World.open({ stallTimeout: 1000 });
  const speaker = world.join();
  joinWithRoom(world, 5);
  world.say(speaker, TEXT);
  world.adapter.advance(999);
  assertEquals(world.reasons, []);
  world.adapter.advance(1);
  assertEquals(world.reasons, ["stalled"]);
});

test("disconnect: slow but progressing is not stalled", async () => {
  const world = await World.open({ stallTimeout: 1000 });
  const [speaker, slow] = [world.join(), joinWithRoom(world, 5)];
  world.say(speaker, TEXT);
  for (let count = 0; count < 94; count++) {
    world.adapter.advance(999);
    world.makeRoom(slow.socket, slow.token, 1);
    world.run();
  }
  assertEquals([world.reasons, slow.socket.received.length], [[], 99]);
  // Spurious readiness is no progress.
  world.adapter.advance(500);
  world.makeRoom(slow.socket, slow.token, 0);
  world.run();
  world.adapter.advance(500);
  assertEquals(world.reasons, ["stalled"]);
});

test("disconnect: evicting looks at those evicted and no others", async () => {
  const world = await World.open({ maxLag: 1000, maxConnections: 3000 });
  const speaker = world.join();
  const early = Array.from({ length: 10 }, () => joinWithRoom(world, 0));
  for (let count = 0; count < 9; count++) world.say(speaker, TEXT);
  const late = Array.from({ length: 2000 }, () => joinWithRoom(world, 0));
  world.say(speaker, TEXT, TEXT);
  assertEquals(world.reasons, early.map(() => "lagged"));
  assertEquals(world.mob.stats().connections, 1 + late.length);
});

// --- skip ---

test("skip: the half-sent frame is finished, then it rejoins at the live end, and what it missed is counted", async () => {
  const world = await World.open({ maxLag: 1000, slowConsumer: "skip" });
  const [speaker, slow] = [world.join(), joinWithRoom(world, 150)];
  for (let count = 0; count < 30; count++) {
    world.say(speaker, TEXT);
    checkAccounts(world, slow, NOTHING);
  }
  letThemRead(world, slow);
  checkAccounts(world, slow, NOTHING);
  world.say(speaker, "live");
  const texts = slow.socket.texts; // throws when a frame is torn
  assertEquals([texts[0], texts[1], texts[texts.length - 1]], [TEXT, TEXT, "live"]);
  const [accounts] = world.mob.connections().filter(({ token }) => token === slow.token);
  assert(accounts!.skipped.frames > 0);
  assertEquals(accounts!.delivered.frames + accounts!.skipped.frames, 31);
  assertEquals([world.reasons, speaker.socket.texts.length], [[], 31]);
});

test("skip: never a torn frame, wherever the socket stops", async () => {
  for (let room = 0; room <= 210; room++) {
    const world = await World.open({ maxLag: 500, slowConsumer: "skip" });
    const [speaker, slow] = [world.join(), joinWithRoom(world, room)];
    for (let count = 0; count < 12; count++) world.say(speaker, TEXT);
    checkAccounts(world, slow, NOTHING);
    // The rest of the half-sent frame in small steps, with more skipping meanwhile.
    for (let step = 0; step < 20; step++) {
      world.makeRoom(slow.socket, slow.token, 7);
      world.say(speaker, TEXT);
    }
    letThemRead(world, slow);
    world.say(speaker, "live");
    checkAccounts(world, slow, NOTHING);
    const texts = slow.socket.texts;
    assertEquals(texts[texts.length - 1], "live");
    assert(texts.slice(0, -1).every((text) => text === TEXT));
  }
});

test("skip: a stuck connection costs no log after it was skipped, and goes on at the end of that time", async () => {
  const world = await World.open({ maxLag: 2 ** 20, slowConsumer: "skip" });
  const [speaker, slow] = [world.join(), joinWithRoom(world, 10)];
  const text = "x".repeat(50_000);
  for (let count = 0; count < 25; count++) world.say(speaker, text);
  for (let count = 0; count < 50; count++) {
    world.say(speaker, text);
    assertLess(world.mob.stats().logBytes, 600_000);
    checkAccounts(world, slow, NOTHING);
  }
  // It takes some of the half-sent frame: still skipping. What it sends meanwhile waits: it does not read.
  world.makeRoom(slow.socket, slow.token, 1000);
  world.say(slow, "not yet");
  assertEquals([world.mob.stats().published.frames, slow.socket.received.length], [75, 1010]);
  checkAccounts(world, slow, NOTHING);
  letThemRead(world, slow);
  world.say(speaker, "live");
  assertEquals(slow.socket.texts.map((received) => received.slice(0, 7)), ["xxxxxxx", "not yet", "live"]);
  checkAccounts(world, slow, NOTHING);
  assertEquals(world.reasons, []);
});

test("skip: a connection that leaves while it is skipping gets the end, or is removed when it takes nothing", async () => {
  for (const takes of [true, false]) {
    const world = await World.open({ maxLag: 300, slowConsumer: "skip", stallTimeout: 1000 });
    const [speaker, slow] = [world.join(), joinWithRoom(world, 10)];
    for (let count = 0; count < 10; count++) world.say(speaker, TEXT);
    slow.socket.incoming.push(null);
    world.ready(slow.token, HUP);
    world.run();
    assertEquals(world.reasons, ["end"]);
    const [, deaf] = [world.join(), joinWithRoom(world, 0)];
    for (let count = 0; count < 10; count++) world.say(speaker, TEXT);
    void world.mob.close({ drain: 60_000 });
    world.run();
    if (takes) letThemRead(world, deaf);
    else world.adapter.advance(1000);
    assertEquals([deaf.socket.shutdowns, world.reasons.includes("stalled")], [takes ? 1 : 0, !takes]);
  }
});

test("skip: memory stays within maxLag however long it lasts, and stuck for stallTimeout it is removed", async () => {
  const world = await World.open({ maxLag: 2 ** 20, slowConsumer: "skip", stallTimeout: 5000 });
  const [speaker] = [world.join(), joinWithRoom(world, 10), joinWithRoom(world, 0)];
  const text = "x".repeat(50_000);
  for (let count = 0; count < 400; count++) {
    world.say(speaker!, text);
    assert(world.mob.stats().logBytes <= 2 ** 20 + 2 * 256 * 1024);
  }
  assertEquals(world.reasons, []);
  world.adapter.advance(5000);
  world.say(speaker!, text);
  world.adapter.advance(5000);
  assertEquals(world.reasons, ["stalled", "stalled"]);
});

test("skip: a full connection with nothing pending is not stalled", async () => {
  const world = await World.open({ maxLag: 100, slowConsumer: "skip", stallTimeout: 1000 });
  const [speaker, slow] = [world.join(), joinWithRoom(world, 0)];
  world.say(speaker, TEXT, TEXT);
  world.adapter.advance(10_000);
  assertEquals(world.reasons, []);
  letThemRead(world, slow);
  world.say(speaker, "live");
  assertEquals(slow.socket.texts, ["live"]);
});

// --- block ---

test("block: over maxLag no connection is read, under half of it all are again, and nothing is lost", async () => {
  const world = await World.open({ maxLag: 1000, slowConsumer: "block" });
  const [speaker, other, slow] = [world.join(), world.join(), joinWithRoom(world, 50)];
  for (let count = 0; count < 11; count++) world.say(speaker, TEXT);
  // Over the limit now: these two wait in their sockets.
  speaker.socket.incoming.push(frameOf("from one"));
  other.socket.incoming.push(frameOf("from other"));
  world.ready(speaker.token, READABLE);
  world.ready(other.token, READABLE);
  world.run();
  assertEquals(world.mob.stats().published.frames, 11);
  world.makeRoom(slow.socket, slow.token, 500);
  world.run();
  assertEquals(world.mob.stats().published.frames, 11);
  world.makeRoom(slow.socket, slow.token, 100);
  world.run();
  assertEquals(world.mob.stats().published.frames, 13);
  letThemRead(world, slow);
  const texts = [...Array.from({ length: 11 }, () => TEXT), "from one", "from other"];
  for (const { socket } of [speaker, other, slow]) assertEquals(socket.texts, texts);
  assertEquals(world.reasons, []);
});

test("block: a connection without progress for stallTimeout is removed, and the mob goes on", async () => {
  const world = await World.open({ maxLag: 1000, slowConsumer: "block", stallTimeout: 2000 });
  const [speaker] = [world.join(), joinWithRoom(world, 50)];
  for (let count = 0; count < 20; count++) world.say(speaker!, TEXT);
  assertEquals(world.mob.stats().published.frames, 11);
  world.adapter.advance(2000);
  assertEquals([world.reasons, speaker!.socket.texts.length], [["stalled"], 20]);
});

test("block: a connection that leaves while it holds all others lets go", async () => {
  const world = await World.open({ maxLag: 1000, slowConsumer: "block" });
  const [speaker, slow] = [world.join(), joinWithRoom(world, 0)];
  for (let count = 0; count < 15; count++) world.say(speaker, TEXT);
  assertEquals(world.mob.stats().published.frames, 11);
  world.ready(slow.token, HUP);
  world.run();
  assertEquals(speaker.socket.texts.length, 15);
});

// --- every policy ---

for (const slowConsumer of ["disconnect", "skip", "block"] as const) {
  test(`${slowConsumer}: a connection whose own lag is over half of maxLag is not read from until it is not`, async () => {
    const world = await World.open({ maxLag: 1000, slowConsumer });
    const [speaker, slow] = [world.join(), joinWithRoom(world, 0)];
    for (let count = 0; count < 6; count++) world.say(speaker, TEXT);
    world.say(slow, "me too");
    assertEquals([world.mob.stats().published.frames, world.mob.connections()[0]!.paused], [6, true]);
    world.makeRoom(slow.socket, slow.token, 100);
    world.run();
    assertEquals([world.mob.stats().published.frames, world.mob.connections()[0]!.paused], [7, false]);
    letThemRead(world, slow);
    assertEquals(slow.socket.texts, speaker.socket.texts);
  });

  test(`${slowConsumer}: a client that writes everything before it reads anything ends with a reason`, async () => {
    const world = await World.open({ maxLag: 10_000, slowConsumer, stallTimeout: 1000 });
    const writer = joinWithRoom(world, 300);
    const listener = world.join();
    writer.socket.incoming.push(...Array.from({ length: 1000 }, () => frameOf(TEXT)));
    world.ready(writer.token, READABLE);
    world.run();
    assertLess(world.mob.stats().published.bytes, 10_000);
    world.adapter.advance(1000);
    assertEquals(world.reasons, ["stalled"]);
    assertEquals(listener.socket.received.length, world.mob.stats().published.bytes);
  });
}

// --- echo ---

test("echo others: no connection receives its own frames, every other receives all, in order", async () => {
  const world = await World.open({ echo: "others" });
  const [one, two, silent] = [world.join(), world.join(), world.join()];
  world.say(one, "1a", "1b");
  for (const [member, text] of [[one, "1c"], [two, "2a"]] as const) {
    member.socket.incoming.push(frameOf(text));
    world.ready(member.token, READABLE);
  }
  world.run();
  world.say(two, "2b");
  world.say(one, "1d");
  assertEquals(one.socket.texts, ["2a", "2b"]);
  assertEquals(two.socket.texts, ["1a", "1b", "1c", "1d"]);
  assertEquals(silent.socket.texts, ["1a", "1b", "1c", "2a", "2b", "1d"]);
  for (const member of [one, two, silent]) checkAccounts(world, member, NOTHING);
  assertEquals(world.mob.connections().map(({ skipped }) => skipped.frames).sort(), [0, 2, 4]);
});

test("echo others: the rule holds while it lags, wherever its socket stops, and under skip", async () => {
  for (const options of [{ echo: "others" }, { echo: "others", slowConsumer: "skip", maxLag: 300 }] as MobOptions[]) {
    for (let room = 0; room < 60; room++) {
      const world = await World.open(options);
      const [one, two] = [joinWithRoom(world, room), world.join()];
      for (let count = 0; count < 5; count++) {
        world.say(two, `two ${count}`);
        world.say(one, `one ${count}`);
      }
      checkAccounts(world, one, NOTHING);
      letThemRead(world, one);
      checkAccounts(world, one, NOTHING);
      world.say(one, "own");
      world.say(two, "live");
      const texts = one.socket.texts;
      assert(texts.every((text) => !text.startsWith("o")), `received itself: ${texts}`);
      assertEquals(texts[texts.length - 1], "live");
    }
  }
});

// --- the heap ---

test("echo others: a connection that is behind by very many frames of its own catches up in time proportional to them", () => {
  const frame = frameOf("x");
  const publisher = new Publisher<Connection>("u64", resolveOptions({ echo: "others", maxLag: 2 ** 26 }), {
    blocked() {},
    progressed() {},
    caughtUp() {},
    tookControl() {},
    slow() {},
    heldBack() {},
    failed(_connection, error) {
      throw error;
    },
  });
  const feed = publisher.feed("u64");
  const connect = (token: number): [Connection, ScriptedSocket] => {
    const socket = new ScriptedSocket(`client ${token}`);
    socket.keeps = false;
    const connection = new Connection(token as Token, socket, undefined, new FrameDecoder(), feed, 0);
    feed.add(connection);
    return [connection, socket];
  };
  const [[stuck, socket], [other]] = [connect(1), connect(2)];
  socket.room = 0;
  const frames = 200_000;
  for (let index = 0; index < frames; index++) {
    for (const sender of [stuck, other]) publisher.publish(sender, frame, 0, frame.length, 1);
    if (index === 0) feed.flush();
  }
  socket.room = Infinity;
  const started = performance.now();
  feed.resume(stuck);
  feed.flush();
  // Taking the first of an array that many times takes Node ten seconds.
  assertLess(performance.now() - started, 2000);
  assertEquals([stuck.bytesDelivered, stuck.framesSkipped, feed.lag(stuck)], [frames * frame.length, frames, 0]);
});

test("Blocked connections keeps the furthest behind on top through any adding, moving and removing", () => {
  const lagHeap = new LagHeap<Pick<Connection, "cursor" | "heapIndex">>();
  const inside: Pick<Connection, "cursor" | "heapIndex">[] = [];
  let state = 1;
  const random = (limit: number): number => (state = (state * 48271) % 2147483647) % limit;
  for (let step = 0; step < 5000; step++) {
    const pick = inside[random(inside.length || 1)];
    if (inside.length < 5 || random(3) === 0) {
      const entry = { cursor: random(1000), heapIndex: -1 };
      inside.push(entry);
      lagHeap.add(entry);
    } else if (random(2) === 0) {
      lagHeap.remove(pick!);
      pick!.cursor += random(300);
      lagHeap.add(pick!);
    } else {
      inside.splice(inside.indexOf(pick!), 1);
      lagHeap.remove(pick!);
      lagHeap.remove(pick!);
      assertEquals(pick!.heapIndex, -1);
    }
    assertEquals(lagHeap.size, inside.length);
    assertEquals(lagHeap.first?.cursor, Math.min(...inside.map(({ cursor }) => cursor)));
  }
});

test("the memory adapter's clock stands still until it is moved", () => {
  const adapter = memoryAdapter({ manual: true });
  const ran: number[] = [];
  adapter.after(20, () => ran.push(adapter.now()));
  adapter.after(10, () => ran.push(adapter.now()));
  const cancel = adapter.after(15, () => ran.push(-1));
  cancel();
  adapter.advance(19);
  assertEquals(ran, [10]);
  adapter.advance(1);
  assertEquals([ran, adapter.timers], [[10, 20], 0]);
  assertEquals(concat().length, 0);
});
