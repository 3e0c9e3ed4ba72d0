/** One server, one policy, so many stuck: at a fixed rate, at full speed, and at a fixed rate again. */

import type { SlowConsumer } from "../../src/broadcast/options.ts";
import { LIMITS } from "../../src/server/options.ts";
import type { RuntimeName } from "../helpers/command_line.ts";
import { PATIENCE } from "./clients.ts";
import { Latencies } from "../../src/load/latency.ts";
import { Clients, Findings, inMilliseconds, mebibytes, percent, type Row } from "./scenario.ts";
import { type LogLine, processorOf, Server, starvedOf } from "./server.ts";
import { StalledClient } from "./stalled_client.ts";
import { pass } from "./waiting.ts";

/** Bytes by which memory may grow for the stuck, however many. */
export const GROWTH: number = LIMITS.maxLag.default + 16 * 2 ** 20;

/**
 * The same on Bun, where garbage grows with what is alive: a log of 2, 8 and 16 MiB costs 0, 17 and 22 to 36 MiB (5 stuck under
 * `block`; on Node and Deno 16 MiB cost 6 to 15).
 */
const GROWTH_ON_BUN: number = 2 * LIMITS.maxLag.default + 8 * 2 ** 20;

/** The delay of the healthy may grow by this factor. */
const FACTOR = 2;

/** Frames a second while delays are measured. */
const RATE = 2000;

/** Bytes in the payload of each frame. */
const payload = (): number => 1024;

/** Frames under way at full speed. */
const WINDOW = 1024;

/** How much of it all. */
export interface Plan {
  /** Clients that read all the time, besides the publisher. */
  readonly readers: number;
  /** Seconds at a fixed rate before any client is stuck, while some are, and after. */
  readonly quiet: number;
  readonly during: number;
  readonly after: number;
  /** Frames sent as fast as they come back. */
  readonly flood: number;
  /** How long bytes may wait for a client that takes none, in milliseconds. */
  readonly stall: number;
  /** How much later than that a connection may be removed, in milliseconds. */
  readonly grace: number;
  /** Whether delays are held against their bound. */
  readonly timed: boolean;
}

/** The figures of a run without stuck clients: the others are compared with it. */
export interface Measured {
  /** The most memory it ever had, in bytes. */
  readonly memory: number;
  /** The delay while some would have been stuck, and after that, in milliseconds. */
  readonly delays: readonly number[];
}

/** See above. */
export class PolicyRun {
  /** What it measured. */
  measured: Measured | undefined;
  /** Whether nothing is wrong but what depends on the machine: delays, and how late the garbage is collected. */
  onlyNoise = false;
  readonly #policy: SlowConsumer;
  readonly #count: number;
  readonly #plan: Plan;
  readonly #baseline: Measured | undefined;
  readonly #findings: Findings = new Findings();
  readonly #noise: Findings = new Findings();
  readonly #stuck: StalledClient[] = [];
  #server!: Server;
  #clients!: Clients;

  /** Nothing runs yet. Memory is held against `baseline`. */
  constructor(policy: SlowConsumer, count: number, plan: Plan, baseline: Measured | undefined) {
    this.#policy = policy;
    this.#count = count;
    this.#plan = plan;
    this.#baseline = baseline;
  }

