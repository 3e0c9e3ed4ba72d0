/** The shared channel: several ends in one thread, and in threads of their own. Every byte of every batch is checked. */

import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { SharedChannel } from "../../src/bus/shared_channel.ts";
import { RECORD_HEAD, RING_SIZE, SharedRing, shareMemory, UNIT } from "../../src/bus/shared_ring.ts";
import { batchOf, nameOf, RingMob } from "../helpers/ring_mob.ts";
import type { RingWork } from "../helpers/ring_worker.ts";
import { Bell, nextTick, within, withinEach } from "../helpers/wait.ts";

/** Mobs at a ring of so many units. */
function mobsAt(threads: number, units: number): { mobs: RingMob[]; channels: SharedChannel[]; bell: Bell } {
  const memory = shareMemory(threads, "epoch", units * UNIT);
  const bell = new Bell();
  const channels = Array.from({ length: threads }, (_, thread) => new SharedChannel(memory, thread));
  const mobs = channels.map((channel, thread) => new RingMob(channel, thread, () => bell.ring()));
  return { mobs, channels, bell };
}

test("a batch of one thread comes to all, in one order, and to its own thread with its number", async () => {
  const { mobs, channels, bell } = mobsAt(2, 64);
  mobs[0]!.say(100, 1000);
  mobs[1]!.say(20);
  await bell.until(() => mobs.every(({ heard }) => heard.length === 3), "three batches at both");
  assertEquals(mobs[0]!.heard, ["0.1.100", "0.2.1000", "1.1.20"]);
  assertEquals(mobs[1]!.heard, mobs[0]!.heard);
  assertEquals(channels.map(({ position }) => position), [1120, 1120]);
  assertEquals(channels.map((channel) => channel.stats().sequence), [3, 3]);
});

test("a channel opens at the beginning of the ring, whenever it opens, and names its life", async () => {
  const memory = shareMemory(2, "life", 64 * UNIT);
  const early = new RingMob(new SharedChannel(memory, 0), 0);
  early.say(50, 60);
  await nextTick();
  const late = new SharedChannel(memory, 1);
  assertEquals(await late.open({ wake: () => {}, away: () => {} }), { sequence: 0, epoch: "life" });
  assertEquals(nameOf(late.read()!.bytes), "0.1.50");
  assertEquals(nameOf(late.read()!.bytes), "0.2.60");
  assertEquals(late.read(), undefined);
});

test("the default ring has 16 MiB, and batches of half a mebibyte at most", () => {
  const memory = shareMemory(2, "epoch");
  assertEquals(new SharedRing(memory, 0).size, RING_SIZE);
  assertEquals(new SharedChannel(memory, 0).batchSize, 512 * 1024);
  assert(memory.buffer.byteLength < RING_SIZE * 1.02);
});

test("a batch that is larger than the ring goes in parts, and has its place where its last part is", async () => {
  const { mobs, bell } = mobsAt(3, 16);
  const large = 16 * UNIT * 5 + 3;
  mobs[0]!.say(large);
  mobs[1]!.say(large, 12, large);
  mobs[2]!.say(12, 13, 14);
  await bell.until(() => mobs.every(({ heard }) => heard.length === 7), "seven batches at all three");
  assertEquals(mobs[1]!.heard, mobs[0]!.heard);
  assertEquals(mobs[2]!.heard, mobs[0]!.heard);
});

test("every length around the borders of units and of the ring comes as it was", async () => {
  const { mobs, bell } = mobsAt(2, 9);
  const lengths = Array.from({ length: 5 }, (_, units) => (units + 1) * UNIT - RECORD_HEAD)
    .flatMap((border) => [border - 1, border, border + 1]);
  mobs[0]!.say(...lengths, ...lengths);
  await bell.until(() => mobs.every(({ heard }) => heard.length === 2 * lengths.length), "all of them");
  assertEquals(mobs[1]!.heard, mobs[0]!.heard);
});

test("an empty batch is a batch", () => {
  const memory = shareMemory(2, "epoch", 64 * UNIT);
  const [one, two] = [new SharedChannel(memory, 0), new SharedChannel(memory, 1)];
  one.write(1, new Uint8Array(0));
  assertEquals(two.read()!.bytes.length, 0);
  assertEquals(one.read(), { type: "batch", bytes: new Uint8Array(0), own: 1, sequence: 1 });
});

