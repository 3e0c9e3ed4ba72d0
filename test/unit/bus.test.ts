/** Several mobs on one bus: one order for all, and what each does when frames are away, lost or broken. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { readRuns, RUN_HEADER, writeRunHeader } from "../../src/bus/batch.ts";
import { busRelay } from "../../src/bus/bus.ts";
import type { Channel } from "../../src/bus/channel.ts";
import { Outgoing } from "../../src/bus/outgoing.ts";
import { HUP, READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import type { Token } from "../../src/contract/token.ts";
import { type FrameRules, type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import { WEBSOCKET } from "../../src/framing/server_frames.ts";
import { Mob } from "../../src/server/mob.ts";
import type { MobHooks } from "../../src/server/hooks.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { MemoryBus } from "../helpers/memory_bus.ts";
import { packedRequest, readStream } from "../helpers/websocket_stream.ts";
import { type Member, World } from "../helpers/scripted_server.ts";

/** A mob on the bus, in a world of its own. */
async function join(bus: MemoryBus, options: MobOptions & MobHooks = {}, batchSize?: number) {
  const channel = bus.channel(batchSize);
  const world = await World.open({ ...options, relay: busRelay(channel) });
  return Object.assign(world, { channel });
}

async function pair(options: MobOptions & MobHooks = {}, batchSize?: number) {
  const bus = new MemoryBus();
  return { bus, one: await join(bus, options, batchSize), two: await join(bus, options, batchSize) };
}

/** Bytes are on their way from one mob to the other as long as either has a tick to run. */
function run(...worlds: World[]): void {
  while (worlds.some((world) => world.run() > 0));
}

/** The same, a tick at a time, with what promises do in between. */
async function runSlowly(...worlds: World[]): Promise<void> {
  for (let round = 0; round < 20; round++) {
    for (const world of worlds) world.adapter.run(1);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** A member sends, and nothing runs but its own mob. */
function say(world: World, member: Member, ...texts: string[]): void {
  member.socket.incoming.push(
    concat(...texts.map((text) => frameOf(text, member.framing ?? world.mob.options.framing))),
  );
  world.ready(member.token, READABLE);
}

function checkAccount(world: World): void {
  const { sent, returned, inFlight, lost } = world.mob.stats().bus!;
  for (const unit of ["frames", "bytes"] as const) {
    assertEquals(sent[unit], returned[unit] + inFlight[unit] + lost[unit], JSON.stringify(world.mob.stats().bus));
  }
}

test("two mobs publish the frames of both, in one order", async () => {
  const { one, two } = await pair();
  const [a, b, c] = [one.join(), one.join(), two.join()];
  say(one, a, "a1", "a2");
  say(two, c, "c1");
  say(one, b, "b1");
  run(one, two);
  say(two, c, "c2");
  run(two, one);
  const order = c.socket.texts;
  assertEquals([...order].sort(), ["a1", "a2", "b1", "c1", "c2"]);
  for (const { socket } of [a, b]) assertEquals(socket.texts, order);
  assertEquals([one, two].map(({ mob }) => mob.stats().published), [{ frames: 5, bytes: 50 }, {
    frames: 5,
    bytes: 50,
  }]);
  const { bus } = one.mob.stats();
  assertEquals([bus!.sent, bus!.returned, bus!.received], [
    { frames: 3, bytes: 30 },
    { frames: 3, bytes: 30 },
    { frames: 2, bytes: 20 },
  ]);
  [one, two].forEach(checkAccount);
});

test("nothing is published before it is back, not even to its sender", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "later");
  one.run();
  one.mob.publish("mine");
  one.run();
  assertEquals([a.socket.texts, one.mob.stats().bus!.inFlight], [[], { frames: 2, bytes: 25 }]);
  bus.isOpen = true;
  bus.release();
  one.run();
  assertEquals(a.socket.texts, ["later", "mine"]);
  checkAccount(one);
});

test("what a tick reads goes out as one batch", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const members = Array.from({ length: 20 }, () => one.join());
  for (const member of members) say(one, member, "x", "y");
  one.run();
  assertEquals(bus.waiting, 1);
});

