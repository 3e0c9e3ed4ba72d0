/**
 * The load: clients that all hear and some of which talk, against any mob; measured, and checked to the last frame.
 *
 * @module
 */

import type { Adapter } from "../adapter.ts";
import { parseAddress } from "../address.ts";
import { describe } from "../errors.ts";
import { encodeFrame } from "../framing.ts";
import type { ClientTls } from "../tls.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import type { Way } from "./client.ts";
import { Crowd } from "./crowd.ts";
import { Delays } from "./delays.ts";
import type { Run } from "./hearer.ts";
import { ClosedLoop, OpenLoop } from "./pace.ts";
import { type BenchFraming, Stamper } from "./stamp.ts";

/** What a load does. */
export interface LoadOptions {
  /** How frames are delimited. */
  readonly framing: BenchFraming;
  /** Connections. All of them hear. */
  readonly clients: number;
  /** How many of them also talk. */
  readonly publishers: number;
  /** Bytes of each payload. */
  readonly size: number;
  /** Frames a second from each publisher, by the clock, whatever becomes of them. */
  readonly rate?: number | undefined;
  /** Frames under way at a time, where there is no rate. */
  readonly inFlight: number;
  /** How long it is measured. */
  readonly seconds: number;
  /** Certificates, for a `tls:` URL. */
  readonly tls?: ClientTls | undefined;
  /** What the mob wants to hear first. */
  readonly secret?: string | undefined;
}

/** How far a load has come. */
export interface Progress {
  /** From 0 to 1, of the time that is measured. */
  readonly done: number;
  /** Deliveries a second since the last look. */
  readonly deliveries: number;
  /** The 99th percentile of all delays so far, in milliseconds. */
  readonly p99: number;
}

/** What came of a load. */
export interface Outcome {
  /** Milliseconds until all were in. */
  readonly joined: number;
  /** How long it was measured. */
  readonly seconds: number;
  /** Frames sent in that time. */
  readonly sent: number;
  /** Frames heard in that time, by all clients together. */
  readonly deliveries: number;
  /** The delays of frames that were due in that time. */
  readonly delays: Delays;
  /** Frames that some client did not hear, summed over all clients. */
  readonly lost: number;
  /** Frames that some client heard more than once. */
  readonly repeated: number;
  /** Frames that came after a later one of the same publisher. */
  readonly reordered: number;
  /** Connections that ended meanwhile, and why the first did. */
  readonly ended: number;
  /** Why the first of them ended. */
  readonly why: string | undefined;
  /** Frames that others sent meanwhile, as heard by all clients together. */
  readonly foreign: number;
}

/** Load before anything is measured, in milliseconds: programs get faster when they have run for a while. */
const RAMP = 500;

/** Without anything new for so long, nothing more will come; in milliseconds. */
const QUIET = 5000;

/** How many delays are counted in a second, about: counting one takes as long as hearing twenty frames. */
const SAMPLES = 100_000;

/** Milliseconds between two tellings. */
const TELLING = 200;

/**
 * Runs a load against the mob at `url`. `tell` hears how far it is, and `stop` ends it early: then what was measured
 * until then comes of it, or `undefined` when that is nothing. Rejects when clients cannot connect, or hear nothing.
 */
export async function runLoad(
  url: string,
  options: LoadOptions,
  tell: (progress: Progress) => void,
  stop: AbortSignal,
): Promise<Outcome | undefined> {
  const adapter = await runtimeAdapter();
  const load = new Load(adapter, url, options);
  try {
    return await load.run(tell, stop);
  } finally {
    load.close();
  }
}

class Load {
  readonly #adapter: Adapter;
  readonly #url: string;
  readonly #options: LoadOptions;
  readonly #run: Run;
  readonly #crowd: Crowd;
  readonly #delays: Delays = new Delays();
  /** Delays of frames that were due in this time count, by the adapter's clock. */
  #from = Infinity;
  #to = Infinity;

  constructor(adapter: Adapter, url: string, options: LoadOptions) {
    this.#adapter = adapter;
    this.#url = url;
    this.#options = options;
    const { framing, size, publishers } = options;
    // The digits below a millisecond tell one run from another that is beside it, or was cut off before it.
    const id = Math.floor(adapter.now() * 1e6) >>> 0;
    this.#run = { framing, size, id, publishers, sample: 1, delayed: (sentAt) => this.#delayed(sentAt) };
    this.#crowd = new Crowd(adapter, this.#run, new Stamper(framing, size, id));
  }

  close(): void {
    this.#crowd.close();
  }