test("the slowest reader holds the writers, who are woken when there is room", async () => {
  const { mobs, bell } = mobsAt(3, 16);
  mobs[2]!.isHeld = true;
  mobs[0]!.say(...Array.from({ length: 200 }, () => 600));
  mobs[1]!.say(...Array.from({ length: 200 }, () => 600));
  await bell.until(() => mobs[0]!.waiting > 180, "both to fill the ring");
  for (let round = 0; round < 20; round++) await nextTick();
  const { ticks } = mobs[0]!;
  const held = mobs[0]!.heard.length;
  assert(held > 0 && held <= 8, `${held} batches in the ring`);
  for (let round = 0; round < 20; round++) await nextTick();
  assertEquals(mobs[0]!.ticks, ticks, "a writer without room spins");
  assertEquals(mobs[0]!.heard.length, held);
  mobs[2]!.isHeld = false;
  mobs[2]!.wake();
  await bell.until(() => mobs.every(({ heard }) => heard.length === 400), "all batches at all three");
  assertEquals(mobs[1]!.heard, mobs[0]!.heard);
  assertEquals(mobs[2]!.heard, mobs[0]!.heard);
});

test("a mob that is held back and has more to write is told once, and does not spin", async () => {
  const { mobs, bell } = mobsAt(2, 16);
  mobs[1]!.isHeld = true;
  for (const mob of mobs) mob.say(...Array.from({ length: 50 }, () => 600));
  await bell.until(() => mobs[0]!.waiting + mobs[1]!.waiting < 95, "the ring to be full");
  for (let round = 0; round < 20; round++) await nextTick();
  const { ticks } = mobs[1]!;
  for (let round = 0; round < 20; round++) await nextTick();
  assertEquals(mobs[1]!.ticks, ticks);
  mobs[1]!.isHeld = false;
  mobs[1]!.wake();
  await bell.until(() => mobs.every(({ heard }) => heard.length === 100), "all batches at both");
  assertEquals(mobs[1]!.heard, mobs[0]!.heard);
});

test("what was read stays as it is until the next call, whatever others write", () => {
  const memory = shareMemory(2, "epoch", 16 * UNIT);
  const [writer, reader] = [new SharedChannel(memory, 0), new SharedChannel(memory, 1)];
  writer.write(1, batchOf(0, 1, 400));
  const { bytes } = reader.read()!;
  let number = 1;
  for (; writer.writable; number++) {
    writer.write(number + 1, batchOf(0, number + 1, 400));
    while (writer.read() !== undefined);
  }
  assert(number > 10, `${number} batches fill the ring`);
  assertEquals(nameOf(bytes), "0.1.400");
  for (let next = 2; next <= number; next++) assertEquals(nameOf(reader.read()!.bytes), `0.${next}.400`);
  assertEquals(reader.read(), undefined);
  assert(writer.writable);
});

test("a thread that has left holds no writer, and the others go on", async () => {
  const { mobs, channels, bell } = mobsAt(3, 16);
  mobs[2]!.isHeld = true;
  mobs[0]!.say(...Array.from({ length: 100 }, () => 600));
  await bell.until(() => mobs[0]!.waiting > 80, "the ring to be full");
  await channels[2]!.close();
  mobs[1]!.say(700);
  await bell.until(
    () => mobs.slice(0, 2).every(({ heard }) => heard.length === 101),
    "all batches at those that stayed",
  );
  assertEquals(mobs[1]!.heard, mobs[0]!.heard);
});

test("a second batch before the first is written is refused: the channel holds one", () => {
  const memory = shareMemory(2, "epoch", 16 * UNIT);
  const channel = new SharedChannel(memory, 0);
  channel.write(1, new Uint8Array(40 * UNIT));
  assertEquals(channel.writable, false);
  assertThrows(() => channel.write(2, new Uint8Array(1)), Error, "the one before is not written to its end");
});

test("a batch that the mob refuses is counted", () => {
  const channel = new SharedChannel(shareMemory(2, "epoch", 16 * UNIT), 0);
  channel.refuse();
  assertEquals(channel.stats().refused, 1);
});

