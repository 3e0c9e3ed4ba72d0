/** The channel over a stream of an engine: which batches of others are taken, and which are refused. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ENVELOPE, unwrap, wrap } from "../../src/bus/envelope.ts";
import type { StreamChannel } from "../../src/bus/stream_channel.ts";
import { answers, joined, readAll } from "../helpers/scripted_stream.ts";
import { A, B, batch, from } from "../helpers/envelopes.ts";

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
