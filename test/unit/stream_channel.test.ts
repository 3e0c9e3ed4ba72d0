/** The channel over a stream of an engine: every rule of it, and every fault of an engine. */

import { test } from "node:test";
import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { ENVELOPE, type Envelope, unwrap, wrap } from "../../src/bus/envelope.ts";
import { NodeFilter } from "../../src/bus/node_filter.ts";
import { StreamChannel } from "../../src/bus/stream_channel.ts";
import { answers, joined, ManualTimers, numbers, readAll, ScriptedStream, short } from "../helpers/scripted_stream.ts";

const A = "00000000000000aa";
const B = "00000000000000bb";

function batch(first: number, length = 10): Uint8Array {
  return new Uint8Array(length).fill(first, 0, 1);
}

/** A message of another mob. */
function from(node: string, number: number, piece: Uint8Array, more: Partial<Envelope> = {}): Uint8Array {
  return wrap({ node, number, sequence: 0, offset: 0, start: 0, isLast: true, ...more }, "u64", piece);
}

// --- the envelope ---

test("an envelope says what went into it, up to the largest numbers", () => {
  const most = Number.MAX_SAFE_INTEGER;
  for (
    const envelope of [
      { node: "0123456789abcdef", number: 1, sequence: 0, offset: 0, start: 0, isLast: true },
      { node: "ffffffffffffffff", number: most, sequence: most, offset: most, start: 2 ** 32 - 1, isLast: false },
      { node: A, number: 3, sequence: 2, offset: 0, start: 0, isLast: true, previous: { sequence: most, life: B } },
      { node: A, number: 2 ** 32, sequence: 2 ** 33 + 7, offset: 2 ** 40 + 1, start: 5, isLast: true },
    ]
  ) {
    for (const framing of ["u64", "u32", "line"]) {
      const message = wrap(envelope, framing, batch(7));
      assertEquals(unwrap(message, framing), envelope);
      assertEquals(message.subarray(ENVELOPE), batch(7));
    }
  }
  assertThrows(
    () => wrap({ node: A, number: 1, sequence: 0, offset: 0, start: 0, isLast: true }, "u16", batch(1)),
    RangeError,
    "u16",
  );
});

test("what is no envelope, of another version or of another framing, is none: every byte of the head counts", () => {
  const good = from(A, 1, batch(7));
  assert(unwrap(good, "u64"));
  for (const at of [0, 1, 2, 3, 4, 6, 7]) {
    const bad = good.slice();
    bad[at]! ^= 4;
    assertEquals(unwrap(bad, "u64"), undefined, `byte ${at}`);
  }
  for (let length = 0; length < ENVELOPE; length++) assertEquals(unwrap(good.subarray(0, length), "u64"), undefined);
  assertEquals(unwrap(good, "line"), undefined);
  for (const [at, value] of [[5, 2], [16, 0x20], [24, 0x20], [32, 0x20], [52, 0x20], [23, 0]] as const) {
    const bad = good.slice();
    bad[at] = value;
    assertEquals(unwrap(bad, "u64"), undefined, `byte ${at}`);
  }
  // A piece without bytes is no piece, a batch without bytes is one.
  assertEquals(unwrap(from(A, 1, new Uint8Array(), { isLast: false }), "u64"), undefined);
  assert(unwrap(from(A, 1, new Uint8Array()), "u64"));
});

// --- one batch at a time ---

test("a batch is appended, and is back when it is read: the next one is taken then, whatever the answer says", async () => {
  const { stream, channel, told } = await joined();
  assert(channel.writable);
  channel.write(1, batch(7));
  assert(!channel.writable);
  assertEquals(stream.sent, ["1@0!"]);
  stream.deliver();
  assertEquals(told, ["wake"]);
  // It is judged when it is read.
  assert(!channel.writable);
  assertEquals(readAll(channel), ["7x10 own 1"]);
  assert(channel.writable);
  // The first answer never comes.
  channel.write(2, batch(8));
  assertEquals(stream.sent, ["1@0!", "2@0!"]);
  stream.deliver();
  assertEquals(readAll(channel), ["8x10 own 2"]);
  assertEquals(channel.stats(), { sequence: 2, missedBatches: 0, restarts: 0, resent: 0, repeated: 0, refused: 0 });
});

test("before the stream is open, and when it is closed, nothing is taken", async () => {
  const stream = new ScriptedStream();
  const channel = new StreamChannel(stream, { clock: new ManualTimers().clock, random: numbers(1) });
  assert(!channel.writable);
  assertEquals([channel.name, channel.batchSize], ["bus", 1024 - ENVELOPE]);
  const opening = channel.open({ wake: () => {}, away: () => {} }, { framing: "u64", maxFrame: 100 }, 0);
  assert(!channel.writable);
  stream.sequence = 41;
  await opening;
  assert(channel.writable);
  await channel.close();
  assert(stream.closed && !channel.writable);
});

test("a stream that does not open says why, and the channel is its position otherwise", async () => {
  const stream = new ScriptedStream();
  stream.sequence = 41;
  const options = { clock: new ManualTimers().clock, random: numbers(1) };
  const channel = new StreamChannel(stream, options);
  const terms = { framing: "u64", maxFrame: 100 };
  assertEquals(await channel.open({ wake: () => {}, away: () => {} }, terms, 0), { sequence: 41, epoch: "1" });
  assertEquals(channel.stats().sequence, 41);
  stream.open = () => Promise.reject(new Error("no"));
  await assertRejects(
    () => new StreamChannel(stream, options).open({ wake: () => {}, away: () => {} }, terms, 0),
    Error,
    "no",
  );
});

