/** Channels on an engine that fails in every way: whatever it does, what mobs get is one order, and every gap is told. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { StreamChannel } from "../../src/bus/stream_channel.ts";
import { type EngineFaults, FaultyEngine } from "../helpers/faulty_engine.ts";
import { answers, ManualTimers, numbers } from "../helpers/scripted_stream.ts";

/** A batch says whose it is, and which, and all of its bytes tell that they are in place. */
function batchOf(mob: number, number: number, length: number): Uint8Array {
  const bytes = Uint8Array.from({ length: length + 6 }, (_, at) => (at * 7 + number) % 256);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, mob);
  view.setUint32(2, number);
  return bytes;
}

/** One mob: writes batches when it may, reads what there is, and checks it. */
class Member {
  readonly mob: number;
  readonly channel: StreamChannel;
  readonly timers: ManualTimers = new ManualTimers();
  /** Between gaps: what was read, as mob and number in one. */
  readonly segments: string[][] = [[]];
  readonly #lengths: number[] = [];
  readonly #open: Set<number> = new Set();
  readonly #last: Map<number, { number: number; gaps: number }> = new Map();
  gaps = 0;
  lost = 0;

  constructor(mob: number, engine: FaultyEngine) {
    this.mob = mob;
    this.channel = new StreamChannel(engine.stream(), { clock: this.timers.clock, random: numbers(mob * 977 + 1) });
  }
  async join(): Promise<void> {
    await this.channel.open({ wake: () => {}, away: () => {} }, { framing: "u64", maxFrame: 2048 }, 0);
  }
  write(length: number): void {
    if (!this.channel.writable) return;
    const number = this.#lengths.push(length);
    this.#open.add(number);
    this.channel.write(number, batchOf(this.mob, number, length));
  }
  read(members: readonly Member[]): void {
    for (let item = this.channel.read(); item; item = this.channel.read()) {
      if (item.type === "gap") {
        // What only settles own batches is no place in the order.
        if (item.batches !== 0) {
          this.gaps++;
          this.segments.push([]);
        }
        for (const number of item.own) this.#settle(number);
        this.lost += item.own.length;
        continue;
      }
      const view = new DataView(item.bytes.buffer, item.bytes.byteOffset);
      const [mob, number] = [view.getUint16(0), view.getUint32(2)];
      assertEquals(item.bytes, batchOf(mob, number, members[mob]!.#lengths[number - 1]!));
      assertEquals(item.own, mob === this.mob ? number : undefined);
      if (item.own !== undefined) this.#settle(item.own);
      const last = this.#last.get(mob);
      // Each once, and in order; one that is missing lies behind a gap that was told.
      if (last) assert(number > last.number, `${mob}.${number} after ${last.number} in ${this.mob}`);
      if (last && number > last.number + 1) {
        assert(this.gaps > last.gaps, `${mob}.${last.number + 1} is lost in ${this.mob}`);
      }
      this.#last.set(mob, { number, gaps: this.gaps });
      this.segments.at(-1)!.push(`${mob}.${number}`);
    }
  }
  #settle(number: number): void {
    assert(this.#open.delete(number), `${this.mob}.${number} is settled twice`);
  }
  get written(): number {
    return this.#lengths.length;
  }
  get unsettled(): number {
    return this.#open.size;
  }
}

/**
 * Between two batches that both mobs have without a gap between them, both have the same batches in the same order. What goes
 * again in a new stream is at another place for those that got it in the stream before: they have it before the gap.
 */
function sameOrder(
  one: readonly string[],
  other: readonly string[],
  oneHas: Set<string>,
  otherHas: Set<string>,
  onlyBoth: boolean,
): void {
  const both = new Set(one.filter((name) => other.includes(name)));
  if (onlyBoth) return compare(one.filter((name) => both.has(name)), other.filter((name) => both.has(name)));
  compare(
    one.filter((name) => both.has(name) || !otherHas.has(name)),
    other.filter((name) => both.has(name) || !oneHas.has(name)),
  );
}

function compare(one: readonly string[], other: readonly string[]): void {
  const place = new Map(other.map((name, at) => [name, at]));
  const common = one.filter((name) => place.has(name));
  if (common.length === 0) return;
  const from = one.indexOf(common[0]!);
  const its = place.get(common[0]!)!;
  assertEquals(one.slice(from, from + common.length), common);
  assertEquals(other.slice(its, its + common.length), common);
}

async function run(seed: number, faults: EngineFaults): Promise<{ members: Member[]; engine: FaultyEngine }> {
  const draw = numbers(seed);
  for (let warm = 0; warm < 10; warm++) draw();
  const engine = new FaultyEngine(draw, faults);
  const members: Member[] = [];
  const grow = async (): Promise<void> => {
    const member = new Member(members.length, engine);
    members.push(member);
    await member.join();
  };
  for (let count = 1 + Math.floor(draw() * 3); count > 0; count--) await grow();
  for (let step = 0; step < 400; step++) {
    engine.step();
    await answers();
    // Who joins between two copies of a batch takes the second, others the first: only the engine's memory for ids prevents it.
    if (draw() < 0.005 && members.length < 5 && !faults.forgets && !faults.restarts) await grow();
    for (const member of members) {
      if (draw() < 0.4) member.write(Math.floor(draw() ** 3 * 400));
      // The engine is not so slow that what it has stored is not back after seconds, unless it forgets.
      if (draw() < 0.3) member.timers.pass(faults.forgets && draw() < 0.1 ? 10_000 : 1000);
      if (draw() < 0.5) member.read(members);
    }
  }
  for (let round = 0; members.some(({ unsettled }) => unsettled > 0) || round < 3; round++) {
    assert(round < 200, `seed ${seed}: a batch never comes back: ${members.map(({ unsettled }) => unsettled)}`);
    engine.mend();
    await answers();
    for (const member of members) {
      member.timers.pass(10_000);
      member.read(members);
    }
  }
  // A late copy of a batch is taken by those that have lost it when the engine came back, and not by those that were told that
  // it is missing: these have heard what comes behind it.
  const onlyBoth = faults.restarts && faults.discards;
  // What is stored twice is at its second place for those to whom the first one is missing.
  if (faults.forgets && faults.discards) return { members, engine };
  for (const member of members) {
    for (const other of members) {
      for (const segment of member.segments) {
        for (const its of other.segments) {
          sameOrder(segment, its, new Set(member.segments.flat()), new Set(other.segments.flat()), onlyBoth);
        }
      }
    }
  }
  return { members, engine };
}

const NONE: EngineFaults = {
  answers: false,
  forgets: false,
  discards: false,
  restarts: false,
  away: false,
  sizes: false,
};

/** Adds up over many seeds. */
async function runs(faults: Partial<EngineFaults>, seeds = 25) {
  const sum = { written: 0, gaps: 0, lost: 0, resent: 0, repeated: 0, restarts: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const { members } = await run(seed, { ...NONE, ...faults });
    for (const { channel, gaps, lost, written } of members) {
      // A mob that joins in the middle of a large batch of another is told that it misses it.
      if (!faults.discards && !faults.restarts) assert(gaps < members.length);
      const { resent, repeated, restarts, refused } = channel.stats();
      assertEquals(refused, 0);
      sum.written += written;
      sum.gaps += gaps;
      sum.lost += lost;
      sum.resent += resent;
      sum.repeated += repeated;
      sum.restarts += restarts;
    }
  }
  return sum;
}

test("without faults, nothing goes twice, and all have all in one order", async () => {
  const { written, gaps, resent, repeated } = await runs({ sizes: true });
  assert(written > 1000);
  assertEquals([resent, repeated], [0, 0]);
  assert(gaps > 10, `${gaps}`);
});

test("lost answers, lost and late messages, and an engine that is away: all have all in one order", async () => {
  const { written, resent, repeated, lost } = await runs({ answers: true, away: true, sizes: true });
  assert(written > 500 && resent > 100 && repeated < resent, `${written}, ${resent}, ${repeated}`);
  assertEquals(lost, 0);
});

test("an engine that forgets ids stores twice what is appended twice: it counts once", async () => {
  const { repeated, lost } = await runs({ answers: true, forgets: true, away: true, sizes: true });
  assert(repeated > 15, `${repeated}`);
  assertEquals(lost, 0);
});

test("an engine that discards: every gap is told, and what lies in it is settled", async () => {
  const { gaps, lost } = await runs({ answers: true, discards: true, away: true });
  assert(gaps > 10 && lost > 1, `${gaps}, ${lost}`);
});

test("an engine that comes back empty, or without its end, or remembers what it has lost: no batch waits for ever", async () => {
  const { restarts, gaps } = await runs({ answers: true, restarts: true, away: true, sizes: true });
  assert(restarts > 50 && gaps >= restarts, `${restarts}, ${gaps}`);
});

test("everything at once", async () => {
  const { restarts, lost, repeated } = await runs(
    { answers: true, forgets: true, discards: true, restarts: true, away: true, sizes: true },
    40,
  );
  assert(restarts > 30 && lost > 2 && repeated > 30, `${restarts}, ${lost}, ${repeated}`);
});
