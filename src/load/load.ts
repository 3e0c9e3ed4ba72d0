/**
 * The load: clients that receive, and some that also publish, against any mob. It is measured, and every frame is checked.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import { describe } from "../errors.ts";
import { encodeFrame } from "../framing/framing.ts";
import { parseDestination } from "../client/destination.ts";
import type { ClientTls } from "../contract/tls.ts";
import type { Target } from "./load_client.ts";
import { LoadClients } from "./clients.ts";
import { Latencies } from "./latency.ts";
import { ClosedLoop, OpenLoop } from "./schedule.ts";
import { type BenchFraming, type Equal, Stamper } from "./message.ts";
import { Stream } from "./stream.ts";

/** The options of a load. */
export interface LoadOptions {
  /** How frames are delimited. */
  readonly framing: BenchFraming;
  /** Connections. All of them receive. */
  readonly clients: number;
  /** How many of them also publish. */
  readonly publishers: number;
  /** Bytes of each payload. */
  readonly size: number;
  /** Frames a second from each publisher, by the clock, independently of what is received. */
  readonly rate?: number | undefined;
  /** Frames under way at a time, when there is no rate. */
  readonly inFlight: number;
  /** How long to measure. */
  readonly seconds: number;
  /** How long each connection may take to be made, in milliseconds. */
  readonly connectTimeout?: number | undefined;
  /** Certificates, for a `tls:` URL. */
  readonly tls?: ClientTls | undefined;
  /** The secret of the mob. */
  readonly secret?: string | undefined;
  /** The runtime's own comparison of bytes, where there is one. */
  readonly equal?: Equal | undefined;
}

/** The progress of a load. */
export interface Progress {
  /** From 0 to 1, of the time that is measured. */
  readonly done: number;
  /** Deliveries a second since the last report. */
  readonly deliveries: number;
  /** The 99th percentile of all delays so far, in milliseconds. */
  readonly p99: number;
}

/** The result of a load. */
export interface Outcome {
  /** Milliseconds until all clients had joined. */
  readonly joined: number;
  /** How long was measured. */
  readonly seconds: number;
  /** Frames sent in that time. */
  readonly sent: number;
  /** Frames received in that time, by all clients together. */
  readonly deliveries: number;
  /** The delays of frames that were due in that time. */
  readonly delays: Latencies;
  /** Frames that some client did not receive, summed over all clients. */
  readonly lost: number;
  /** Frames that some client received more than once. */
  readonly repeated: number;
  /** Frames received after a later frame of the same publisher. */
  readonly reordered: number;
  /** Connections that received all frames, in another order than others. */
  readonly disorder: number;
  /** Frames of the load with other bytes than were sent. */
  readonly garbled: number;
  /** Connections that ended meanwhile. */
  readonly ended: number;
  /** Why the first of them ended. */
  readonly why: string | undefined;
  /** Frames of other senders. */
  readonly foreign: number;
}

/** Load before anything is measured, in milliseconds: programs get faster when they have run for a while. */
const RAMP = 500;

/** After so long without a new frame no more are expected, in milliseconds. */
const QUIET = 5000;

/** About how many delays are counted in a second: counting one takes as long as receiving twenty frames. */
const SAMPLES = 100_000;

/** Milliseconds between two reports of the progress. */
const REPORT = 200;

/**
 * Runs a load against the mob at `url`. Calls `report` with its progress. `stop` ends it early: it then resolves to what was
 * measured until then, or to `undefined` when that is nothing. Rejects when clients cannot connect, or receive nothing.
 */
export async function runLoad(
  adapter: Adapter,
  url: string,
  options: LoadOptions,
  report: (progress: Progress) => void,
  stop: AbortSignal,
): Promise<Outcome | undefined> {
  const load = new Load(adapter, url, options);
  try {
    return await load.run(report, stop);
  } finally {
    load.close();
  }
}

class Load {
  readonly #adapter: Adapter;
  readonly #url: string;
  readonly #options: LoadOptions;
  readonly #stream: Stream;
  readonly #loadClients: LoadClients;
  readonly #delays: Latencies = new Latencies();
  /** Only delays of frames that were due in this time are counted, by the adapter's clock. */
  #from = Infinity;
  #to = Infinity;

  constructor(adapter: Adapter, url: string, options: LoadOptions) {
    this.#adapter = adapter;
    this.#url = url;
    this.#options = options;
    const { framing, size, publishers, equal } = options;
    // The digits below a millisecond differ from those of another run beside it or before it.
    const id = Math.floor(adapter.now() * 1e6) >>> 0;
    this.#stream = new Stream({ framing, id }, equal);
    this.#stream.countDelay = (sentAt) => this.#delayed(sentAt);
    this.#loadClients = new LoadClients(adapter, publishers, this.#stream, new Stamper(framing, size, id));
  }

  close(): void {
    this.#loadClients.close();
  }