  /** Runs it. */
  async run(runtime: RuntimeName): Promise<Row> {
    const stall = ["--stall-timeout", `${this.#plan.stall}ms`];
    this.#server = await Server.start(runtime, [...stall, "--slow-consumer", this.#policy]);
    this.#clients = new Clients(this.#server.port);
    try {
      await this.#clients.grow(1, this.#plan.readers);
      const began = performance.now();
      const starved = [this.#server.starved(), starvedOf("self")] as const;
      const figures = await this.#suffer(runtime === "bun" ? GROWTH_ON_BUN : GROWTH);
      const seconds = (performance.now() - began) / 1000;
      this.#findings.problems.push(...this.#clients.problems());
      this.onlyNoise = this.#findings.problems.length === 0 && this.#noise.problems.length > 0;
      const wait = this.#server.starved() - starved[0] + starvedOf("self") - starved[1];
      return {
        label: `${this.#policy}, ${this.#count} stuck`,
        figures: { ...figures, starved: percent(wait, seconds) },
        problems: [...this.#findings.problems, ...this.#noise.problems],
      };
    } finally {
      this.#clients.leave();
      for (const stalled of this.#stuck) stalled.drop();
      await this.#server.stop();
    }
  }

  async #suffer(growth: number): Promise<Row["figures"]> {
    const { quiet, during, after } = this.#plan;
    await this.#steady(quiet / 4);
    const before = await this.#steady(quiet);
    await this.#connectStuck();
    const meanwhile = await this.#steady(during);
    await this.#allOut(during > 0);
    if (during > 0) await this.#connectStuck();
    const speed = await this.#flood();
    const { peak } = this.#server.memory();
    const memory = this.#compareMemory(peak, growth);
    await this.#allOut(true);
    const afterwards = await this.#steady(after);
    this.#compareDelays(before, [meanwhile, afterwards]);
    this.measured = { memory: peak, delays: [meanwhile, afterwards] };
    const ends = await this.#ends();
    const delays = [before, meanwhile, afterwards].map(inMilliseconds).join(" / ");
    return { ...(during > 0 ? { "p99 before / stuck / after": delays } : {}), memory, ...speed, ...ends };
  }

  /** Connects the clients that will not read, while nothing is sent. */
  async #connectStuck(): Promise<void> {
    await this.#clients.settle();
    const { port } = this.#server;
    const joining = Array.from({ length: this.#count }, () => StalledClient.join(port, this.#clients.expected));
    this.#stuck.push(...await Promise.all(joining));
    await this.#server.hasConnections(this.#clients.members.length + this.#count);
  }

  /** Sends at a fixed rate for so long. Returns the delay within which 99 of 100 frames were received. */
  async #steady(seconds: number): Promise<number> {
    const { expected, publishers } = this.#clients;
    const delays = new Latencies();
    const since = performance.now();
    expected.countDelay = (sentAt) => {
      if (sentAt >= since) delays.add(performance.now() - sentAt);
    };
    const stop = publishers[0]!.tick(RATE, 5, payload);
    await pass(1000 * seconds);
    stop();
    await this.#clients.settle();
    expected.countDelay = undefined;
    return delays.percentile(99);
  }

  /** Sends as fast as the frames come back. */
  async #flood(): Promise<Row["figures"]> {
    const { flood } = this.#plan;
    const used = [this.#server.processor(), processorOf("self")] as const;
    const began = performance.now();
    this.#clients.resetSilence();
    await this.#clients.publishers[0]!.flood(flood, { payload, window: WINDOW }, 2 * PATIENCE);
    await this.#clients.settle();
    const seconds = (performance.now() - began) / 1000;
    return {
      "full speed": `${(flood / seconds / 1000).toFixed(1)} k frames/s`,
      "server cpu": percent(this.#server.processor() - used[0], seconds),
      "load cpu": percent(processorOf("self") - used[1], seconds),
      silence: inMilliseconds(this.#clients.silence),
    };
  }

  /** Waits until all that are stuck are out. Each has a stall timeout and a little for it. */
  async #allOut(anySent: boolean): Promise<void> {
    if (!anySent) return;
    const healthy = this.#clients.members.length;
    const inside = await this.#server.hasConnections(healthy, this.#plan.stall + this.#plan.grace);
    this.#findings.expect(inside === healthy, `${inside - healthy} of the stuck are not out`);
  }

  /** How the stuck ended, and after how long. */
  async #ends(): Promise<Row["figures"]> {
    if (this.#count === 0) return {};
    const { closed: left, skipped } = await this.#server.stats();
    const [out, all] = [left.lagged + left.stalled, this.#stuck.length];
    this.#findings.expect(out === all, `${out} of ${all} stuck were cut for being slow`);
    const cuts = this.#server.log.filter(({ properties }) => "bytesDelivered" in properties);
    const wait = Math.max(...cuts.map((line) => this.#waited(line)));
    this.#findings.expect(
      wait <= this.#plan.stall + this.#plan.grace,
      `one was out only after ${inMilliseconds(wait)}`,
    );
    const kept = await this.#recall();
    return {
      lagged: left.lagged,
      stalled: left.stalled,
      "out after": inMilliseconds(wait),
      skipped: skipped.frames,
      kept,
    };
  }

  /** How long it was from the time that the first byte it did not take was published to its removal, in milliseconds. */
  #waited({ at, properties }: LogLine): number {
    const clients = this.#clients;
    // The second half joined when the first was removed.
    const second = this.#stuck[this.#count]?.start ?? Infinity;
    const start = clients.timeOf(second) < at ? second : this.#stuck[0]!.start;
    return at - clients.timeOf(start + Number(properties.bytesDelivered));
  }

  /** The stuck clients read too late: they get what the kernel holds, a part of the stream and nothing else. */
  async #recall(): Promise<string> {
    if (this.#policy === "skip") return "-";
    await Promise.all(this.#stuck.map((stalled) => stalled.recall()));
    return mebibytes(Math.max(...this.#stuck.map(({ received }) => received)));
  }

  /** Without stuck clients the figure varies: the norm is the largest of before, after, and the other run. */
  #compareDelays(before: number, delays: readonly number[]): void {
    if (!this.#plan.timed || this.#baseline === undefined) return;
    for (const [index, delay] of delays.entries()) {
      const limit = FACTOR * Math.max(before, this.#baseline.delays[index]!);
      this.#noise.expect(
        delay <= limit,
        `p99 of the delay, ${inMilliseconds(delay)}, is over ${inMilliseconds(limit)}`,
      );
    }
  }

  #compareMemory(memory: number, most: number): string {
    if (this.#baseline === undefined) return mebibytes(memory);
    const growth = memory - this.#baseline.memory;
    this.#noise.expect(growth <= most, `memory grew by ${mebibytes(growth)}`);
    return `${mebibytes(memory)} (${growth < 0 ? "-" : "+"}${mebibytes(Math.abs(growth))})`;
  }
}