test("while the channel takes no batch, later frames gather in the next one", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const a = one.join();
  one.channel.writable = false;
  for (const text of ["1", "2", "3"]) {
    say(one, a, text);
    one.run();
  }
  assertEquals(bus.waiting, 0);
  one.channel.writable = true;
  one.channel.events!.wake();
  one.run();
  assertEquals(bus.waiting, 1);
  bus.release();
  one.run();
  assertEquals(a.socket.texts, ["1", "2", "3"]);
});

test("under echo others no connection receives its own frames, and each those of the other mob", async () => {
  const { one, two } = await pair({ echo: "others" });
  const [a, b, c] = [one.join(), one.join(), two.join()];
  say(one, a, "a1");
  say(one, b, "b1");
  say(one, a, "a2");
  say(two, c, "c1");
  run(one, two);
  for (const [member, own] of [[a, "a"], [b, "b"], [c, "c"]] as const) {
    assertEquals(member.socket.texts.filter((text) => text.startsWith(own)), []);
    assertEquals(member.socket.texts.length, own === "a" ? 2 : 3);
  }
  const { skipped, delivered } = one.mob.stats();
  assertEquals([skipped.frames, delivered.frames], [3, 5]);
});

test("a client that ends its stream still receives its own last frames, then the end", async () => {
  const { bus, one, two } = await pair();
  bus.isOpen = false;
  const [a, c] = [one.join(), two.join()];
  say(one, a, "last");
  a.socket.incoming.push(null);
  one.run();
  assertEquals([a.socket.shutdowns, one.mob.stats().connections], [0, 1]);
  say(two, c, "before");
  two.run();
  bus.release(1);
  run(one, two);
  assertEquals([a.socket.texts, a.socket.shutdowns], [["last"], 1]);
  bus.release();
  run(one, two);
  assertEquals([a.socket.texts, c.socket.texts], [["last"], ["last", "before"]]);
});

test("a client that ended its stream waits for its last frames no longer than drainTimeout", async () => {
  const { bus, one } = await pair({ drainTimeout: 300 });
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "last");
  a.socket.incoming.push(null);
  one.run();
  for (let time = 0; time < 1000; time += 10) {
    one.adapter.advance(100);
    one.run();
  }
  assertEquals([a.socket.shutdowns, a.socket.texts], [1, []]);
});

test("own frames that come back when their sender has its end already change nothing for it", async () => {
  const { bus, one } = await pair({ echo: "others", drainTimeout: 300 });
  bus.isOpen = false;
  const [a, b] = [one.join(), one.join()];
  a.socket.room = 0;
  for (const [member, text] of [[b, "before"], [a, "first"], [a, "last"]] as const) {
    say(one, member, text);
    one.run();
  }
  a.socket.incoming.push(null);
  one.ready(a.token, READABLE);
  bus.release(2);
  one.run();
  for (let time = 0; time < 310; time += 10) {
    one.adapter.advance(100);
    one.run();
  }
  bus.release();
  one.run();
  one.makeRoom(a.socket, a.token, Infinity);
  one.run();
  assertEquals([a.socket.texts, a.socket.shutdowns, b.socket.texts], [["before"], 1, ["first", "last"]]);
});

test("what only settles own batches is no gap of its own: no connection is cut off", async () => {
  const gaps: unknown[] = [];
  const { bus, one } = await pair({ onGap: (gap) => gaps.push(gap) });
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "swallowed");
  one.run();
  one.channel.push({ type: "gap", why: "discarded", batches: 0, restarted: false, own: [1] });
  one.run();
  const { lost, gaps: told } = one.mob.stats().bus!;
  assertEquals([lost.frames, told, gaps, one.reasons, a.socket.shutdowns], [1, 0, [], [], 0]);
  checkAccount(one);
});

test("a connection that waits for its last frames is read no more, and may break meanwhile", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const [a, b] = [one.join(), one.join()];
  for (const member of [a, b]) {
    say(one, member, "last");
    member.socket.incoming.push(null);
  }
  one.run();
  say(one, b, "too late");
  one.run();
  one.ready(a.token, HUP);
  one.run();
  assertEquals([one.reasons, a.socket.closes], [["end"], 1]);
  bus.release();
  one.run();
  assertEquals([b.socket.texts, b.socket.shutdowns], [["last", "last"], 1]);
  checkAccount(one);
});

