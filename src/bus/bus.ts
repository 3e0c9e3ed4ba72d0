/**
 * The bus: a mob's end of it. What its connections send goes out in batches over a channel, and what comes back is published,
 * its own batches among those of other mobs.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import { type FrameRules, FRAMINGS } from "../framing/framing.ts";
import { readRuns, type Run } from "./batch.ts";
import type { RelayStats } from "./bus_stats.ts";
import type { Channel, ChannelBatch, ChannelEvents, ChannelGap } from "./channel.ts";
import { CommonOffsets } from "./common_offsets.ts";
import { Outgoing, type OutgoingBatch, type OutgoingCount, type Share } from "./outgoing.ts";
import type { Relay, RelayHost, RelayLink, RelaySender } from "./relay.ts";

/**
 * The relay of a channel, for the option `relay`: a bus on an engine of your own. Its `attach` throws an `Error` when a second
 * mob takes it, since their batches would be numbered twice.
 *
 * @param channel The mob's place on the bus.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 * import { busRelay, type Channel, type ChannelItem } from "mobcast/core";
 *
 * // A bus of one mob: what goes out comes back at once.
 * const items: ChannelItem[] = [];
 * let wake = () => {};
 * const channel: Channel = {
 *   name: "loopback",
 *   batchSize: 65536,
 *   writable: true,
 *   open(events) {
 *     wake = events.wake;
 *     return Promise.resolve({ sequence: 0, epoch: "1" });
 *   },
 *   write(number, bytes) {
 *     items.push({ type: "batch", bytes, own: number });
 *     wake();
 *   },
 *   read: () => items.shift(),
 *   refuse() {},
 *   stats: () => ({ sequence: 0, missedBatches: 0, restarts: 0, resent: 0, repeated: 0, refused: 0 }),
 *   close: () => Promise.resolve(),
 * };
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0", relay: busRelay(channel) });
 * mob.publish("hello, everybody");
 * ```
 */
export function busRelay(channel: Channel): Relay {
  let taken = false;
  return {
    attach(host) {
      if (taken) {
        throw new Error(`Cannot use relay: another mob has the bus ${channel.name} by it, make one for each mob`);
      }
      taken = true;
      return new Bus(channel, host);
    },
  };
}

/** A mob's end of a bus. */
class Bus<Sender extends RelaySender> implements RelayLink<Sender> {
  readonly opened: Promise<void>;
  readonly #channel: Channel;
  readonly #host: RelayHost<Sender>;
  readonly #outgoing: Outgoing;
  readonly #offsets: CommonOffsets;
  /** Up to where the past is read, before connections may come. */
  #reading: { readonly last: number; resolve(): void } | undefined;
  /** The sequence of the batch that is being published; `undefined`: its channel has none. */
  #sequence: number | undefined;
  #whyAway: string | undefined = "the mob has not joined it yet";
  #joined = false;
  /** The batch that is being published, and how far it is. */
  #runs: readonly Run[] = [];
  #batch: Uint8Array = new Uint8Array();
  #next = 0;
  #at = 0;
  #left = 0;
  /** What of it is this mob's own. */
  #own: OutgoingBatch | undefined;
  /** Whether a tick stopped because of back-pressure. */
  #held = false;
  readonly #returned: OutgoingCount = { frames: 0, bytes: 0 };
  readonly #received: OutgoingCount = { frames: 0, bytes: 0 };
  readonly #lost: OutgoingCount = { frames: 0, bytes: 0 };
  /** The own batch that was lost last: it may come after all, as long as none behind it is back. */
  #lostLast: { readonly number: number; readonly batch: OutgoingBatch } | undefined;
  #gaps = 0;

