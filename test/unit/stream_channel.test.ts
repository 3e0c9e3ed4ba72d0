/** The channel over a stream of an engine: the envelope, one batch at a time, and large batches. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ENVELOPE, unwrap, wrap } from "../../src/bus/envelope.ts";
import { StreamChannel } from "../../src/bus/stream_channel.ts";
import { answers, joined, ManualTimers, numbers, readAll, ScriptedStream } from "../helpers/scripted_stream.ts";
import { A, B, batch, from } from "../helpers/envelopes.ts";

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
