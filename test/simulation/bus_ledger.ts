/**
 * The ledger of a mob on a simulated bus: what it reads, writes to its channel, publishes and tells, each held against what is
 * due.
 *
 * @module
 */

import type { ChannelGap } from "../../src/bus/channel.ts";
import type { RelaySender } from "../../src/bus/relay.ts";
import type { Token } from "../../src/contract/token.ts";
import { type BusAuthor, isSame, originOf } from "./bus_author.ts";
import type { BusClient } from "./bus_client.ts";
import { type BusFraming, type Due, type Framed, framesOfBatch, type Order, wholeFrames } from "./bus_order.ts";
import type { BusMobSettings } from "./bus_settings.ts";
import { BusPast } from "./bus_past.ts";
import type { BusWorld } from "./bus_world.ts";

/** What was published of one author. */
interface AuthorCount {
  count: number;
  /** The place of its last frame; -1: there is none. */
  last: number;
  /** Frames of it that the mob was told are lost. */
  lost: number;
}

/** What a mob does, in order. */
export abstract class BusLedger {
  abstract readonly world: BusWorld;
  abstract readonly number: number;
  abstract readonly settings: BusMobSettings;
  abstract readonly order: Order;
  abstract readonly application: BusAuthor;
  readonly clients: BusClient[] = [];
  /** What it has published: payloads. */
  readonly published: Uint8Array[] = [];
  /** The batches that it has published, between gaps. */
  readonly segments: string[][] = [[]];
  /** What it has read of its connections and its application, in order, and how much of it is in batches. */
  readonly read: Framed[] = [];
  written = 0;
  /** The frames of its own batches, by number. */
  readonly batches: (readonly Framed[])[] = [];
  /** Ranges of the stream that it was told are missing. */
  readonly holes: { readonly from: number; readonly to: number }[] = [];
  /** Frames that it has published and were its own, of others, and own frames that were lost. */
  readonly counts: { own: number; others: number; lost: number; gaps: number } = {
    own: 0,
    others: 0,
    lost: 0,
    gaps: 0,
  };
  /** The mob's connection of a token. */
  find!: (token: Token) => unknown;
  /** What it keeps for clients to come. */
  readonly past: BusPast = new BusPast();
  /** How much it had published, and since which gap, when its current tick began. */
  tickBegan: { readonly end: number; readonly since: number } = { end: 0, since: 0 };
  /** How many ticks it has run. */
  ticks = 0;
  readonly #authors: Map<number, AuthorCount> = new Map();
  #due: Extract<Due, { type: "batch" }> | undefined;
  #dueAt = 0;
  #dueTick = 0;

  abstract violate(rule: string, what: string): void;

  /** What it has published of an author. */
  countOf({ number }: Pick<BusAuthor, "number">): AuthorCount {
    const count = this.#authors.get(number) ?? { count: 0, last: -1, lost: 0 };
    this.#authors.set(number, count);
    return count;
  }

  /** Whether a batch that has begun is not published whole. */
  get isInBatch(): boolean {
    return this.#due !== undefined;
  }

  /** Frames of a connection, or of the application, go to the bus. */
  reads(sender: RelaySender | undefined, bytes: Uint8Array, count: number): void {
    const author = sender ? this.clients.find(({ token }) => token === sender.token)!.author : this.application;
    const { frames, length } = wholeFrames(author.framing, bytes);
    if (frames.length !== count || length !== bytes.length) this.violate("stream", `${count} frames are not whole`);
    for (const { framing, payload } of frames) {
      const due = author.said[author.read++];
      if (!due || !isSame(due, payload)) this.violate("stream", `it reads what ${author.number} has not sent`);
      this.read.push({ framing, payload: payload.slice() });
    }
  }

  /** A batch goes out: it has the next frames that were read. */
  writes(number: number, bytes: Uint8Array): void {
    const frames = framesOfBatch(bytes, this.world.settings.maxFrame) ?? [];
    if (number !== Math.max(1, this.batches.length) || frames.length === 0) this.violate("stream", "it wrote no batch");
    this.batches[number] = frames;
    if (new Set(frames.map(({ framing }) => framing)).size > 1) this.world.marks.reach("several runs");
    for (const { framing, payload } of frames) {
      const due = this.read[this.written++];
      if (due?.framing !== framing || !isSame(due.payload, payload)) this.violate("stream", "it wrote other frames");
    }
  }