  constructor(channel: Channel, host: RelayHost<Sender>) {
    this.#channel = channel;
    this.#host = host;
    this.#outgoing = new Outgoing(channel.batchSize);
    const { framing, maxFrame, history } = host;
    const offsets = this.#offsets = new CommonOffsets(host.publisher);
    const events: ChannelEvents = {
      wake: () => host.wake(),
      away: (why) => this.#isAway(why),
      get here() {
        return offsets.here;
      },
    };
    this.opened = channel.open(events, { framing, maxFrame }, history).then(({ sequence, epoch, last = sequence }) => {
      offsets.begin(sequence, epoch);
      this.#joined = true;
      this.#isAway(undefined);
      host.wake();
      if (last > sequence) return new Promise<void>((resolve) => this.#reading = { last, resolve });
    });
  }

  get whyAway(): string | undefined {
    return this.#whyAway;
  }

  get empty(): boolean {
    return this.#outgoing.inFlight.frames === 0 && !this.#own;
  }

  get released(): boolean {
    return this.#held && !this.#host.publisher.backpressure;
  }

  // --- from the mob's connections ---

  get backpressure(): boolean {
    return this.#host.publisher.backpressure || this.#isFull;
  }

  get holdsEnds(): boolean {
    return this.#isFull && !this.#host.publisher.backpressure;
  }

  /** So much is on its way that what comes back could fill a tick. */
  get #isFull(): boolean {
    return this.#outgoing.inFlight.bytes > this.#host.tickBudget;
  }

  /** What goes out stays as it is. */
  growth(): number {
    return 1;
  }

  publish(sender: Sender | undefined, bytes: Uint8Array, start: number, end: number, count: number): number {
    this.#outgoing.add(sender, this.#framingOf(sender), bytes, start, end, count);
    return 0;
  }

  publishPieces(sender: Sender, pieces: readonly Uint8Array[], length: number): number {
    this.#outgoing.addPieces(sender, this.#framingOf(sender), pieces, length);
    return 0;
  }

  #framingOf(sender: Sender | undefined): FrameRules {
    return sender?.feed.framing ?? FRAMINGS[this.#host.framing];
  }

  // --- a tick ---

  tick(): void {
    const { publisher, tickBudget } = this.#host;
    this.#outgoing.offer(this.#channel);
    let left = tickBudget;
    this.#held = false;
    while (left > 0 && !this.#held) {
      if (publisher.backpressure) this.#held = true;
      else if (this.#next < this.#runs.length || this.#read()) left -= this.#publish(left);
      else break;
    }
    if (left <= 0) this.#host.wake();
    else if (this.#reading && this.#channel.stats().sequence >= this.#reading.last) this.#hasRead();
    // What was back made room.
    this.#outgoing.offer(this.#channel);
  }

  /** The past is read, or will never be. */
  #hasRead(): void {
    this.#reading?.resolve();
    this.#reading = undefined;
  }

  /** Goes on to the next batch. Returns whether there is one. */
  #read(): boolean {
    for (let item = this.#channel.read(); item; item = this.#channel.read()) {
      if (item.type === "gap") this.#gap(item);
      else if (this.#begin(item)) return true;
    }
    return false;
  }

  /** Begins to publish a batch, when it is one. */
  #begin({ bytes, own, late, sequence, sentAt }: ChannelBatch): boolean {
    const runs = readRuns(bytes, this.#host.maxFrame);
    const number = own ?? late;
    const sent = own === undefined ? this.#lostOf(late) : this.#outgoing.peek(own);
    const isOurs = number === undefined || (sent !== undefined && this.#isSame(sent.bytes, bytes));
    if (!runs || !isOurs) {
      this.#channel.refuse();
      return false;
    }
    if (number !== undefined) this.#lostLast = undefined;
    this.#own = own === undefined ? undefined : this.#outgoing.settle(own);
    if (sentAt) this.#offsets.told(sentAt);
    this.#sequence = sequence;
    this.#batch = bytes;
    // Only where connections do not receive their own frames does it matter whose they are.
    this.#runs = sent && this.#host.leavesOut ? sent.shares : runs;
    this.#next = 0;
    this.#beginRun();
    return true;
  }

  /** The batch with this number, when it is the one that was lost last. */
  #lostOf(number: number | undefined): OutgoingBatch | undefined {
    return this.#lostLast?.number === number ? this.#lostLast?.batch : undefined;
  }

  /** Whether what claims to be a batch of ours is it. What others make of its frames depends on whose they are. */
  #isSame(sent: Uint8Array, back: Uint8Array): boolean {
    return this.#host.leavesOut ? equalBytes(sent, back) : sent.length === back.length;
  }

