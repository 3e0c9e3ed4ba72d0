/** The channel over a stream of an engine: what is missing, and streams that are replaced by others. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ENVELOPE, unwrap, wrap } from "../../src/bus/envelope.ts";
import { NodeFilter } from "../../src/bus/node_filter.ts";
import { answers, joined, readAll, short } from "../helpers/scripted_stream.ts";
import { A, B, batch, from } from "../helpers/envelopes.ts";

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

// --- what is missing ---

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