test("a closing mob publishes all that it has sent, and then all connections leave", async () => {
  const { bus, one, two } = await pair();
  bus.isOpen = false;
  const [a, b, c] = [one.join(), one.join(), two.join()];
  say(one, a, "a1");
  void one.mob.close();
  one.run();
  assertEquals([a, b].map(({ socket }) => socket.shutdowns), [0, 0]);
  say(two, c, "c1");
  two.run();
  bus.release();
  run(one, two);
  for (const { socket } of [a, b]) {
    assertEquals([socket.texts, socket.shutdowns], [["a1", "c1"], 1]);
    one.ready(socket === a.socket ? a.token : b.token, HUP);
  }
  run(one, two);
  await one.mob.closed;
  assertEquals([c.socket.texts, one.channel.closed, two.channel.closed], [["a1", "c1"], true, false]);
});

test("a closing mob without connections waits for what the application has published", async () => {
  const { bus, one, two } = await pair();
  bus.isOpen = false;
  const c = two.join();
  one.mob.publish("the last word");
  void one.mob.close();
  await runSlowly(one);
  assertEquals(one.channel.closed, false);
  bus.release();
  await runSlowly(one, two);
  assertEquals([c.socket.texts, one.channel.closed], [["the last word"], true]);
});

test("a hook that publishes and closes the mob loses nothing", async () => {
  const bus = new MemoryBus();
  const limits = { maxLag: 200, maxFrame: 100 };
  const one = await join(bus, { ...limits, onLeave: () => finish() });
  const two = await join(bus, limits);
  const finish = (): void => {
    for (let count = 0; count < 5; count++) one.mob.publish("x".repeat(90));
    void one.mob.close();
  };
  const c = two.join();
  one.ready(one.join().token, HUP);
  await runSlowly(one, two);
  assertEquals([c.socket.texts.length, one.channel.closed], [5, true]);
});

test("a closing mob whose bus is away drops its connections after the drain, and counts what is on its way", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "gone");
  void one.mob.close({ drain: 50 });
  one.run();
  for (let time = 0; time < 100; time += 10) {
    one.adapter.advance(100);
    one.run();
  }
  await one.mob.closed;
  assertEquals([one.reasons, one.mob.stats().bus!.inFlight.frames], [["shutdown"], 1]);
});

test("no connection is read while more than a tick's budget is on its way", async () => {
  const { bus, one } = await pair({ maxLag: 4000 });
  bus.isOpen = false;
  const a = one.join();
  for (let count = 0; count < 50; count++) {
    say(one, a, "x".repeat(92));
    one.run();
  }
  const { inFlight } = one.mob.stats().bus!;
  assert(inFlight.bytes > 1000 && inFlight.bytes <= 1300, `${inFlight.bytes} bytes are on their way`);
  bus.isOpen = true;
  bus.release();
  one.run();
  assertEquals([a.socket.texts.length, one.mob.stats().bus!.inFlight.frames], [50, 0]);
  assertEquals(one.mob.publish("x"), true);
});

test("connections that end while a bus is away wait with what they have sent: what is on its way has its bound", async () => {
  const { bus, one, two } = await pair({ maxLag: 4000 });
  bus.isOpen = false;
  const c = two.join();
  const members = Array.from({ length: 30 }, () => one.join());
  for (const member of members) {
    member.socket.incoming.push(concat(...Array.from({ length: 9 }, () => frameOf("x".repeat(92)))));
    one.ready(member.token, READABLE | HUP);
    one.run();
  }
  const { inFlight } = one.mob.stats().bus!;
  assert(inFlight.bytes > 1000 && inFlight.bytes <= 2000, `${inFlight.bytes} bytes are on their way`);
  bus.isOpen = true;
  bus.release();
  run(one, two);
  assertEquals([c.socket.texts.length, one.reasons], [270, Array.from({ length: 30 }, () => "end")]);
  checkAccount(one);
});