  #beginRun(): void {
    const run = this.#runs[this.#next];
    if (run) [this.#at, this.#left] = [run.start, run.frames];
  }

  /** Publishes frames of the current run, about `budget` bytes. Returns the bytes that the largest feed got. */
  #publish(budget: number): number {
    const { publisher } = this.#host;
    const run = this.#runs[this.#next]!;
    const { framing, end } = run;
    const most = Math.ceil(budget / publisher.growth(framing));
    let to = end;
    let frames = this.#left;
    if (end - this.#at > most) {
      // One frame at least.
      to = framing.end(this.#batch, this.#at, end, end);
      for (frames = 1; to < end; frames++) {
        const next = framing.end(this.#batch, to, end, end);
        if (next - this.#at > most) break;
        to = next;
      }
    }
    const { token } = run as Partial<Share>;
    const sender = token === undefined ? undefined : this.#host.find(token);
    const published = to - this.#at;
    const more = publisher.publish(sender, this.#batch, this.#at, to, frames, framing);
    this.#count(this.#own ? this.#returned : this.#received, frames, published);
    this.#at = to;
    this.#left -= frames;
    if (to === end) {
      this.#next++;
      this.#beginRun();
      if (this.#next === this.#runs.length) this.#end();
    }
    return published + more;
  }

  /** A batch is published whole. */
  #end(): void {
    const own = this.#own;
    this.#own = undefined;
    this.#runs = [];
    this.#next = 0;
    if (this.#sequence !== undefined) this.#offsets.passed(this.#sequence);
    if (own) this.#settled(own);
  }

  /** The frames of a batch of ours are back, or lost: no connection waits for them any more. */
  #settled({ shares }: OutgoingBatch): void {
    for (const { token, frames } of shares) {
      const sender = token === undefined ? undefined : this.#host.find(token);
      if (!sender) continue;
      sender.inFlight -= frames;
      if (sender.inFlight === 0) this.#host.returned(sender);
    }
  }

  #gap(gap: ChannelGap): void {
    // Without batches it only settles own ones, which lie in a gap that was told.
    if (gap.batches !== 0) {
      this.#gaps++;
      this.#offsets.missed();
      if (gap.restarted) this.#hasRead();
      this.#host.gap(gap);
    }
    for (const number of gap.own) {
      const batch = this.#outgoing.settle(number);
      if (!batch) continue;
      this.#count(this.#lost, batch.count.frames, batch.count.bytes);
      this.#settled(batch);
      this.#lostLast = { number, batch };
    }
  }

  #count(count: OutgoingCount, frames: number, bytes: number): void {
    count.frames += frames;
    count.bytes += bytes;
  }

  #isAway(why: string | undefined): void {
    if (!this.#joined && why === undefined) return;
    const was = this.#whyAway;
    this.#whyAway = why;
    if (why !== was) this.#host.away(why);
  }

  // --- for people ---

  stats(): RelayStats {
    const { sequence, missedBatches, restarts, resent, repeated, refused } = this.#channel.stats();
    return {
      name: this.#channel.name,
      state: !this.#joined ? "joining" : this.#whyAway === undefined ? "joined" : "away",
      sequence,
      sent: { ...this.#outgoing.sent },
      returned: { ...this.#returned },
      inFlight: this.#stillInFlight(),
      lost: { ...this.#lost },
      received: { ...this.#received },
      missedBatches,
      gaps: this.#gaps,
      restarts,
      resent,
      repeated,
      refused,
    };
  }

  /** What is on its way, and what is back and not published yet. */
  #stillInFlight(): OutgoingCount {
    const count = { ...this.#outgoing.inFlight };
    for (let index = this.#next; this.#own && index < this.#runs.length; index++) {
      const { start, end, frames } = this.#runs[index]!;
      const current = index === this.#next;
      count.frames += current ? this.#left : frames;
      count.bytes += end - (current ? this.#at : start);
    }
    return count;
  }

  close(): Promise<void> {
    this.#hasRead();
    return this.#channel.close();
  }
}
