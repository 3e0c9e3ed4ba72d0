/** The load generator: what its stream and receivers notice, and what its histogram shows. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Adapter } from "../../src/contract/adapter.ts";
import type { LoadClients } from "../../src/load/clients.ts";
import { Latencies } from "../../src/load/latency.ts";
import { BENCH_FRAMINGS, type BenchFraming, Stamper } from "../../src/load/message.ts";
import { LoadReceiver } from "../../src/load/receiver.ts";
import { ClosedLoop, OpenLoop, type Schedule } from "../../src/load/schedule.ts";
import { Stream } from "../../src/load/stream.ts";
import { drawHistogram } from "../../src/cli/bench.ts";
import { bytesOf, concat, frameOf } from "../helpers/bytes.ts";

/** A stream, the receiver that founds it, and the delays that are counted. */
function streamOf(framing: BenchFraming = "u64"): { stream: Stream; founder: LoadReceiver; sentAt: number[] } {
  const stream = new Stream({ framing, id: 7 }, undefined, 64);
  const sentAt: number[] = [];
  stream.countDelay = (at) => void sentAt.push(at);
  return { stream, founder: new LoadReceiver(stream, true), sentAt };
}

/** Gives a receiver bytes in pieces of a length; the stream keeps only what some receiver needs. */
function receive(receiver: LoadReceiver, bytes: Uint8Array, piece: number, stream?: Stream): void {
  for (let at = 0; at < bytes.length; at += piece) {
    receiver.receive(bytes.subarray(at, at + piece));
    stream?.trim(receiver.needs ?? Infinity);
  }
}

/** The counts of a receiver. */
function countsOf({ received, late, diverged, isLevel }: LoadReceiver): unknown[] {
  return [received, late, diverged, isLevel];
}

test("the first receiver of a stream counts and checks the same wherever the stream is split", () => {
  for (const framing of BENCH_FRAMINGS) {
    const stamper = new Stamper(framing, (sequence) => 33 + 5 * sequence, 7);
    const bytes = concat(
      stamper.frames(0, 0, 2, (index) => index),
      frameOf("of another", framing),
      frameOf("", framing),
      stamper.frames(1, 0, 1, () => 2),
      frameOf("x".repeat(33), framing),
      stamper.frames(0, 2, 1, () => 3),
    );
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second += 5) {
        const { stream, founder, sentAt } = streamOf(framing);
        for (const part of [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]) {
          founder.receive(part);
          stream.trim(founder.needs!);
        }
        assertEquals([countsOf(founder), sentAt], [[4, 0, false, true], [0, 1, 2, 3]]);
        assertEquals([stream.foreign, stream.dueOf(0), stream.dueOf(1), stream.problems], [3, 3, 1, []]);
      }
    }
  }
});

test("a stream notices repeated, late, missing and garbled frames", () => {
  const stamper = new Stamper("u64", 30, 7);
  const [one, two, three, four] = [0, 1, 2, 3].map((number) => stamper.frames(0, number, 1, () => 0));
  const { stream, founder } = streamOf();
  founder.receive(concat(one!, three!, two!, two!));
  assertEquals([countsOf(founder), stream.problems.length], [[4, 2, false, true], 3]);
  four![four!.length - 1]!++;
  founder.receive(concat(four!, new Stamper("u64", 30, 8).frames(0, 9, 1, () => 0)));
  assertEquals([countsOf(founder), stream.garbled, stream.foreign], [[5, 2, false, true], 1, 1]);
  assertEquals(stream.problems.at(-1), `a frame of 38 bytes at ${4 * 38} is garbled`);
});