test("the envelope has the position that the mob is at", async () => {
  const stream = new ScriptedStream();
  const here = { sequence: 5, offset: 77, epoch: "00000000000000a1" };
  const channel = new StreamChannel(stream, { clock: new ManualTimers().clock, random: numbers(1) });
  await channel.open({ wake: () => {}, away: () => {}, here }, { framing: "u64", maxFrame: 100 }, 0);
  channel.write(1, batch(7));
  const { sequence, offset, epoch } = unwrap(stream.last.message, "u64")!;
  assertEquals({ sequence, offset, epoch }, here);
  const { channel: other, stream: its } = await joined({ seed: 2 });
  its.reader.message(9, stream.last.message);
  assertEquals(other.read(), { type: "batch", bytes: batch(7), own: undefined, sequence: 9, sentAt: here });
});

test("every mob names itself", async () => {
  const one = await joined({ seed: 1 });
  const other = await joined({ seed: 2 });
  for (const { channel } of [one, other]) channel.write(1, batch(7));
  const nodes = [one, other].map(({ stream }) => unwrap(stream.last.message, "u64")!.node);
  assert(nodes[0] !== nodes[1]);
  assertEquals(nodes.map(({ length }) => length), [16, 16]);
});

// --- large batches ---

test("a large batch goes in pieces, each when the one before is back, and is where its last piece is", async () => {
  for (const length of [1, 99, 100, 101, 199, 200, 201, 1000]) {
    const { stream, channel } = await joined({ maxMessage: ENVELOPE + 100 });
    const bytes = Uint8Array.from({ length }, (_, at) => at % 251);
    channel.write(1, bytes);
    const pieces = Math.ceil(length / 100);
    for (let piece = 1; piece <= pieces; piece++) {
      assertEquals(stream.appended.length, piece);
      assert(stream.last.message.length <= stream.maxMessage);
      stream.deliver();
      stream.deliver(from(A, piece, batch(9)));
      const item = piece === pieces ? channel.read() : undefined;
      if (item) assert(item.type === "batch" && item.own === 1 && item.bytes.every((byte, at) => byte === bytes[at]));
      assertEquals(readAll(channel), ["9x10"]);
      assertEquals(channel.writable, piece === pieces);
    }
    assertEquals(stream.sent.at(-1), `1@${100 * (pieces - 1)}!`);
    // Nothing of it is kept, also not in another mob.
    channel.write(2, batch(3));
    stream.deliver();
    assertEquals(readAll(channel), ["3x10 own 2"]);
  }
});

test("pieces of several mobs may lie among each other, at every split", async () => {
  const whole = Uint8Array.from({ length: 30 }, (_, at) => at);
  for (let split = 1; split < 30; split++) {
    const { stream, channel } = await joined();
    stream.deliver(from(A, 4, whole.subarray(0, split), { isLast: false }));
    stream.deliver(from(B, 9, whole.subarray(0, 3), { isLast: false }));
    assertEquals(readAll(channel), []);
    stream.deliver(from(A, 4, whole.subarray(split), { start: split }));
    stream.deliver(from(B, 9, whole.subarray(3), { start: 3 }));
    for (const _ of [A, B]) {
      const item = channel.read();
      assert(item?.type === "batch");
      assertEquals(item.bytes, whole);
    }
    assertEquals(channel.read(), undefined);
  }
});

test("pieces that were cut anew, since messages may be larger or smaller now, overlap: every byte counts once", async () => {
  const whole = Uint8Array.from({ length: 30 }, (_, at) => at);
  for (let had = 1; had < 30; had++) {
    for (const size of [1, 4, 7, 29]) {
      const { stream, channel } = await joined();
      stream.deliver(from(A, 4, whole.subarray(0, had), { isLast: false }));
      for (let start = 0; start < 30; start += size) {
        const end = Math.min(30, start + size);
        stream.deliver(from(A, 4, whole.subarray(start, end), { start, isLast: end === 30 }));
      }
      const item = channel.read();
      assert(item?.type === "batch");
      assertEquals(item.bytes, whole);
      assertEquals(channel.read(), undefined);
      assertEquals(channel.stats().repeated, Math.floor(had / size));
    }
  }
});

test("messages may be smaller after a reconnect: what was stored of a batch, or will be, and the rest are one batch", async () => {
  for (const stored of [true, false]) {
    const { stream, channel, timers } = await joined({ maxMessage: ENVELOPE + 100 });
    const other = await joined({ seed: 2 });
    const bytes = Uint8Array.from({ length: 150 }, (_, at) => at);
    channel.write(1, bytes);
    const first = stream.last;
    first.failed(new Error("disconnected"));
    stream.maxMessage = ENVELOPE + 40;
    await answers();
    timers.pass();
    assertEquals(stream.sent, ["1@0", "1@0"]);
    assertEquals(stream.last.message.length, ENVELOPE + 40);
    const order = stored ? [first.message] : [];
    for (const message of order) stream.deliver(message);
    readAll(channel);
    for (let at = 1; at < stream.appended.length || !channel.writable; at++) {
      const { message } = stream.appended[at]!;
      order.push(message);
      stream.deliver(message);
      const item = channel.read();
      if (item) {
        assert(item.type === "batch" && item.own === 1 && item.bytes.every((byte, index) => byte === bytes[index]));
      }
    }
    assertEquals(stream.sent, stored ? ["1@0", "1@0", "1@100", "1@140!"] : ["1@0", "1@0", "1@40", "1@80", "1@120!"]);
    for (const message of order) other.stream.deliver(message);
    assertEquals(readAll(other.channel), ["0x150"]);
  }
});