  async run(tell: (progress: Progress) => void, stop: AbortSignal): Promise<Outcome | undefined> {
    const crowd = this.#crowd;
    const joined = await this.#join(stop);
    if (joined === undefined) return undefined;
    const atStart = crowd.clients.map(({ sent, hearer }) => ({ sent, heard: hearer.heard }));
    this.#talk();
    const over = (): boolean => stop.aborted || crowd.ended !== undefined;
    const heard = crowd.heard;
    await crowd.until(over, RAMP);
    this.#chooseSample((crowd.heard - heard) * 1000 / RAMP);
    const before = { heard: crowd.heard, sent: crowd.sent };
    this.#from = this.#adapter.now();
    this.#to = this.#from + this.#options.seconds * 1000;
    await this.#measure(tell, over);
    this.#to = Math.min(this.#to, this.#adapter.now());
    const counts = { sent: crowd.sent - before.sent, deliveries: crowd.heard - before.heard };
    crowd.onTurn = () => {};
    await this.#hearTheRest();
    const seconds = (this.#to - this.#from) / 1000;
    return { joined, seconds, ...counts, delays: this.#delays, ...this.#verdict(atStart) };
  }

  async #join(stop: AbortSignal): Promise<number | undefined> {
    const began = this.#adapter.now();
    const { clients } = this.#options;
    let cameIn = false;
    try {
      cameIn = await this.#crowd.join(clients, this.#way(), QUIET, stop);
    } catch (cause) {
      if (stop.aborted) return undefined;
      throw describe(`Cannot connect client ${this.#crowd.clients.length} of ${clients} to ${this.#url}`, cause);
    }
    if (stop.aborted) return undefined;
    if (cameIn) return this.#adapter.now() - began;
    const ended = this.#crowd.ended;
    const waiting = clients - this.#crowd.clients.filter(({ hearer }) => hearer.heard > 0).length;
    const reason = ended !== undefined ? ended.ended : `${waiting} of ${clients} heard nothing for ${QUIET / 1000} s`;
    throw new Error(
      `Cannot load ${this.#url}: ${reason}; it has to be a mob with the same --framing, with --echo all, with ` +
        "--max-connections for all clients and --max-frame for all payloads",
    );
  }

  #way(): Way {
    const { framing, tls, secret } = this.#options;
    const frame = secret === undefined ? undefined : encodeFrame(framing, new TextEncoder().encode(secret));
    return { address: parseAddress(this.#url), tls, secret: frame };
  }

  /** From now on the publishers talk, at every turn and when no turns come. */
  #talk(): void {
    const { publishers, rate, inFlight } = this.#options;
    const pace = rate === undefined
      ? new ClosedLoop(this.#crowd, this.#adapter, publishers, inFlight)
      : new OpenLoop(this.#crowd, this.#adapter, publishers, rate);
    const keepUp = (): void => pace.keepUp();
    const tick = (): void => {
      if (this.#crowd.onTurn !== keepUp) return;
      keepUp();
      this.#adapter.after(1, tick);
    };
    this.#crowd.onTurn = keepUp;
    tick();
  }

  #chooseSample(deliveries: number): void {
    this.#run.sample = 2 ** Math.max(0, Math.round(Math.log2(Math.max(1, deliveries) / SAMPLES)));
  }

  async #measure(tell: (progress: Progress) => void, over: () => boolean): Promise<void> {
    const { seconds } = this.#options;
    let [lookedAt, heard] = [this.#from, this.#crowd.heard];
    while (!over() && this.#adapter.now() < this.#to) {
      await this.#crowd.until(over, Math.min(TELLING, this.#to - this.#adapter.now()));
      const now = this.#adapter.now();
      tell({
        done: Math.min(1, (now - this.#from) / (seconds * 1000)),
        deliveries: (this.#crowd.heard - heard) * 1000 / (now - lookedAt),
        p99: this.#delays.percentile(99),
      });
      [lookedAt, heard] = [now, this.#crowd.heard];
    }
  }

  /** Waits until all have heard all, or nothing new comes any more. */
  async #hearTheRest(): Promise<void> {
    const crowd = this.#crowd;
    for (let heard = -1; heard !== crowd.heard;) {
      heard = crowd.heard;
      if (await crowd.until(() => crowd.isLevel || crowd.ended !== undefined, QUIET)) return;
    }
  }

  #verdict(atStart: readonly { sent: number; heard: number }[]): Omit<
    Outcome,
    "joined" | "seconds" | "sent" | "deliveries" | "delays"
  > {
    const { clients } = this.#crowd;
    const sent = clients.reduce((sum, client, index) => sum + client.sent - atStart[index]!.sent, 0);
    const verdict = { lost: 0, repeated: 0, reordered: 0, foreign: 0 };
    clients.forEach(({ hearer }, index) => {
      const heard = hearer.heard - atStart[index]!.heard;
      verdict.lost += Math.max(0, sent - heard);
      verdict.repeated += Math.max(0, heard - sent);
      verdict.reordered += hearer.late;
      verdict.foreign += hearer.foreign;
    });
    const ended = clients.filter(({ ended }) => ended !== undefined);
    // A frame that is heard again is late as well.
    verdict.reordered = Math.max(0, verdict.reordered - verdict.repeated);
    return { ...verdict, ended: ended.length, why: ended[0]?.ended };
  }

  #delayed(sentAt: number): void {
    if (sentAt >= this.#from && sentAt < this.#to) this.#delays.add(this.#crowd.turnAt - sentAt);
  }
}