/** What the second receiver gets, of frames 0 to 9 of two publishers in turn, and its counts then. */
const SECOND: Readonly<Record<string, [frames: (index: number) => number[], counts: unknown[]]>> = {
  "the same": [(index) => [index], [20, 0, false, true]],
  "from the fifth on": [(index) => index < 4 ? [] : [index], [16, 0, false, true]],
  "not the last two": [(index) => index >= 18 ? [] : [index], [18, 0, false, false]],
  "one less": [(index) => index === 9 ? [] : [index], [19, 0, true, true]],
  "one twice": [(index) => index === 9 ? [9, 9] : [index], [21, 1, true, true]],
  "two frames of one publisher swapped": [(index) => index === 8 ? [10] : index === 10 ? [8] : [index], [
    20,
    1,
    true,
    true,
  ]],
  "two frames swapped, and the later one again": [
    (index) => index === 8 ? [10] : index === 10 ? [8, 10] : [index],
    [21, 2, true, true],
  ],
  "two frames of two publishers swapped": [(index) => index === 8 ? [9] : index === 9 ? [8] : [index], [
    20,
    0,
    true,
    true,
  ]],
};

for (const [what, [frames, counts]] of Object.entries(SECOND)) {
  test(`a second receiver that gets ${what}: it is noticed, wherever its stream is split`, () => {
    const stamper = new Stamper("u64", (sequence) => 20 + sequence, 7);
    const all = Array.from({ length: 20 }, (_, index) => stamper.frames(index % 2, index >> 1, 1, () => index));
    const ours = concat(...all.flatMap((_, index) => frames(index).map((number) => all[number]!)));
    for (let piece = 1; piece < 200; piece += 3) {
      // Whichever is ahead: the first receiver, or the second.
      for (const ahead of [true, false]) {
        const { stream, founder } = streamOf();
        const second = new LoadReceiver(stream, false);
        if (ahead) receive(founder, concat(...all), piece);
        receive(second, ours, piece, ahead ? stream : undefined);
        if (!ahead) receive(founder, concat(...all), piece);
        // The one that is behind has other bytes than the one that was ahead.
        const diverged = second.diverged || founder.diverged;
        const found = [second.received, second.late, diverged, second.isLevel];
        assertEquals(found, counts, `pieces of ${piece}, ${ahead ? "behind" : "ahead"}`);
        assertEquals(founder.received, 20);
        if (second.start !== 0) {
          assertEquals(
            second.start,
            all.slice(0, 4).reduce((sum, { length }) => sum + length, 0),
          );
        }
      }
    }
  });
}

test("a second receiver may begin with frames that are not of the run", () => {
  const stamper = new Stamper("u64", 30, 7);
  const [one, two] = [0, 1].map((number) => stamper.frames(0, number, 1, () => 0));
  const { stream, founder } = streamOf();
  const second = new LoadReceiver(stream, false);
  const foreign = frameOf("of another sender, and long enough for a stamp");
  receive(second, concat(foreign, two!), 1);
  receive(founder, concat(one!, foreign, two!), 100);
  assertEquals([countsOf(second), second.start], [[1, 0, false, true], one!.length + foreign.length]);
});

test("a stream that is trimmed holds what is needed, and knows what is due", () => {
  const stamper = new Stamper("u64", 30, 7);
  const { stream, founder } = streamOf();
  founder.receive(concat(stamper.frames(0, 0, 1, () => 0), stamper.frames(1, 0, 9, () => 0)));
  stream.trim(founder.needs!);
  assertEquals([stream.held, stream.count, stream.frame(9), stream.numberOf(1, 8)], [0, 10, undefined, undefined]);
  assertEquals(stream.dueAt(10), new Map([[0, 1], [1, 9]]));
  founder.receive(stamper.frames(1, 9, 1, () => 5));
  assertEquals([stream.frame(10), stream.problems], [
    { publisher: 1, sequence: 9, sentAt: 5, start: 380, end: 418 },
    [],
  ]);
});

test("a receiver that gets other bytes in a frame is noticed", () => {
  const bytes = new Stamper("u64", 30, 7).frames(0, 0, 3, () => 0);
  const { stream, founder } = streamOf();
  const second = new LoadReceiver(stream, false);
  founder.receive(bytes);
  const other = bytes.slice();
  other[other.length - 1]!++;
  second.receive(other);
  assertEquals([countsOf(second), stream.problems.length], [[3, 0, true, true], 1]);
});