  /** It publishes frames: the next ones of the batch that is due. */
  publishes(sender: Token | undefined, framing: BusFraming, bytes: Uint8Array, count: number): void {
    const { frames, length } = wholeFrames(framing, bytes);
    if (frames.length !== count || length !== bytes.length) this.violate("stream", `${count} frames are not whole`);
    this.world.trace.note("publish", this.number, bytes.length, count);
    for (const frame of frames) {
      if (!this.#due) this.#nextBatch();
      const due = this.#due?.frames[this.#dueAt];
      const { author, index } = originOf(frame.payload);
      if (!due || due.framing !== framing || !isSame(due.payload, frame.payload)) {
        const what = due ? originOf(due.payload) : undefined;
        const instead = what ? `frame ${what.index} of ${what.author}` : "nothing";
        return this.violate("order", `it published frame ${index} of ${author}, due is ${instead}`);
      }
      this.#count(author, sender, frame.payload);
      if (++this.#dueAt === this.#due!.frames.length) this.#due = undefined;
    }
  }

  #nextBatch(): void {
    const due = this.order.next();
    if (due?.type === "gap") return this.violate("order", "it did not tell a gap");
    this.#due = due;
    this.#dueAt = 0;
    this.#dueTick = this.ticks;
    if (due) this.segments.at(-1)!.push(`${due.node}.${due.number}`);
  }

  #count(author: number, sender: Token | undefined, payload: Uint8Array): void {
    const { marks } = this.world;
    const count = this.countOf({ number: author });
    const isOwn = this.#due!.node === this.order.own;
    const client = this.clients.find((each) => each.author.number === author);
    if (sender !== undefined && client?.token !== sender) this.violate("order", "a frame is another connection's");
    if (
      isOwn && this.settings.echo === "others" && client?.token !== undefined && sender === undefined &&
      this.find(client.token)
    ) {
      this.violate("order", "a frame is no connection's");
    }
    if (this.#dueTick !== this.ticks) marks.reach("published in several ticks");
    count.count++;
    count.last = this.published.push(payload.slice()) - 1;
    // What was told as lost, and comes after all, counts as what comes of others.
    if (this.#due!.late) {
      count.lost--;
      this.world.isCountUnsure = true;
    }
    this.counts[isOwn && !this.#due!.late ? "own" : "others"]++;
    this.world.published(this, author);
  }

  /** It reads a gap. */
  tells({ restarted, own, batches }: ChannelGap): void {
    const { trace, marks } = this.world;
    trace.note("gap", this.number, restarted ? 1 : 0, own.length);
    if (batches !== 0) this.counts.gaps++;
    if (this.#due) this.violate("order", "it told a gap in the middle of a batch");
    if (batches !== 0) {
      const due = this.order.next();
      if (due?.type !== "gap" || due.restarted !== restarted) {
        this.violate("order", "it told a gap where there is none");
      }
      this.segments.push([]);
      this.past.gap(this.published.length);
    }
    for (const number of own) {
      marks.reach("own batch lost");
      const isMissing = this.world.placesOf(`${this.order.own}.${number}`).some((place) =>
        this.holes.some(({ from, to }) => place >= from && place < to)
      );
      if (!isMissing) this.violate("order", `its batch ${number} counts as lost, and is not missing`);
      if (number >= this.order.ownNext) {
        this.order.ownNext = number + 1;
        this.order.ownLost = number;
      }
      this.counts.lost += this.batches[number]!.length;
      for (const { payload } of this.batches[number]!) this.countOf({ number: originOf(payload).author }).lost++;
    }
    for (const client of batches === 0 ? [] : this.clients) {
      if (client.token === undefined || client.reason !== undefined) continue;
      if (this.settings.slowConsumer === "skip") marks.reach("gap and gone on");
      else client.gap(this.published.length);
    }
  }
}
