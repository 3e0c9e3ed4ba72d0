/** Mobs on a bus that loses frames or brings broken ones: what is told, counted and refused. */

import { test } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { busRelay } from "../../src/bus/bus.ts";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { WEBSOCKET } from "../../src/framing/server_frames.ts";
import { Mob } from "../../src/server/mob.ts";
import { concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { MemoryBus } from "../helpers/memory_bus.ts";
import { packedRequest, readStream } from "../helpers/websocket_stream.ts";
import type { Member } from "../helpers/scripted_server.ts";
import { batchOf, checkAccount, pair, run, say } from "../helpers/scripted_bus.ts";

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
  const forged = batchOf("u64", frameOf("fake"), 1);
  one.channel.push({ type: "batch", bytes: forged, own: 1 });
  one.channel.push({ type: "batch", bytes: forged, own: 77 });
  one.run();
  assertEquals([one.channel.refused, b.socket.texts], [2, []]);
  bus.release();
  one.run();
  // What is back can be no batch of ours any more.
  one.channel.push({ type: "batch", bytes: batchOf("u64", frameOf("mine"), 1), own: 1 });
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

function message(opcode: number, ...payload: number[]): Uint8Array {
  return Uint8Array.of(0x80 | opcode, payload.length, ...payload);
}

/** What is no batch of a mob whose largest payload has 100 bytes. */
function broken(): Uint8Array[] {
  const good = batchOf("u64", frameOf("good"), 1);
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
    batchOf("u64", frameOf(""), 1),
    batchOf("u64", frameOf("x".repeat(101)), 1),
    batchOf("u64", frameOf("x").subarray(0, 8), 1),
    batchOf("line", frameOf("no newline", "line").subarray(0, 9), 1),
    batchOf("u64", new Uint8Array(), 0),
    ...[
      message(1, 0xff),
      message(9, 65),
      message(0, 65),
      message(2),
      message(2, 65).with(1, 0x81),
      concat(Uint8Array.of(0x82, 126, 0, 1), Uint8Array.of(65)),
      concat(Uint8Array.of(0x82, 127, 1, 0, 0, 0, 0, 0, 0, 1), Uint8Array.of(65)),
    ].map((frame) => batchOf("u64", frame, 1, WEBSOCKET)),
  ];
}