test("a mob without work is not woken", async () => {
  const { mobs, bell } = mobsAt(2, 64);
  mobs[0]!.say(10);
  await bell.until(() => mobs.every(({ heard }) => heard.length === 1), "the batch at both");
  for (let round = 0; round < 20; round++) await nextTick();
  const before = mobs.map(({ ticks }) => ticks);
  assert(before[0]! <= 3 && before[1]! <= 3, `${before} ticks for one batch`);
  for (let round = 0; round < 20; round++) await nextTick();
  assertEquals(mobs.map(({ ticks }) => ticks), before);
});

test("property: whatever threads say, in whatever order they run, all hear the same", async () => {
  const length = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 12, max: 2 * UNIT }) },
    { weight: 2, arbitrary: fc.integer({ min: 12, max: 40 * UNIT }) },
  );
  const step = fc.record({
    thread: fc.nat(3),
    what: fc.constantFrom("say", "tick", "hold", "go", "rest"),
    lengths: fc.array(length, { minLength: 1, maxLength: 6 }),
    budget: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }),
      fc.integer({ min: 8, max: 40 }),
      fc.array(step, { maxLength: 60 }),
      async (threads, units, steps) => {
        const { mobs, channels, bell } = mobsAt(threads, units);
        let said = 0;
        for (const { thread, what, lengths, budget } of steps) {
          const mob = mobs[thread % threads]!;
          mob.budget = budget;
          if (what === "say") mob.say(...lengths);
          if (what === "say") said += lengths.length;
          if (what === "tick") mob.tick();
          if (what === "hold") mob.isHeld = true;
          if (what === "go") mob.isHeld = false;
          if (what === "go") mob.wake();
          if (what === "rest") await nextTick();
        }
        for (const mob of mobs) {
          if (!mob.isHeld) continue;
          mob.isHeld = false;
          mob.wake();
        }
        const state = () => `${said} batches, heard ${mobs.map(({ heard }) => heard.length)}`;
        await bell.until(() => mobs.every(({ heard }) => heard.length === said), state);
        for (const { heard } of mobs) assertEquals(heard, mobs[0]!.heard);
        assertEquals(new Set(channels.map(({ position }) => position)).size, 1);
      },
    ),
    { numRuns: 150, endOnFailure: true },
  );
});

/** Runs threads at one ring. Resolves to what each of them heard. */
async function runThreads(units: number, said: readonly (readonly number[])[]): Promise<string[][]> {
  const memory = shareMemory(said.length, "epoch", units * UNIT);
  const total = said.reduce((sum, lengths) => sum + lengths.length, 0);
  const workers = said.map((lengths, thread) => {
    const workerData: RingWork = { memory, thread, lengths, total };
    return new Worker(new URL("../helpers/ring_worker.ts", import.meta.url), { workerData });
  });
  try {
    return await withinEach(
      workers.map((worker) =>
        new Promise<string[]>((resolve, reject) => {
          worker.on("message", resolve);
          worker.on("error", reject);
        })
      ),
      "every thread to hear all",
    );
  } finally {
    await within(Promise.all(workers.map((worker) => worker.terminate())), "the threads to end");
  }
}

for (const threads of [2, 4]) {
  test(
    `${threads} threads of the system hear the same, through a small ring and a large one`,
    { timeout: 60_000 },
    async () => {
      for (
        const [units, longest, count] of [[24, 60 * UNIT, 150], [32_768, 300_000, 200], [1024, 900, 3000]] as const
      ) {
        const said = Array.from(
          { length: threads },
          (_, thread) => Array.from({ length: count }, (_, at) => 12 + ((at * 7919 + thread * 104_729) % longest)),
        );
        const heard = await runThreads(units, said);
        assertEquals(heard[0]!.length, threads * count);
        for (const other of heard) assertEquals(other, heard[0]!);
        for (const [thread, lengths] of said.entries()) {
          const own = heard[0]!.filter((name) => name.startsWith(`${thread}.`));
          assertEquals(own, lengths.map((length, at) => `${thread}.${at + 1}.${Math.max(12, length)}`));
        }
      }
    },
  );
}