test("a connection that ended while the bus had no room is not idle, and can be disconnected", async () => {
  const { bus, one, two } = await pair({ maxLag: 4000, idleTimeout: 1000 });
  bus.isOpen = false;
  const c = two.join();
  const [first, last, other] = [one.join(), one.join(), one.join()];
  say(one, first, ...Array.from({ length: 15 }, () => "x".repeat(92)));
  one.run();
  for (const member of [last, other]) {
    member.socket.incoming.push(frameOf("last"));
    one.ready(member.token, READABLE | HUP);
  }
  one.run();
  one.mob.disconnect(other.token);
  for (let elapsed = 0; elapsed < 4000; elapsed += 100) {
    one.ready(first.token, READABLE);
    one.adapter.advance(100);
    one.run();
  }
  assertEquals(one.reasons.filter((reason) => reason === "idle"), []);
  bus.isOpen = true;
  bus.release();
  run(one, two);
  assertEquals([c.socket.texts.length, one.mob.stats().staleEvents], [16, 0]);
  checkAccount(one);
});

test("under block the end of the connection that holds all back is not waited with, whatever is on its way", async () => {
  for (const endsFirst of [true, false]) {
    const { bus, one } = await pair({ maxLag: 1000, slowConsumer: "block" });
    const [a, b] = [one.join(), one.join()];
    bus.isOpen = false;
    say(one, b, ...Array.from({ length: 4 }, () => "x".repeat(92)));
    one.run();
    a.socket.room = 0;
    const end = (): void => {
      one.ready(a.token, HUP);
      one.run();
    };
    if (endsFirst) end();
    for (let count = 0; count < 15; count++) {
      one.channel.push({ type: "batch", bytes: run1("u64", frameOf("y".repeat(92)), 1), own: undefined });
      one.run();
    }
    if (!endsFirst) end();
    assertEquals([one.reasons, b.socket.texts.length], [["end"], 15]);
  }
});

test("what is back is published within the budget of a tick, so that no connection that keeps up is cut off", async () => {
  const { bus, one } = await pair({ maxLag: 4000 });
  const a = one.join();
  const frames = concat(...Array.from({ length: 100 }, () => frameOf("x".repeat(92))));
  const batch = new Uint8Array(RUN_HEADER + frames.length);
  writeRunHeader(batch, 0, FRAMINGS.u64, 100, frames.length);
  batch.set(frames, RUN_HEADER);
  bus.put(batch);
  a.socket.step = 700;
  let ticks = 0;
  while (one.adapter.run(1) > 0) {
    ticks++;
    if (a.socket.texts.length < 100) one.ready(a.token, WRITABLE);
  }
  assert(ticks >= 10, `${ticks} ticks`);
  assertEquals([a.socket.texts.length, one.reasons], [100, []]);
});

test("under block nothing of the bus is published while a connection holds all back, and all of it later", async () => {
  const { one, two } = await pair({ maxLag: 1000, slowConsumer: "block" });
  const [a, c] = [one.join(), two.join()];
  a.socket.room = 0;
  for (let count = 0; count < 60; count++) {
    say(two, c, `${count}`.padStart(92));
    run(two, one);
  }
  const { published } = one.mob.stats();
  assert(published.bytes < 2000, `${published.bytes} bytes`);
  assertEquals(c.socket.texts.length, 60);
  one.makeRoom(a.socket, a.token, Infinity);
  run(one, two);
  assertEquals(a.socket.texts, c.socket.texts);
});

test("under block nothing is read from the connections of a mob on a bus while one holds all back", async () => {
  const { one, two } = await pair({ maxLag: 1000, slowConsumer: "block" });
  const [a, b, c] = [one.join(), one.join(), two.join()];
  a.socket.room = 0;
  for (let count = 0; count < 20; count++) {
    say(two, c, `${count}`.padStart(92));
    run(two, one);
  }
  const { sent } = one.mob.stats().bus!;
  say(one, b, "held");
  run(one, two);
  assertEquals(one.mob.stats().bus!.sent, sent);
  one.makeRoom(a.socket, a.token, Infinity);
  run(one, two);
  assertEquals(c.socket.texts.at(-1), "held");
});

test("a closing mob that is in the middle of its last batch leaves behind it", async () => {
  const { one } = await pair({ maxLag: 1000, maxFrame: 200 });
  const [a, b] = [one.join(), one.join()];
  one.channel.writable = false;
  for (let count = 0; count < 4; count++) say(one, a, `${count}`.padStart(192));
  one.run();
  void one.mob.close();
  one.channel.writable = true;
  one.run();
  assertEquals([b.socket.texts.length, b.socket.shutdowns, a.socket.texts.length], [4, 1, 4]);
});