// --- the filter ---

test("of each node the next batch is taken; a lower one is repeated, a higher one tells that something is missing", async () => {
  const { stream, channel } = await joined();
  // What a mob hears first it takes, whatever its number is.
  for (const [node, number] of [[A, 5], [B, 1], [A, 5], [A, 4], [A, 7], [A, 6], [B, 3], [A, 7], [B, 2]] as const) {
    stream.deliver(from(node, number, batch(number)));
  }
  const lost = "gap undefined";
  assertEquals(readAll(channel), ["5x10", "1x10", lost, "7x10", lost, "3x10"]);
  assertEquals([channel.stats().repeated, channel.stats().missedBatches], [5, 2]);
});

test("a gap is told, and behind it the next batch of each node is taken once, and what is missing is counted", async () => {
  const { stream, channel } = await joined();
  stream.deliver(from(A, 1, batch(1)));
  stream.deliver(from(B, 1, batch(2)));
  stream.reader.missed(3, 8);
  stream.sequence = 7;
  stream.deliver(from(A, 5, batch(5)));
  stream.deliver(from(A, 7, batch(7)));
  stream.deliver(from(A, 6, batch(6)));
  stream.deliver(from(B, 2, batch(8)));
  stream.deliver(from(B, 4, batch(9)));
  const lost = "gap undefined";
  assertEquals(readAll(channel), ["1x10", "2x10", "gap 5", "5x10", lost, "7x10", "8x10", lost, "9x10"]);
  assertEquals([channel.stats().missedBatches, channel.stats().sequence], [5, 12]);
});

test("a mob that joins in the middle of a large batch says that it misses it; one that begins again is whole", async () => {
  const { stream, channel } = await joined();
  stream.deliver(from(A, 5, batch(1), { start: 10, isLast: false }));
  assertEquals(readAll(channel), []);
  stream.deliver(from(A, 5, batch(1), { start: 20 }));
  stream.deliver(from(A, 6, batch(6)));
  assertEquals(readAll(channel), ["gap 1", "6x10"]);
  assertEquals(channel.stats().missedBatches, 1);
  stream.deliver(from(B, 5, batch(1), { start: 10, isLast: false }));
  stream.deliver(from(B, 5, batch(1), { isLast: false }));
  stream.deliver(from(B, 5, batch(1), { start: 10 }));
  assertEquals(readAll(channel), ["1x20"]);
});

test("a large batch of which a piece is missing is told when its end comes, and not before", async () => {
  const { stream, channel } = await joined();
  stream.deliver(from(A, 5, batch(1), { isLast: false }));
  stream.reader.missed(2, 3);
  stream.sequence = 2;
  stream.deliver(from(A, 5, batch(1), { start: 20, isLast: false }));
  assertEquals(readAll(channel), ["gap 1"]);
  stream.deliver(from(A, 5, batch(1), { start: 30 }));
  stream.deliver(from(A, 6, batch(6)));
  assertEquals(readAll(channel), ["gap 1", "6x10"]);
  assertEquals(channel.stats().missedBatches, 1);
});

test("behind a gap a piece of a late copy does not make the next batch a gap of its own", async () => {
  const { stream, channel } = await joined();
  stream.deliver(from(A, 4, batch(4)));
  stream.reader.restarted("it is empty", "2");
  stream.sequence = 0;
  stream.deliver(from(A, 5, batch(5), { isLast: false }));
  stream.deliver(from(A, 6, batch(6)));
  stream.deliver(from(A, 7, batch(7)));
  stream.deliver(from(A, 9, batch(9)));
  assertEquals(readAll(channel), ["4x10", "restart", "6x10", "7x10", "gap undefined", "9x10"]);
  assertEquals(channel.stats().missedBatches, 2);
});

test("a piece on its own, behind what comes next, does not hide that the next batch is missing", async () => {
  const { stream, channel } = await joined();
  stream.deliver(from(A, 3, batch(3)));
  stream.deliver(from(A, 5, batch(5), { start: 10, isLast: false }));
  stream.deliver(from(A, 6, batch(6)));
  assertEquals(readAll(channel), ["3x10", "gap undefined", "6x10"]);
  assertEquals(channel.stats().missedBatches, 2);
});

test("a mob that joins and hears a piece of a late copy first takes the next batch, and no gap is told", async () => {
  const { stream, channel } = await joined();
  stream.deliver(from(A, 3, batch(3), { isLast: false }));
  stream.deliver(from(A, 4, batch(4), { isLast: false }));
  stream.deliver(from(A, 4, batch(4), { start: 10 }));
  assertEquals(readAll(channel), ["4x20"]);
});

test("garbage, other versions, other framings, and numbers of this mob that it has not sent are refused and counted", async () => {
  const { stream, channel } = await joined();
  channel.write(1, batch(7));
  const own = stream.last.message;
  const { node } = unwrap(own, "u64")!;
  const version = own.slice();
  version[3] = 2;
  for (
    const bad of [
      new Uint8Array(),
      batch(1),
      version,
      wrap(unwrap(own, "u64")!, "line", batch(1)),
      from(node, 2, batch(1)),
    ]
  ) {
    stream.deliver(bad);
  }
  assertEquals(readAll(channel), []);
  assertEquals(channel.stats().refused, 5);
  stream.deliver(own);
  stream.deliver(from(node, 2, batch(1)));
  assertEquals(readAll(channel), ["7x10 own 1"]);
  assertEquals(channel.stats().refused, 6);
  channel.write(2, batch(8));
  stream.deliver();
  assertEquals(readAll(channel), ["8x10 own 2"]);
});

