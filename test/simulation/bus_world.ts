/**
 * A world of several mobs on a bus: real mobs and channels on memory adapters, and an engine that fails.
 *
 * @module
 */

import { BusAuthor } from "./bus_author.ts";
import type { BusClient } from "./bus_client.ts";
import { HelloWire } from "./bus_wire.ts";
import { Engine, type EngineStream } from "./bus_engine.ts";
import { BUS_MARK_NAMES, type BusMark } from "./bus_marks.ts";
import type { BusLedger } from "./bus_ledger.ts";
import { BusMob } from "./bus_mob.ts";
import { type BusFraming, MESSAGE_HEADER, type OrderPlace, pieceOf } from "./bus_order.ts";
import { type BusSettings, MOST_MOBS } from "./bus_settings.ts";
import type { BusStepName } from "./bus_steps.ts";
import type { Choices } from "./choices.ts";
import { Marks } from "./marks.ts";
import type { Trace, Violation } from "./trace.ts";

/** A world. */
export class BusWorld {
  readonly settings: BusSettings;
  readonly trace: Trace;
  readonly marks: Marks<BusMark> = new Marks(BUS_MARK_NAMES);
  readonly engine: Engine;
  readonly mobs: BusMob[] = [];
  /** What speaks for mobs that this world does not know. */
  readonly foreign: BusAuthor;
  violation: Violation | undefined;
  /** Whether reads and writes may fall short now. */
  cutting = false;
  /** Whether the faults are over. */
  healing = false;
  /** Events that were reported to mobs. */
  events = 0;
  /** Bytes that clients have received. */
  moved = 0;
  readonly #choices: Choices<BusSettings, BusStepName>;
  #authors = 0;
  /** Where pieces of batches were stored, by node and number. */
  readonly #places: Map<string, number[]> = new Map();
  /** Where the last own batch lay that the sender of a message had published when it appended that. */
  readonly #previous: WeakMap<Uint8Array, OrderPlace> = new WeakMap();
  /** How often each piece was stored. */
  readonly #copies: Map<string, number> = new Map();
  /** Batches of which more than one copy of a piece was stored: which one counts depends on where a mob began. */
  readonly repeated: Set<string> = new Set();
  /** Whether mobs that count alike may have published something else: the engine has lost what some have read, and not told all. */
  isCountUnsure = false;

  constructor(choices: Choices<BusSettings, BusStepName>, trace: Trace) {
    this.#choices = choices;
    this.trace = trace;
    this.settings = choices.settings;
    this.engine = new Engine(this.settings.maxMessage + MESSAGE_HEADER, {
      stored: (life, sequence, message, from) => this.#stored(life, sequence, message, from),
      befell: (fate) => {
        if (fate === "lost" || fate === "lost slowly") this.marks.reach("message lost");
        if (fate === "unanswered") this.marks.reach("answer lost");
        if (fate === "twice") this.marks.reach("stored twice");
      },
      known: (isThere, sequence, message, from) => {
        this.marks.reach(isThere ? "known by its id" : "known by its id and gone");
        const piece = pieceOf(message, this.settings.framing);
        if (isThere || !piece) return;
        // What the engine says of it is all that its mob can know.
        this.#addPlace(`${piece.node}.${piece.number}`, sequence);
        this.#name(from, piece.node);
      },
      appended: (message, from) => {
        const previous = this.mobs.find(({ stream }) => stream === from)?.order.previous;
        if (previous) this.#previous.set(message, previous);
      },
    });
    this.foreign = this.author(this.settings.framing);
  }

  /** Something does not hold. Only the first is kept: the others may follow from it. */
  violate(rule: string, what: string): void {
    this.trace.say(() => `!!! ${rule}: ${what}`);
    this.violation ??= { rule, what };
  }

  /** By how much something falls short. */
  cut(limit: number): number {
    return this.cutting && !this.healing ? this.#choices.cut(limit) : 0;
  }