test("a gap ends the streams of all connections behind what came before it", async () => {
  const gaps: unknown[] = [];
  const { one, two } = await pair({ onGap: (gap) => gaps.push(gap) });
  const [a, c] = [one.join(), two.join()];
  say(two, c, "before");
  two.run();
  one.channel.push({ type: "gap", why: "discarded", batches: 3, restarted: false, own: [] });
  say(two, c, "behind");
  run(two, one);
  assertEquals([a.socket.texts, a.socket.shutdowns, c.socket.shutdowns], [["before"], 1, 0]);
  one.ready(a.token, HUP);
  run(one);
  const { bus, closed } = one.mob.stats();
  assertEquals([one.reasons, closed.gap, bus!.gaps, gaps], [["gap"], 1, 1, [{ why: "discarded", batches: 3 }]]);
  assertEquals(two.mob.stats().bus!.gaps, 0);
});

test("under skip a gap is counted and told, and the connections go on behind it", async () => {
  const gaps: unknown[] = [];
  const { one, two } = await pair({ slowConsumer: "skip", onGap: (gap) => gaps.push(gap) });
  const [a, c] = [one.join(), two.join()];
  one.channel.push({ type: "gap", why: "discarded", batches: undefined, restarted: true, own: [] });
  say(two, c, "behind");
  run(two, one);
  assertEquals([a.socket.texts, gaps.length, one.mob.stats().bus!.gaps], [["behind"], 1, 1]);
});

test("a client of mobcast.u64 that joins behind a gap receives nothing from before it, also of the same tick", async () => {
  const { one, two } = await pair({ slowConsumer: "skip", history: 1000 });
  const come = await one.listen("ws://127.0.0.1:0");
  const web = (): Member => {
    const member = come();
    member.socket.incoming.push(packedRequest());
    one.ready(member.token, READABLE);
    one.run();
    return member;
  };
  web();
  const c = two.join();
  say(two, c, "before");
  two.run();
  one.channel.push({ type: "gap", why: "discarded", batches: 3, restarted: false, own: [] });
  say(two, c, "behind");
  run(two, one);
  const late = web();
  assertEquals(readStream(late.socket.received).payloads.flatMap((payload) => textsOf(payload)), ["behind"]);
});

test("own batches that a gap has swallowed count as lost, and no connection waits for them", async () => {
  const { bus, one } = await pair({ slowConsumer: "skip" });
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "swallowed");
  a.socket.incoming.push(null);
  one.run();
  one.channel.push({ type: "gap", why: "discarded", batches: 0, restarted: false, own: [1] });
  one.run();
  const { lost, inFlight } = one.mob.stats().bus!;
  assertEquals([lost.frames, inFlight.frames, a.socket.shutdowns], [1, 0, 1]);
  checkAccount(one);
});

test("what was told as lost and comes after all is published once, under echo others to all but its sender", async () => {
  const { bus, one } = await pair({ echo: "others", slowConsumer: "skip" });
  bus.isOpen = false;
  const [a, b] = [one.join(), one.join()];
  say(one, a, "late");
  one.run();
  const bytes = bus.waitingBatch(0);
  one.channel.push({ type: "gap", why: "discarded", batches: 0, restarted: false, own: [1] });
  one.run();
  // Another batch that claims to be it is refused.
  const other = bytes.slice();
  other[other.length - 1]! ^= 1;
  for (const copy of [other, bytes, bytes]) {
    one.channel.push({ type: "batch", bytes: copy, own: undefined, late: 1, sequence: 9 });
    one.run();
  }
  const { lost, received, returned, refused } = one.mob.stats().bus!;
  assertEquals([a.socket.texts, b.socket.texts], [[], ["late"]]);
  assertEquals([lost.frames, received.frames, returned.frames, refused], [1, 1, 0, 2]);
  checkAccount(one);
});