// --- a batch that turns out to be broken ---

test("a refused batch is as if it had not come: of another node, of an unknown one, behind a gap, in pieces", async () => {
  const { stream, channel } = await joined();
  stream.deliver(from(A, 5, batch(66)));
  assertEquals(channel.read()?.type, "batch");
  channel.refuse();
  // It was unknown, and still is.
  stream.deliver(from(A, 3, batch(3)));
  stream.deliver(from(A, 4, batch(66)));
  assertEquals(channel.read()?.type, "batch");
  assertEquals(channel.read()?.type, "batch");
  channel.refuse();
  stream.deliver(from(A, 4, batch(4)));
  stream.reader.missed(5, 6);
  stream.sequence = 5;
  stream.deliver(from(A, 8, batch(66)));
  for (const type of ["batch", "gap", "batch"]) assertEquals(channel.read()?.type, type);
  channel.refuse();
  assertEquals(channel.stats().missedBatches, 0);
  stream.deliver(from(A, 6, batch(6)));
  stream.deliver(from(A, 7, batch(7), { isLast: false }));
  stream.deliver(from(A, 7, batch(66), { start: 10 }));
  assertEquals(channel.read()?.type, "batch");
  assertEquals(channel.read()?.type, "batch");
  channel.refuse();
  stream.deliver(from(A, 7, batch(7, 20)));
  stream.deliver(from(A, 8, batch(8)));
  assertEquals(readAll(channel), ["7x20", "8x10"]);
  assertEquals([channel.stats().missedBatches, channel.stats().refused], [1, 4]);
});

test("a refused batch with a number of this mob: its own is still on its way, and goes again under another id", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  const own = stream.last;
  const { node } = unwrap(own.message, "u64")!;
  stream.deliver(from(node, 1, batch(66)));
  assertEquals(readOne(channel), "66x10 own 1");
  channel.refuse();
  assert(!channel.writable);
  own.stored(2);
  await answers();
  timers.pass();
  assertEquals(stream.sent, ["1@0!", "1@0!"]);
  assert(stream.last.id !== own.id);
  stream.deliver();
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
  assertEquals([channel.stats().refused, channel.stats().repeated, channel.writable], [1, 1, true]);
  // Only the batch that was read last is taken back.
  channel.refuse();
  assert(channel.writable);
});

test("a refused batch of this mob in pieces goes again from its beginning", async () => {
  const { stream, channel, timers } = await joined({ maxMessage: ENVELOPE + 6 });
  channel.write(1, batch(7));
  stream.last.stored(1);
  stream.deliver();
  assertEquals(readAll(channel), []);
  const { node } = unwrap(stream.last.message, "u64")!;
  stream.deliver(from(node, 1, batch(66, 4), { start: 6 }));
  assertEquals(readOne(channel), "7x10 own 1");
  channel.refuse();
  stream.deliver();
  assertEquals(readAll(channel), []);
  stream.last.stored(3);
  await answers();
  timers.pass();
  assertEquals(stream.sent, ["1@0", "1@6!", "1@0"]);
  stream.deliver();
  assertEquals(readAll(channel), []);
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
});

function readOne(channel: StreamChannel): string {
  const item = channel.read();
  assert(item?.type === "batch");
  return `${item.bytes[0]}x${item.bytes.length}${item.own === undefined ? "" : ` own ${item.own}`}`;
}

// --- answers that are lost ---

test("an append that fails goes again under the same id, after a pause, and comes once", async () => {
  for (const stored of [true, false]) {
    const { stream, channel, timers } = await joined();
    channel.write(1, batch(7));
    const { id, message, failed } = stream.last;
    failed(new Error("timeout"));
    assertEquals(timers.length, 0);
    await answers();
    assertEquals(stream.appended.length, 1);
    assert(timers.asked.length === 1 && timers.asked[0]! >= 100 && timers.asked[0]! <= 200, `${timers.asked}`);
    timers.pass();
    assertEquals(stream.sent, ["1@0!", "1@0!"]);
    assertEquals(stream.last.id, id);
    // The first one may be stored all the same.
    if (stored) stream.deliver(message);
    stream.deliver();
    assertEquals(readAll(channel), ["7x10 own 1"]);
    assertEquals([channel.stats().resent, channel.stats().repeated], [1, stored ? 1 : 0]);
  }
});

test("an engine that answers and stores nothing counts as away, until it stores something", async () => {
  const { stream, timers, channel, told } = await joined();
  const away = (): string[] => told.filter((event) => event !== "wake");
  channel.write(1, Uint8Array.of(1));
  for (let failures = 0; failures < 3; failures++) {
    // One failure may be a connection that has broken.
    assertEquals(away(), failures < 2 ? [] : ["away: it stores nothing of what is sent"]);
    stream.last.failed(new Error("no leader"));
    await answers();
    timers.pass();
  }
  stream.last.stored(stream.deliver());
  await answers();
  assertEquals(away().slice(1), ["back"]);
  assertEquals(readAll(channel), ["1x1 own 1"]);
});

test("what comes back during the pause does not go again", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.failed(new Error("timeout"));
  await answers();
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
  assertEquals(timers.length, 0);
  channel.write(2, batch(8));
  timers.pass();
  assertEquals([stream.sent, channel.stats().resent], [["1@0!", "2@0!"], 0]);
});