test("one delay in so many is counted, of every publisher as often", () => {
  const { stream, founder, sentAt } = streamOf();
  stream.sample = 8;
  const stamper = new Stamper("u64", 64, 7);
  founder.receive(concat(stamper.frames(0, 0, 800, () => 0), stamper.frames(1, 0, 800, () => 1)));
  assertEquals([sentAt.filter((at) => at === 0).length, sentAt.filter((at) => at === 1).length], [100, 100]);
});

test("delays: percentiles to three digits, a bar for each doubling, drawn within the columns", () => {
  const delays = new Latencies();
  assertEquals([delays.percentile(99), delays.bars()], [0, []]);
  const single = new Latencies();
  single.add(3);
  assertEquals(single.bars(), [{ to: 4.096, count: 1 }]);
  for (let count = 0; count < 990; count++) delays.add(1);
  for (let count = 0; count < 10; count++) delays.add(100);
  delays.add(-1);
  delays.add(10 ** 9);
  assertEquals(delays.count, 1002);
  assert(Math.abs(delays.percentile(50) - 1) < 0.001);
  assert(Math.abs(delays.percentile(99.5) - 100) < 0.1);
  const bars = delays.bars();
  assertEquals(bars.filter(({ count }) => count > 0).map(({ count }) => count), [1, 990, 10, 1]);
  const lines = drawHistogram(bars, 60).trimEnd().split("\n");
  assertEquals(lines.length, bars.length);
  assert(lines.every((line) => line.length <= 60));
  assert(lines.some((line) => /<= 1\.0 ms +98\.80 % █{36}$/.test(line)), lines.join("\n"));
  assert(lines.at(-1)!.endsWith("▏") && bytesOf(lines.at(-1)!).length > 0);
});

/** Load clients that only count, and a clock that stands still. */
function scheduling<Loop extends Schedule>(
  make: (clients: LoadClients, adapter: Adapter) => Loop,
): {
  loop: Loop;
  clients: { flushed: boolean }[];
  counts: { received: number };
  sent: number[][];
  clock: { now: number };
} {
  const clock = { now: 1000 };
  const clients = Array.from({ length: 5 }, () => ({ flushed: true }));
  /** The times of the frames of each publisher. */
  const sent: number[][] = clients.map(() => []);
  const counts = {
    clients,
    sent: 7,
    received: 3,
    publish(publisher: number, count: number, sentAt: (index: number) => number): void {
      counts.sent += count;
      for (let index = 0; index < count; index++) sent[publisher]!.push(sentAt(index));
    },
  };
  const loop = make(counts as unknown as LoadClients, { now: () => clock.now } as Adapter);
  return { loop, clients, counts, sent, clock };
}

test("a closed loop keeps so many frames under way, each until all clients have received it", () => {
  const { loop, clients, counts, sent } = scheduling((clients, adapter) => new ClosedLoop(clients, adapter, 3, 12));
  const lengths = (): number[] => sent.map(({ length }) => length);
  loop.keepUp();
  loop.keepUp();
  assertEquals(lengths(), [4, 4, 4, 0, 0]);
  // Each of the five has received two frames, and three of them one more.
  counts.received += 13;
  clients[1]!.flushed = false;
  loop.keepUp();
  loop.keepUp();
  assertEquals(lengths(), [5, 4, 5, 0, 0]);
});

test("an open loop gives every frame its time, also after a pause, and sends none twice", () => {
  const { loop, sent, clock } = scheduling((clients, adapter) => new OpenLoop(clients, adapter, 2, 50));
  loop.keepUp();
  assertEquals(sent[0], [1000]);
  clock.now += 105;
  loop.keepUp();
  loop.keepUp();
  assertEquals(sent.slice(0, 2), [[1000, 1020, 1040, 1060, 1080, 1100], [1010, 1030, 1050, 1070, 1090]]);
  clock.now += 5;
  loop.keepUp();
  assertEquals(sent.slice(0, 2).map((times) => times.at(-1)), [1100, 1110]);
});