test("listeners of every framing are on the bus, also those that the other mob does not have", async () => {
  const { one, two } = await pair();
  const line = (await one.listen("tcp://127.0.0.1:0?framing=line"))();
  const u32 = (await two.listen("tcp://127.0.0.1:0?framing=u32"))();
  const [a, c] = [one.join(), two.join()];
  say(one, line, "from a line");
  say(two, u32, "two\nlines", "from u32");
  run(one, two);
  for (const member of [a, u32, c]) {
    const texts = member.socket.textsIn(member.framing ?? "u64");
    assertEquals([...texts].sort(), ["from a line", "from u32", "two\nlines"]);
  }
  assertEquals(line.socket.textsIn("line"), a.socket.texts.filter((text) => !text.includes("\n")));
  [one, two].forEach(checkAccount);
});

test("what is no batch, or holds what no mob may publish, is refused and counted", async () => {
  const { bus, one } = await pair({ maxFrame: 100 });
  const a = one.join();
  for (const [index, bytes] of broken().entries()) {
    bus.put(bytes);
    one.run();
    assertEquals(one.channel.refused, index + 1, `${bytes}`);
  }
  assertEquals([one.channel.refused, a.socket.texts, a.socket.closes], [broken().length, [], 0]);
});

test("a batch that claims to be ours and is another is refused: ours is still waited for", async () => {
  const { bus, one } = await pair({ echo: "others" });
  bus.isOpen = false;
  const [a, b] = [one.join(), one.join()];
  say(one, a, "mine");
  one.run();
  const forged = run1("u64", frameOf("fake"), 1);
  one.channel.push({ type: "batch", bytes: forged, own: 1 });
  one.channel.push({ type: "batch", bytes: forged, own: 77 });
  one.run();
  assertEquals([one.channel.refused, b.socket.texts], [2, []]);
  bus.release();
  one.run();
  // What is back can be no batch of ours any more.
  one.channel.push({ type: "batch", bytes: run1("u64", frameOf("mine"), 1), own: 1 });
  one.run();
  assertEquals(one.channel.refused, 3);
  assertEquals([b.socket.texts, a.socket.texts], [["mine"], []]);
  checkAccount(one);
});

test("a relay is for one mob, and a mob that cannot join its bus says why and closes", async () => {
  const bus = new MemoryBus();
  const relay = busRelay(bus.channel());
  await using _mob = new Mob(memoryAdapter(), { relay });
  assertStringIncludes(assertThrows(() => new Mob(memoryAdapter(), { relay }), Error).message, "Cannot use relay");
  const channel = bus.channel();
  channel.failure = new Error("Cannot join bus chat: its framing is line");
  const mob = new Mob(memoryAdapter(), { relay: busRelay(channel) });
  const error = await assertRejects(() => mob.listen("tcp://127.0.0.1:0"), Error);
  assertStringIncludes(error.message, "its framing is line");
  await mob.closed;
  assertThrows(() => new Mob(memoryAdapter(), { relay: {} as never }), TypeError, "relay");
});

test("a bus that is away is told, and when it is back", async () => {
  const { one } = await pair();
  const events = one.mob.events[Symbol.asyncIterator]();
  const next = events.next();
  assertEquals(one.mob.whyBusAway, undefined);
  one.channel.events!.away("no server answers");
  one.channel.events!.away("no server answers");
  assertEquals([one.mob.whyBusAway, one.mob.stats().bus!.state], ["no server answers", "away"]);
  one.channel.events!.away(undefined);
  assertEquals([one.mob.whyBusAway, one.mob.stats().bus!.state], [undefined, "joined"]);
  assertEquals((await next).value?.type, "bus-away");
  assertEquals((await events.next()).value?.type, "bus-back");
});

// --- batches ---

function run1(
  framing: FramingName,
  frames: Uint8Array,
  count: number,
  rules: FrameRules = FRAMINGS[framing],
): Uint8Array {
  const batch = new Uint8Array(RUN_HEADER + frames.length);
  writeRunHeader(batch, 0, rules, count, frames.length);
  batch.set(frames, RUN_HEADER);
  return batch;
}

function message(opcode: number, ...payload: number[]): Uint8Array {
  return Uint8Array.of(0x80 | opcode, payload.length, ...payload);
}