test("nothing goes again while the engine is away, nor while an append has no answer", async () => {
  const { stream, channel, timers, told } = await joined();
  channel.write(1, batch(7));
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
  const slow = stream.last;
  channel.write(2, batch(8));
  stream.reader.away("gone");
  assert(!channel.writable);
  stream.last.failed(new Error("disconnected"));
  await answers();
  timers.pass();
  assertEquals(stream.appended.length, 2);
  stream.reader.back();
  timers.pass();
  assertEquals(stream.appended.length, 2);
  slow.failed(new Error("timeout"));
  await answers();
  timers.pass();
  assertEquals(stream.sent, ["1@0!", "2@0!", "2@0!"]);
  stream.deliver();
  assertEquals(readAll(channel), ["8x10 own 2"]);
  assertEquals(told.filter((event) => event !== "wake"), ["away: gone", "back"]);
  stream.last.stored(2);
  // An engine that goes away during a pause, and is back.
  channel.write(3, batch(9));
  stream.last.failed(new Error("timeout"));
  await answers();
  stream.reader.away("gone");
  timers.pass();
  assertEquals(stream.appended.length, 4);
  stream.reader.back();
  timers.pass();
  assertEquals(stream.appended.length, 5);
});

test("a batch that was written before the engine is back goes out then", async () => {
  const { stream, channel, told } = await joined();
  stream.reader.away("gone");
  channel.write(1, batch(7));
  assertEquals(stream.sent, []);
  stream.reader.back();
  assertEquals(stream.sent, ["1@0!"]);
  assertEquals([told, channel.stats().resent], [["away: gone", "back", "wake"], 0]);
});

test("what the engine says it has, and does not have, goes again under another id", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  const { id } = stream.last;
  stream.deliver(from(A, 1, batch(1)));
  assertEquals(readAll(channel), ["1x10"]);
  // The answer comes before what is read, or after it.
  stream.last.stored(1);
  await answers();
  timers.pass();
  assertEquals(stream.appended.length, 2);
  assert(stream.last.id !== id);
  stream.last.stored(3);
  await answers();
  stream.deliver(from(A, 2, batch(2)));
  readAll(channel);
  timers.pass();
  assertEquals(stream.appended.length, 2);
  stream.deliver(from(A, 3, batch(3)));
  readAll(channel);
  timers.pass();
  assertEquals(stream.appended.length, 3);
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
});

test("what is stored and does not come back goes again when nothing waits to be read, and not before", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.stored(1);
  await answers();
  timers.pass(4_999);
  assertEquals(stream.appended.length, 1);
  // What waits to be read may be it, and while the engine is away nothing can come.
  stream.reader.message(0, from(A, 1, batch(1)));
  timers.pass(5_000);
  timers.pass();
  assertEquals(readAll(channel), ["1x10"]);
  stream.reader.away("gone");
  timers.pass(5_000);
  stream.reader.back();
  timers.pass();
  assertEquals(stream.appended.length, 1);
  const { id } = stream.last;
  timers.pass(5_000);
  timers.pass();
  assertEquals(stream.appended.length, 2);
  assert(stream.last.id !== id);
});

test("an emptied stream holds no batch back for ever", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.stored(1);
  await answers();
  timers.pass(5_000);
  timers.pass();
  assertEquals(stream.sent, ["1@0!", "1@0!"]);
  stream.last.stored(2);
  await answers();
  stream.reader.missed(1, 2);
  stream.sequence = 1;
  stream.deliver();
  assertEquals(readAll(channel), ["gap 1", "7x10 own 1"]);
  assertEquals([channel.writable, timers.length], [true, 0]);
});

// --- what is missing ---

/** The message of batch 2 of a mob that has read its batch 1 at `sequence`, in life `life` of the stream. */
async function second(sequence: number, life: string = "1"): Promise<Uint8Array> {
  const { stream, channel } = await joined({ seed: 7 });
  if (life !== "1") stream.reader.restarted("it is another one", life);
  stream.sequence = sequence - 1;
  channel.write(1, batch(7));
  stream.deliver();
  readAll(channel);
  channel.write(2, batch(8));
  return stream.last.message;
}

test("the first message of a node shows that the engine has lost one of it which others have read", async () => {
  const { stream, channel } = await joined({ sequence: 4 });
  stream.deliver(await second(5));
  assertEquals(readAll(channel), ["gap undefined", "8x10"]);
  assertEquals(channel.stats().missedBatches, 1);
  // It is told once, and a copy is one.
  stream.deliver(await second(5));
  assertEquals([readAll(channel), channel.stats().repeated], [[], 1]);
  // Also what lay in the life of the stream in which it is now.
  const other = await joined();
  other.stream.reader.restarted("it is another one", "2");
  other.stream.deliver(await second(1, "2"));
  assertEquals(readAll(other.channel), ["restart", "gap undefined", "8x10"]);
});

test("a node that was silent, or was told as missing, begins where it begins", async () => {
  // It has sent the batch before that before this mob joined,
  const early = await joined({ sequence: 5 });
  early.stream.deliver(await second(5));
  assertEquals(readAll(early.channel), ["8x10"]);
  // or where messages are known to be missing,
  const missed = await joined({ sequence: 3 });
  missed.stream.reader.missed(4, 6);
  missed.stream.deliver(await second(5));
  assertEquals(readAll(missed.channel), ["gap 2", "8x10"]);
  // or into another stream,
  const another = await joined();
  another.stream.reader.restarted("it is another one", "2");
  another.stream.deliver(await second(5));
  assertEquals(readAll(another.channel), ["restart", "8x10"]);
  // or into an end that the stream has lost, as this mob was told, too.
  const shorter = await joined({ sequence: 4 });
  shorter.stream.deliver(from(A, 1, batch(1)));
  shorter.stream.reader.restarted("it has lost its end", "1");
  shorter.stream.deliver(await second(5));
  assertEquals(readAll(shorter.channel), ["1x10", "restart", "8x10"]);
  assertEquals(shorter.channel.stats().missedBatches, 0);
});