  author(framing: BusFraming): BusAuthor {
    return new BusAuthor(this.#authors++, framing);
  }

  /** The mobs that take part. */
  get here(): BusMob[] {
    return this.mobs.filter((mob) => mob.isThere);
  }

  /** One more mob joins, if there may be one. */
  async start(): Promise<void> {
    if (this.here.length >= MOST_MOBS || this.mobs.length >= this.settings.mobs.length) return;
    if (this.engine.waiting.length > 0) this.marks.reach("joined in the middle");
    const mob = new BusMob(this, this.mobs.length);
    this.mobs.push(mob);
    await mob.open();
    await this.settle();
  }

  /** Clients whose stream can be resumed: they are gone, and have not come back. */
  get resumable(): BusClient[] {
    const all = this.mobs.flatMap(({ clients }) => clients);
    const back = new Set(all.map(({ resumedFrom }) => resumedFrom));
    return all.filter((client) => client.wire instanceof HelloWire && !client.isPresent && !back.has(client));
  }

  /** The sequences at which pieces of a batch were stored, or were said to be. */
  placesOf(batch: string): readonly number[] {
    return this.#places.get(batch) ?? [];
  }

  /** Where the last own batch lay that the sender of a message had published when it appended that. */
  previousOf(message: Uint8Array): OrderPlace | undefined {
    return this.#previous.get(message);
  }

  /** A mob has published a frame. */
  published(mob: BusLedger, author: number): void {
    const feed = mob.settings.web ? mob.clients.find((each) => each.author.number === author)?.wire.feed : undefined;
    if (feed === "mobcast.u64") this.marks.reach("packed");
    else if (feed === "websocket") this.marks.reach("web");
    if (author === this.foreign.number) this.marks.reach("foreign mob");
    if (this.mobs.some((other) => other.isThere && other !== mob && other.stream.isAway)) {
      this.marks.reach("away, and others went on");
    }
    if (this.mobs.some((other) => other.isStopped && other !== mob)) this.marks.reach("stopped");
  }

  #stored(life: number, sequence: number, message: Uint8Array, from: EngineStream | undefined): void {
    const piece = pieceOf(message, this.settings.framing);
    const mob = this.mobs.find(({ stream }) => stream === from);
    this.trace.note("stored", sequence, mob?.number ?? -1, piece?.number ?? -1);
    if (!piece || !mob) return;
    this.#name(from, piece.node);
    const batch = `${piece.node}.${piece.number}`;
    this.#addPlace(batch, sequence);
    const copies = (this.#copies.get(`${batch}.${piece.start}`) ?? 0) + 1;
    this.#copies.set(`${batch}.${piece.start}`, copies);
    if (copies > 1) {
      this.repeated.add(batch);
      this.isCountUnsure = true;
    }
    if (!piece.isLast) this.marks.reach("batch in pieces");
    this.trace.say(() => `      in life ${life}, from ${piece.start} on, ${piece.bytes.length} bytes`);
  }

  /** The node of a mob is in what it appends. */
  #name(stream: EngineStream | undefined, node: string): void {
    const order = this.mobs.find((mob) => mob.stream === stream)?.order;
    if (order) order.own ||= node;
  }

  #addPlace(batch: string, sequence: number): void {
    const places = this.#places.get(batch) ?? [];
    this.#places.set(batch, places);
    places.push(sequence);
  }

  /** Lets promises that are due resolve. The same number of rounds each time, so that runs repeat. */
  async settle(): Promise<void> {
    for (let round = 0; round < 12; round++) await undefined;
  }

  /** All that is due happens: the engine stores, answers and tells, and mobs and clients do their work, once. */
  async flow(): Promise<boolean> {
    const { engine } = this;
    let moves = false;
    while (engine.handle()) moves = true;
    await this.settle();
    for (const { stream } of this.mobs) while (stream.deliver()) moves = true;
    for (const mob of this.mobs) if (mob.tick()) moves = true;
    for (const mob of this.here) if (!mob.isStopped) mob.clientsAct();
    for (const mob of this.mobs) if (mob.tick()) moves = true;
    await this.settle();
    return moves;
  }

  /** Time passes for all, and clients act meanwhile. */
  async pass(milliseconds: number): Promise<void> {
    const pieces = Math.min(10, Math.ceil(milliseconds / 25));
    for (let piece = 0; piece < pieces; piece++) {
      for (const mob of this.here) mob.adapter.advance(milliseconds / pieces);
      for (const mob of this.here) mob.clientsAct();
      await this.settle();
    }
    this.trace.note("time", milliseconds);
  }
}