/** What is no batch of a mob whose largest payload has 100 bytes. */
function broken(): Uint8Array[] {
  const good = run1("u64", frameOf("good"), 1);
  const other = (index: number, byte: number): Uint8Array => good.with(index, byte);
  return [
    new Uint8Array(),
    good.subarray(0, 5),
    good.subarray(0, good.length - 1),
    concat(good, Uint8Array.of(1)),
    other(0, 0),
    other(0, 9),
    other(4, 2),
    other(4, 0),
    other(8, 200),
    run1("u64", frameOf(""), 1),
    run1("u64", frameOf("x".repeat(101)), 1),
    run1("u64", frameOf("x").subarray(0, 8), 1),
    run1("line", frameOf("no newline", "line").subarray(0, 9), 1),
    run1("u64", new Uint8Array(), 0),
    ...[
      message(1, 0xff),
      message(9, 65),
      message(0, 65),
      message(2),
      message(2, 65).with(1, 0x81),
      concat(Uint8Array.of(0x82, 126, 0, 1), Uint8Array.of(65)),
      concat(Uint8Array.of(0x82, 127, 1, 0, 0, 0, 0, 0, 0, 1), Uint8Array.of(65)),
    ].map((frame) => run1("u64", frame, 1, WEBSOCKET)),
  ];
}

test("a batch reads as what was written, however its frames came and whatever its size is", () => {
  const frame = fc.record({
    framing: fc.constantFrom<FramingName>("u64", "u32", "line"),
    sender: fc.integer({ min: 0, max: 3 }),
    lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
    pieces: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(frame, { maxLength: 30 }), fc.integer({ min: 20, max: 300 }), (sent, batchSize) => {
    const outgoing = new Outgoing(batchSize);
    const written: Uint8Array[] = [];
    const senders = [1, 2, 3, 4].map((token) => ({
      token: token as Token,
      inFlight: 0,
      feed: { framing: FRAMINGS.u64 },
    }));
    const due: string[] = [];
    let number = 0;
    for (const { framing, sender, lengths, pieces } of sent) {
      for (const group of pieces ? lengths.map((length) => [length]) : [lengths]) {
        const texts = group.map((length) => `${number++}`.padEnd(length, ".").slice(0, length));
        due.push(...texts.map((text) => `${sender} ${text}`));
        const bytes = concat(Uint8Array.of(7), ...texts.map((text) => frameOf(text, framing)));
        if (!pieces) outgoing.add(senders[sender], FRAMINGS[framing], bytes, 1, bytes.length, texts.length);
        else {outgoing.addPieces(
            senders[sender]!,
            FRAMINGS[framing],
            [bytes.subarray(1, 2), bytes.subarray(2)],
            bytes.length - 1,
          );}
      }
    }
    outgoing.offer({ writable: true, write: (_, bytes) => written.push(bytes) } as Partial<Channel> as Channel);
    const back: string[] = [];
    for (const [index, bytes] of written.entries()) {
      const runs = readRuns(bytes, 100)!;
      assert(bytes.length <= batchSize || runs[0]!.frames === 1, `${bytes.length} bytes in a batch`);
      const { shares } = outgoing.settle(index + 1)!;
      assertEquals(
        shares.reduce((sum, { frames }) => sum + frames, 0),
        runs.reduce((sum, { frames }) => sum + frames, 0),
      );
      for (const { token, framing, start, end, frames } of shares) {
        const name = Object.keys(FRAMINGS).find((each) => FRAMINGS[each as FramingName] === framing) as FramingName;
        const texts = textsOf(bytes.slice(start, end), name);
        assertEquals(texts.length, frames);
        back.push(...texts.map((text) => `${token! - 1} ${text}`));
      }
    }
    assertEquals(back, due);
    assertEquals(outgoing.inFlight, { frames: 0, bytes: 0 });
  }));
});

test("whatever comes over a bus is a batch of whole frames or refused", () => {
  const good = run1("u64", concat(frameOf("one"), frameOf("two")), 2);
  const noise = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(fc.property(fc.array(noise, { maxLength: 4 }), fc.nat(good.length), (changes, length) => {
    const bytes = good.slice(0, length);
    for (const [index, byte] of changes) if (index < length) bytes[index] = byte;
    for (const { framing, start, end, frames } of readRuns(bytes, 100) ?? []) {
      let at = start;
      for (let count = 0; count < frames; count++) at = framing.end(bytes, at, end, 100);
      assertEquals(at, end);
    }
  }));
});