  async run(report: (progress: Progress) => void, stop: AbortSignal): Promise<Outcome | undefined> {
    const loadClients = this.#loadClients;
    const joined = await this.#join(stop);
    if (joined === undefined) return undefined;
    const atStart = loadClients.clients.map(({ sent, receiver }) => ({ sent, received: receiver.received }));
    this.#publish();
    const over = (): boolean => stop.aborted || loadClients.ended !== undefined;
    const received = loadClients.received;
    await loadClients.until(over, RAMP);
    this.#chooseSample((loadClients.received - received) * 1000 / RAMP);
    const before = { received: loadClients.received, sent: loadClients.sent };
    this.#from = this.#adapter.now();
    this.#to = this.#from + this.#options.seconds * 1000;
    await this.#measure(report, over);
    this.#to = Math.min(this.#to, this.#adapter.now());
    const counts = { sent: loadClients.sent - before.sent, deliveries: loadClients.received - before.received };
    loadClients.onTick = () => {};
    await this.#receiveTheRest();
    const seconds = (this.#to - this.#from) / 1000;
    return { joined, seconds, ...counts, delays: this.#delays, ...this.#verdict(atStart) };
  }

  async #join(stop: AbortSignal): Promise<number | undefined> {
    const began = this.#adapter.now();
    const { clients } = this.#options;
    let allJoined = false;
    try {
      allJoined = await this.#loadClients.join(clients, this.#target(), QUIET, stop);
    } catch (cause) {
      if (stop.aborted) return undefined;
      throw describe(`Cannot connect client ${this.#loadClients.clients.length} of ${clients} to ${this.#url}`, cause);
    }
    if (stop.aborted) return undefined;
    if (allJoined) return this.#adapter.now() - began;
    const ended = this.#loadClients.ended;
    const waiting = clients - this.#loadClients.clients.filter(({ receiver }) => receiver.received > 0).length;
    const reason = ended !== undefined
      ? ended.ended
      : `${waiting} of ${clients} received nothing for ${QUIET / 1000} s`;
    throw new Error(
      `Cannot load ${this.#url}: ${reason}; it has to be a mob with the same --framing, with --echo all, with ` +
        "--max-connections for all clients and --max-frame for all payloads",
    );
  }

  #target(): Target {
    const { framing, tls, secret, connectTimeout } = this.#options;
    const frame = secret === undefined ? undefined : encodeFrame(framing, secret);
    return { address: parseDestination(this.#url).address, tls, connectTimeout, secret: frame };
  }

  /** From now on the publishers send, at every tick and every millisecond. */
  #publish(): void {
    const { publishers, rate, inFlight } = this.#options;
    const schedule = rate === undefined
      ? new ClosedLoop(this.#loadClients, this.#adapter, publishers, inFlight)
      : new OpenLoop(this.#loadClients, this.#adapter, publishers, rate);
    const keepUp = (): void => schedule.keepUp();
    const tick = (): void => {
      if (this.#loadClients.onTick !== keepUp) return;
      keepUp();
      this.#adapter.after(1, tick);
    };
    this.#loadClients.onTick = keepUp;
    tick();
  }

  #chooseSample(deliveries: number): void {
    this.#stream.sample = 2 ** Math.max(0, Math.round(Math.log2(Math.max(1, deliveries) / SAMPLES)));
  }

  async #measure(report: (progress: Progress) => void, over: () => boolean): Promise<void> {
    const { seconds } = this.#options;
    let [lookedAt, received] = [this.#from, this.#loadClients.received];
    while (!over() && this.#adapter.now() < this.#to) {
      await this.#loadClients.until(over, Math.min(REPORT, this.#to - this.#adapter.now()));
      const now = this.#adapter.now();
      report({
        done: Math.min(1, (now - this.#from) / (seconds * 1000)),
        deliveries: (this.#loadClients.received - received) * 1000 / (now - lookedAt),
        p99: this.#delays.percentile(99),
      });
      [lookedAt, received] = [now, this.#loadClients.received];
    }
  }

  /** Waits until every client has received everything, or no more frames arrive. */
  async #receiveTheRest(): Promise<void> {
    const loadClients = this.#loadClients;
    for (let received = -1; received !== loadClients.received;) {
      received = loadClients.received;
      if (await loadClients.until(() => loadClients.allReceived || loadClients.ended !== undefined, QUIET)) return;
    }
  }

  #verdict(atStart: readonly { sent: number; received: number }[]): Omit<
    Outcome,
    "joined" | "seconds" | "sent" | "deliveries" | "delays"
  > {
    const { clients } = this.#loadClients;
    const sent = clients.reduce((sum, client, index) => sum + client.sent - atStart[index]!.sent, 0);
    const { foreign, garbled } = this.#stream;
    const verdict = { lost: 0, repeated: 0, reordered: 0, disorder: 0, garbled, foreign };
    clients.forEach(({ receiver }, index) => {
      const received = receiver.received - atStart[index]!.received;
      verdict.lost += Math.max(0, sent - received);
      verdict.repeated += Math.max(0, received - sent);
      verdict.reordered += receiver.late;
    });
    const ended = clients.filter(({ ended }) => ended !== undefined);
    // A repeated frame was counted as late as well.
    verdict.reordered = Math.max(0, verdict.reordered - verdict.repeated);
    const all = verdict.lost + verdict.repeated + verdict.reordered === 0;
    if (all) verdict.disorder = clients.filter(({ receiver }) => receiver.diverged).length;
    return { ...verdict, ended: ended.length, why: ended[0]?.ended };
  }

  #delayed(sentAt: number): void {
    if (sentAt >= this.#from && sentAt < this.#to) this.#delays.add(this.#loadClients.tickAt - sentAt);
  }
}