test("a batch that was refused is not the one before the next", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.deliver(from(unwrap(stream.last.message, "u64")!.node, 1, batch(6)));
  assertEquals(short(channel.read()!), "6x10 own 1");
  channel.refuse();
  stream.last.stored(2);
  await answers();
  timers.pass();
  assertEquals(stream.sent, ["1@0!", "1@0!"]);
  assertEquals(unwrap(stream.last.message, "u64")!.previous, undefined);
});

test("a node that was forgotten begins where it begins", () => {
  const filter = new NodeFilter(A, 1000, 2);
  const life = "1".repeat(16);
  filter.begin({ sequence: 0, life });
  const judge = (node: string, number: number, at: number, before: number): unknown => {
    const previous = before > 0 ? { previous: { sequence: before, life } } : {};
    const envelope = { node, number, sequence: 0, offset: 0, start: 0, isLast: true, ...previous };
    const verdict = filter.judge(envelope, batch(number), at);
    return typeof verdict === "string" ? verdict : "taken";
  };
  const C = "00000000000000cc";
  assertEquals(judge(B, 1, 1, 0), "taken");
  // Of two nodes one is its own.
  assertEquals(judge(C, 1, 2, 0), "taken");
  assertEquals(judge(B, 2, 3, 1), "taken");
  assertEquals(judge(C, 2, 4, 2), "taken");
  // What came after that must have been heard.
  const D = "00000000000000dd";
  assertEquals([judge(D, 5, 6, 5), judge(D, 5, 6, 5)], ["unannounced", "taken"]);
});

test("an own batch that was stored and is missing belongs to the gap", async () => {
  const { stream, channel } = await joined();
  channel.write(1, batch(7));
  stream.last.stored(3);
  await answers();
  stream.reader.missed(1, 3);
  assertEquals(readAll(channel), ["gap 2"]);
  assert(!channel.writable);
  stream.reader.missed(3, 4);
  assertEquals(readAll(channel), ["gap 1 own 1"]);
  assert(channel.writable);
  channel.write(2, batch(8));
  stream.sequence = 3;
  stream.deliver();
  assertEquals(readAll(channel), ["8x10 own 2"]);
});

test("an answer that comes after the gap was read tells it then, and nothing more is missing", async () => {
  const { stream, channel, told } = await joined();
  channel.write(1, batch(7));
  stream.reader.missed(1, 4);
  stream.sequence = 3;
  stream.deliver(from(A, 1, batch(1)));
  assertEquals(readAll(channel), ["gap 3", "1x10"]);
  told.length = 0;
  stream.last.stored(2);
  await answers();
  assertEquals(told, ["wake"]);
  assert(channel.writable);
  assertEquals(readAll(channel), ["gap 0 own 1"]);
  // A gap before a batch was written has nothing of it.
  channel.write(2, batch(8));
  stream.last.stored(2);
  await answers();
  assertEquals([readAll(channel), channel.writable], [[], false]);
});

test("a piece that is missing counts as if it were back: others may have the batch, so it gets its place", async () => {
  const { stream, channel } = await joined({ maxMessage: ENVELOPE + 4 });
  channel.write(1, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]));
  stream.last.stored(1);
  await answers();
  stream.reader.missed(1, 2);
  stream.sequence = 1;
  assertEquals(readAll(channel), ["gap 1"]);
  assertEquals(stream.sent, ["1@0", "1@4"]);
  stream.deliver();
  assertEquals(readAll(channel), []);
  stream.deliver();
  const item = channel.read();
  assert(item?.type === "batch" && item.own === 1);
  assertEquals(item.bytes, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]));
  // So does one whose end is missing.
  channel.write(2, Uint8Array.from([1, 2, 3, 4, 5, 6]));
  stream.deliver();
  readAll(channel);
  stream.last.stored(5);
  await answers();
  stream.reader.missed(5, 6);
  stream.sequence = 5;
  assertEquals(readAll(channel), ["gap 1 own 2"]);
  channel.write(3, batch(8, 4));
  stream.deliver();
  assertEquals(readAll(channel), ["8x4 own 3"]);
});

// --- another stream ---

test("a copy of an own batch that was told as lost counts, as it does for all that have missed it", async () => {
  const { stream, channel } = await joined();
  channel.write(1, batch(7));
  const copy = stream.last.message;
  stream.reader.missed(1, 3);
  stream.last.stored(2);
  await answers();
  assertEquals(readAll(channel), ["gap 2 own 1"]);
  stream.sequence = 2;
  stream.deliver(copy);
  assertEquals(channel.read(), {
    type: "batch",
    bytes: batch(7),
    own: undefined,
    late: 1,
    sequence: 3,
    sentAt: undefined,
  });
  // Once, and it is none of the batch that is on its way now.
  channel.write(2, batch(8));
  stream.deliver(copy);
  stream.deliver();
  assertEquals([readAll(channel), channel.stats().repeated], [["8x10 own 2"], 1]);
  // Behind what comes next of this mob it is repeated, as for all others.
  channel.write(3, batch(9));
  const third = stream.last.message;
  stream.last.stored(6);
  stream.reader.missed(6, 7);
  await answers();
  stream.sequence = 6;
  assertEquals(readAll(channel), ["gap 1 own 3"]);
  channel.write(4, batch(10));
  stream.deliver();
  stream.deliver(third);
  assertEquals([readAll(channel), channel.stats().repeated], [["10x10 own 4"], 2]);
});

