/** The load generator of `mobcast bench`: what its receivers notice, and what its histogram shows. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Adapter } from "../../src/contract/adapter.ts";
import type { LoadClients } from "../../src/load/clients.ts";
import { Latencies } from "../../src/load/latency.ts";
import { LoadReceiver, type Run } from "../../src/load/receiver.ts";
import { ClosedLoop, OpenLoop, type Schedule } from "../../src/load/schedule.ts";
import { BENCH_FRAMINGS, type BenchFraming, Stamper } from "../../src/load/stamp.ts";
import { drawHistogram } from "../../src/cli/bench.ts";
import { bytesOf, concat, frameOf } from "../helpers/bytes.ts";

function runOf(framing: BenchFraming, size: number, sentAt: number[] = []): Run {
  return { framing, size, id: 7, publishers: 2, sample: 1, delayed: (at) => void sentAt.push(at) };
}

test("a receiver counts and checks the same wherever the stream is split", () => {
  for (const framing of BENCH_FRAMINGS) {
    const stamper = new Stamper(framing, 33, 7);
    const stream = concat(
      stamper.frames(0, 0, 2, (index) => index),
      frameOf("of another", framing),
      frameOf("", framing),
      stamper.frames(1, 0, 1, () => 2),
      frameOf("x".repeat(33), framing),
      stamper.frames(0, 2, 1, () => 3),
    );
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second += 5) {
        const sentAt: number[] = [];
        const receiver = new LoadReceiver(runOf(framing, 33, sentAt));
        for (const part of [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)]) {
          receiver.receive(part);
        }
        assertEquals([receiver.received, receiver.late, [...receiver.next], sentAt], [4, 0, [3, 1], [0, 1, 2, 3]]);
        assertEquals(receiver.foreign, 3);
      }
    }
  }
});

test("a receiver notices repeated and late frames, and the frames of another run", () => {
  const stamper = new Stamper("u64", 20, 7);
  const [one, two, three] = [0, 1, 2].map((number) => stamper.frames(0, number, 1, () => 0));
  const receiver = new LoadReceiver(runOf("u64", 20));
  receiver.receive(concat(one!, one!, three!, two!, two!));
  assertEquals([receiver.received, receiver.late, [...receiver.next]], [5, 3, [3, 0]]);
  receiver.receive(concat(two!, new Stamper("u64", 20, 8).frames(0, 9, 1, () => 0), stamper.frames(2, 0, 1, () => 0)));
  assertEquals([receiver.received, receiver.late, receiver.foreign], [6, 4, 2]);
});

test("one delay in so many is counted, of every publisher as often", () => {
  const sentAt: number[] = [];
  const run = runOf("u64", 64, sentAt);
  run.sample = 8;
  const receiver = new LoadReceiver(run);
  const stamper = new Stamper("u64", 64, 7);
  receiver.receive(concat(stamper.frames(0, 0, 800, () => 0), stamper.frames(1, 0, 800, () => 1)));
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