test("the pieces of an own batch whose end was lost are kept for a copy of that, until something behind it comes", async () => {
  const { stream, channel } = await joined({ maxMessage: ENVELOPE + 4 });
  const loseEnd = async (number: number) => {
    channel.write(number, Uint8Array.from([number, 2, 3, 4, 5, 6]));
    stream.deliver();
    readAll(channel);
    const end = stream.last.message;
    stream.last.stored(++stream.sequence);
    stream.reader.missed(stream.sequence, stream.sequence + 1);
    await answers();
    assertEquals(readAll(channel), [`gap 1 own ${number}`]);
    return end;
  };
  let end = await loseEnd(1);
  stream.deliver(end);
  assertEquals(readAll(channel), ["1x6"]);
  end = await loseEnd(2);
  // A piece of the next one that is missing lets go of it, too.
  channel.write(3, Uint8Array.from([3, 2, 3, 4, 5, 6]));
  stream.last.stored(++stream.sequence);
  stream.reader.missed(stream.sequence, stream.sequence + 1);
  await answers();
  assertEquals(readAll(channel), ["gap 1"]);
  stream.deliver(end);
  assertEquals(readAll(channel), []);
  stream.deliver(stream.last.message);
  assertEquals(readAll(channel), ["3x6 own 3"]);
});

test("a piece of a copy of what is lost says nothing of the batch that is on its way", async () => {
  const { stream, channel } = await joined({ maxMessage: ENVELOPE + 4 });
  channel.write(1, Uint8Array.from([1, 2, 3, 4, 5, 6]));
  const piece = stream.last.message;
  stream.reader.missed(1, 3);
  stream.last.stored(1);
  await answers();
  assertEquals(readAll(channel), ["gap 2"]);
  stream.last.stored(2);
  await answers();
  assertEquals(readAll(channel), ["gap 0 own 1"]);
  stream.maxMessage = ENVELOPE + 8;
  channel.write(2, Uint8Array.from([2, 2, 3, 4, 5, 6, 7, 8, 9]));
  assertEquals(stream.sent, ["1@0", "1@4!", "2@0"]);
  stream.sequence = 2;
  // Cut anew, so that it has more than was there.
  stream.deliver(wrap({ ...unwrap(piece, "u64")!, isLast: false }, "u64", Uint8Array.from([1, 2, 3, 4, 5])));
  assertEquals([readAll(channel), stream.sent.length], [[], 3]);
});

test("in another stream everything that is not back goes again, under other ids, and the gap is told", async () => {
  const { stream, channel, timers } = await joined();
  stream.sequence = 1000;
  stream.deliver(from(A, 5, batch(5)));
  channel.write(1, batch(7));
  const { id } = stream.last;
  stream.last.stored(1002);
  await answers();
  stream.reader.restarted("it is empty", "2");
  assertEquals(readAll(channel), ["5x10", "restart"]);
  timers.pass();
  assertEquals(stream.sent, ["1@0!", "1@0!"]);
  assert(stream.last.id !== id);
  stream.sequence = 0;
  // What came before is repeated, what is missing is counted.
  stream.deliver(from(A, 5, batch(5)));
  stream.deliver(from(A, 8, batch(8)));
  stream.deliver();
  assertEquals(readAll(channel), ["8x10", "7x10 own 1"]);
  const { sequence, restarts, missedBatches, repeated, resent } = channel.stats();
  assertEquals({ sequence, restarts, missedBatches, repeated, resent }, {
    sequence: 3,
    restarts: 1,
    missedBatches: 2,
    repeated: 1,
    resent: 1,
  });
  assert(channel.writable);
});

test("an answer of the stream before says nothing of the new one", async () => {
  for (const read of [true, false]) {
    const { stream, channel, timers } = await joined();
    channel.write(1, batch(7));
    stream.reader.restarted("it is empty", "2");
    if (read) assertEquals(readAll(channel), ["restart"]);
    stream.last.stored(1000);
    await answers();
    timers.pass();
    assertEquals(stream.sent, ["1@0!", "1@0!"]);
    readAll(channel);
    // What was appended since then is in the new stream: its answer counts, when that is read.
    stream.last.stored(1);
    await answers();
    timers.pass();
    assertEquals(stream.appended.length, 2);
    stream.deliver();
    assertEquals(readAll(channel), ["7x10 own 1"]);
  }
});

test("an answer of the new stream is not compared with what was read of the one before", async () => {
  const { stream, channel, timers } = await joined();
  stream.sequence = 1000;
  stream.deliver(from(A, 1, batch(1)));
  readAll(channel);
  stream.deliver(from(A, 2, batch(2)));
  stream.reader.restarted("it is empty", "2");
  channel.write(1, batch(7));
  stream.last.stored(1);
  await answers();
  assertEquals(readAll(channel), ["2x10", "restart"]);
  timers.pass();
  assertEquals(stream.appended.length, 1);
  stream.sequence = 0;
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
});

test("a large batch goes again from its beginning, for mobs that begin in the new stream; those that had pieces go on", async () => {
  const { stream, channel, timers } = await joined({ maxMessage: ENVELOPE + 4 });
  const had = await joined({ seed: 2 });
  const fresh = await joined({ seed: 3 });
  channel.write(1, batch(7, 12));
  had.stream.deliver(stream.last.message);
  stream.deliver();
  readAll(channel);
  assertEquals(stream.sent, ["1@0", "1@4"]);
  for (const { reader } of [stream, had.stream]) reader.restarted("it is empty", "2");
  readAll(channel);
  stream.appended[0]!.stored(1);
  stream.appended[1]!.failed(new Error("disconnected"));
  await answers();
  timers.pass();
  stream.sequence = 0;
  for (let at = 2; at < 5; at++) {
    assertEquals(stream.appended.length, at + 1);
    for (const other of [stream, had.stream, fresh.stream]) other.deliver(stream.last.message);
    const { stored } = stream.last;
    const items = readAll(channel);
    assertEquals(items, at === 4 ? ["7x12 own 1"] : []);
    stored(at - 1);
    await answers();
  }
  assertEquals(stream.sent.slice(2), ["1@0", "1@4", "1@8!"]);
  assertEquals(readAll(had.channel), ["restart", "7x12"]);
  assertEquals(readAll(fresh.channel), ["7x12"]);
  assert(channel.stats().resent >= 1);
});

// --- bounds ---

test("the stream pauses when much waits to be read, and goes on when little does: one huge batch passes", async () => {
  const MiB = 2 ** 20;
  const { stream, channel } = await joined({ maxMessage: 2 * MiB, maxFrame: 64 * MiB });
  let sent = 0;
  const pump = (): void => {
    while (!stream.paused && sent < 60) {
      stream.deliver(from(A, 1, new Uint8Array(MiB), { start: sent * MiB, isLast: sent === 59 }));
      sent++;
    }
  };
  pump();
  assertEquals([sent, stream.paused], [8, true]);
  let item = channel.read();
  for (let round = 0; !item; round++) {
    assert(round < 20 && !stream.paused);
    pump();
    item = channel.read();
  }
  assert(item.type === "batch" && item.bytes.length === 60 * MiB);
  // It goes on when there are fewer than two.
  sent = 0;
  for (; !stream.paused; sent++) stream.deliver(from(B, sent + 1, new Uint8Array(MiB)));
  for (let left = sent - 1; left > 1; left--) {
    channel.read();
    assert(stream.paused, `${left} left`);
  }
  channel.read();
  assert(!stream.paused);
  // Tiny messages count as well.
  for (sent = 0; !stream.paused; sent++) stream.deliver(new Uint8Array());
  assertLess(sent, 40_000);
});

test("pieces of a node that never ends its batch have a bound, so have those of all nodes, and so have nodes", () => {
  const filter = new NodeFilter(A, 1000, 10);
  const judge = (node: number, number: number, start: number, length: number, isLast = false) =>
    filter.judge(
      { node: node.toString(16).padStart(16, "0"), number, sequence: 0, offset: 0, start, isLast },
      new Uint8Array(length),
      1,
    );
  assertEquals(judge(1, 1, 0, 600), "piece");
  assertEquals(judge(1, 1, 600, 401), "too large");
  assertEquals(filter.pieceBytes, 0);
  // It may begin again, and a batch of the largest size is taken.
  assertEquals(judge(1, 1, 0, 600), "piece");
  assertEquals((judge(1, 1, 600, 400, true) as Uint8Array).length, 1000);
  // A batch in the smallest pieces costs more than its bytes.
  let verdict: unknown = "piece";
  for (let at = 0; verdict === "piece"; at++) {
    assertLess(at, 1000);
    verdict = judge(2, 1, at, 1);
    assertLess(filter.pieceBytes, 16_001);
  }
  assertEquals([verdict, filter.pieceBytes], ["too large", 0]);
  // Of all nodes together, what has waited for longest goes, and is missing when its end comes.
  const roomy = new NodeFilter(A, 1000, 100);
  const begin = (node: number): void => {
    const envelope = {
      node: node.toString(16).padStart(16, "0"),
      number: 1,
      sequence: 0,
      offset: 0,
      start: 0,
      isLast: false,
    };
    assertEquals(roomy.judge(envelope, new Uint8Array(900), 1), "piece");
  };
  for (let node = 1; node <= 40; node++) {
    begin(node);
    assertLess(roomy.pieceBytes, 16_001);
  }
  const end = { number: 1, sequence: 0, offset: 0, start: 900, isLast: true };
  assertEquals(roomy.judge({ ...end, node: "0000000000000001" }, new Uint8Array(100), 1), "headless");
  assertEquals(roomy.missed, 1);
  assertEquals(
    (roomy.judge({ ...end, node: (40).toString(16).padStart(16, "0") }, new Uint8Array(100), 1) as Uint8Array).length,
    1000,
  );
  // The node that was silent for longest is forgotten, never this mob's own.
  for (let node = 1; node <= 20; node++) judge(node, 7, 0, 10);
  assertEquals(filter.nodes, 10);
  assertEquals(judge(20, 7, 0, 10), "repeated");
  assertEquals(typeof judge(3, 7, 0, 10, true), "object");
  assertEquals(filter.ownStart, 0);
  assertEquals(
    filter.judge({ node: A, number: 2, sequence: 0, offset: 0, start: 0, isLast: true }, new Uint8Array(), 1),
    "early",
  );
});

test("closing ends everything: no timer, no append, nothing to read, and late answers are nothing", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.failed(new Error("timeout"));
  await answers();
  assertEquals(timers.length, 1);
  stream.deliver(from(A, 1, batch(1)));
  await channel.close();
  assertEquals([timers.length, readAll(channel), channel.writable], [0, [], false]);
  stream.reader.back();
  assertEquals(stream.appended.length, 1);
  const other = await joined();
  other.channel.write(1, batch(7));
  await other.channel.close();
  other.stream.last.stored(1);
  await answers();
  other.stream.deliver();
  assertEquals([other.timers.length, other.stream.appended.length], [0, 1]);
});
