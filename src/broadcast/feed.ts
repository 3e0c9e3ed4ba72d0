/**
 * A feed: one log in one framing, with the connections that are given it and the policy for those that are slow.
 *
 * @module
 */

import type { Socket } from "../contract/adapter.ts";
import { type Framing, type FramingName, FRAMINGS, overhead } from "../framing/framing.ts";
import { type LagEntry, LagHeap } from "./lag_heap.ts";
import { Log, segmentSizeFor } from "./log.ts";
import type { BroadcastOptions } from "./options.ts";

/** Frames and the bytes they make up on the wire. */
export interface Count {
  /** Whole frames. */
  frames: number;
  /** Bytes, headers included. */
  bytes: number;
}

/** A part of the log, from an offset to an offset. */
export interface LogRange {
  /** Where it begins. */
  readonly from: number;
  /** Where it ends. */
  to: number;
  /** How many frames it holds: counting them in the log would be a walk. */
  frames: number;
  /** The next one of the same connection. */
  next?: LogRange;
}

/**
 * How a connection stands to its feed. `current`: it had everything at the last flush. `ready`: its socket takes bytes
 * again, and it is given what is pending at the end of this tick. `blocked`: it waits for WRITABLE, in the lag heap.
 * `skipping` (policy `skip`): it was cut loose from the log, and goes on at the live end when its socket takes bytes.
 */
export type Delivery = "current" | "ready" | "blocked" | "skipping";

/** What a feed needs of a connection, and notes on it. */
export interface Subscriber extends LagEntry {
  /** Takes the bytes. */
  readonly socket: Pick<Socket, "write">;
  /** How it stands to the feed. Only the feed writes it. */
  delivery: Delivery;
  /** Its place in the list of those that are current; -1: it is not in the list. */
  currentIndex: number;
  /** Not read from until its own lag is small again: it is told when it has caught up. */
  readonly paused: boolean;
  /** How many frames the feed had when it joined. */
  framesAtJoin: number;
  /** Frames that the feed could not carry, from joining until it began to leave; before that less {@link Feed.uncarried}. */
  uncarried: number;
  /** Their bytes, in the same way. */
  uncarriedBytes: number;
  /** Where its stream ends: the log's end at the moment it began to leave; `Infinity` before. */
  until: number;
  /** How many frames the log had there. */
  framesAtUntil: number;
  /** The rest of a half-sent frame that the log no longer holds for it (`skip`). */
  remainder: Uint8Array | undefined;
  /** How many frames the log had at its cursor when it was skipped; counts while it is `skipping`. */
  skippedAt: number;
  /** Ranges of the log that it is not given because it sent them (`echo: "others"`), the first first. */
  own: LogRange | undefined;
  /** The last of them, when there are any. A list, since Node takes the first of a long array by moving all others. */
  ownLast: LogRange | undefined;
  /** Bytes that its socket took. */
  bytesDelivered: number;
  /** Bytes that it missed. */
  bytesSkipped: number;
  /** Frames that it missed. */
  framesSkipped: number;
}

/** What a feed tells its server. Called while the tick's writes go on: record, do not remove. */
export interface FeedEvents<Member extends Subscriber> {
  /** The connection's socket is full: from now on it waits for WRITABLE. */
  blocked(connection: Member): void;
  /** The connection's socket took something. Told of current connections only when idleness is watched. */
  progressed(connection: Member): void;
  /** A connection that was blocked, paused or leaves has everything. */
  caughtUp(connection: Member): void;
  /** The connection's socket threw, which no socket may. */
  failed(connection: Member, error: unknown): void;
}

/** Hands one log to its connections, one write each a tick, and deals with those that do not keep up. */
export class Feed<Member extends Subscriber = Subscriber> {
  /** How its frames are delimited. */
  readonly framing: Framing;
  /** What all its connections receive. */
  readonly log: Log;
  /** Connections that joined and were not removed. Without any nothing is appended. */
  subscribers = 0;
  /** Frames that its framing cannot carry, while it had connections: they count as skipped. */
  uncarried = 0;
  /** Bytes that they would have had. */
  uncarriedBytes = 0;
  /** Writes asked of sockets. */
  writes = 0;

  readonly #options: BroadcastOptions;
  readonly #events: FeedEvents<Member>;
  /** Those that are current: each is given what every tick brings, in one write. */
  readonly #current: Member[] = [];
  /** Those whose socket became writable in this tick. */
  #ready: Set<Member> = new Set();
  /** Those that are blocked, the furthest behind first. */
  readonly #blocked: LagHeap<Member> = new LagHeap();
  #flushedTo = 0;
  #backpressure = false;

  /** Makes a feed with an empty log. */
  constructor(framing: FramingName, options: BroadcastOptions, events: FeedEvents<Member>) {
    this.framing = FRAMINGS[framing];
    this.log = new Log({ framing, segmentSize: segmentSizeFor(options.maxLag) });
    this.#options = options;
    this.#events = events;
  }

  /** Whether no connection may be read from, because of one's lag (`block`). */
  get backpressure(): boolean {
    return this.#backpressure;
  }

  // --- what a connection is owed ---

  /** Where the connection's stream ends as yet: the end of the log or, when it leaves, where that was then. */
  endFor(connection: Subscriber): number {
    return connection.until < this.log.end ? connection.until : this.log.end;
  }

  /** How many frames the log had there. */
  framesAtEndFor(connection: Subscriber): number {
    return connection.until <= this.log.end ? connection.framesAtUntil : this.log.frames;
  }

  /** Bytes the connection has yet to be given. */
  lag(connection: Subscriber): number {
    const rest = connection.remainder?.length ?? 0;
    return connection.delivery === "skipping" ? rest : this.endFor(connection) - connection.cursor + rest;
  }

  /** Frames that the feed could not carry since the connection joined, and that were for it. */
  uncarriedFor({ until, uncarried, uncarriedBytes }: Subscriber): Count {
    const open = until === Infinity;
    return {
      frames: uncarried + (open ? this.uncarried : 0),
      bytes: uncarriedBytes + (open ? this.uncarriedBytes : 0),
    };
  }

  /** Whether the connection is behind, including frames it is about to skip. */
  hasPending(connection: Subscriber): boolean {
    return connection.remainder !== undefined || connection.cursor < this.endFor(connection);
  }

  // --- joining and leaving ---

  /** The connection is given what is published from now on. */
  add(connection: Member): void {
    this.subscribers++;
    connection.cursor = this.log.end;
    connection.framesAtJoin = this.log.frames;
    connection.uncarried = -this.uncarried;
    connection.uncarriedBytes = -this.uncarriedBytes;
    this.#addCurrent(connection);
  }

  /** The connection's stream ends here: it is given the rest, and served once more even when there is none. */
  finish(connection: Member): void {
    connection.until = this.log.end;
    connection.framesAtUntil = this.log.frames;
    connection.uncarried += this.uncarried;
    connection.uncarriedBytes += this.uncarriedBytes;
    if (connection.currentIndex === -1) return;
    this.#removeCurrent(connection);
    this.#makeReady(connection);
  }

  /** The connection is given nothing more. */
  remove(connection: Member): void {
    this.subscribers--;
    this.#blocked.remove(connection);
    this.#removeCurrent(connection);
    this.#ready.delete(connection);
  }

  /** The connection's socket can take more: it is given what is pending at the end of this tick. */
  resume(connection: Member): void {
    if (connection.delivery === "skipping") {
      this.#ready.add(connection);
    } else if (connection.delivery === "blocked") {
      this.#blocked.remove(connection);
      this.#makeReady(connection);
    }
  }

  // --- publishing ---

  /** Appends a run of frames that are in this feed's framing. */
  append(bytes: Uint8Array, start: number, end: number, count: number): void {
    this.log.append(bytes, start, end, count);
  }

  /** Appends one frame in this feed's framing that came in pieces. */
  appendPieces(pieces: readonly Uint8Array[], length: number): void {
    this.log.appendPieces(pieces, length);
  }

  /** Appends a run of whole frames of another framing. Returns the bytes appended. */
  appendFrom(framing: Framing, bytes: Uint8Array, start: number, end: number): number {
    const before = this.log.end;
    for (let at = start; at < end;) {
      const next = framing.end(bytes, at, end, end);
      const from = at + framing.header;
      const to = next - framing.trailer;
      if (this.framing.carries(bytes, from, to)) {
        this.log.appendPayloadOf(bytes, from, to);
      } else {
        this.uncarried++;
        this.uncarriedBytes += to - from + overhead(this.framing);
      }
      at = next;
    }
    return this.log.end - before;
  }

  /** The last `bytes` of the log are `count` frames that the connection has sent: it is not given them. */
  leaveOut(sender: Member, bytes: number, count: number): void {
    const from = this.log.end - bytes;
    const last = sender.own === undefined ? undefined : sender.ownLast;
    if (last?.to === from) {
      last.to += bytes;
      last.frames += count;
      return;
    }
    const range = { from, to: from + bytes, frames: count };
    if (last === undefined) sender.own = range;
    else last.next = range;
    sender.ownLast = range;
  }

  // --- the end of a tick ---

  /** Gives each connection whose socket takes bytes what is new to it. */
  flush(): void {
    const ready = this.#ready;
    if (ready.size > 0) {
      this.#ready = new Set();
      for (const connection of ready) this.#serve(connection);
    }
    const published = this.log.end - this.#flushedTo;
    if (published === 0) return;
    this.#flushedTo += published;
    // The next tick will bring about as much as this one.
    this.log.reserve(published);
    const current = this.#current;
    for (let index = 0; index < current.length;) {
      const connection = current[index]!;
      if (this.#give(connection)) {
        if (connection.paused) this.#events.caughtUp(connection);
        index++;
      } else {
        // The last one takes its place in the list, so the same index comes next.
        this.#removeCurrent(connection);
        this.#block(connection);
      }
    }
  }

  /**
   * Applies the slow-consumer policy after a flush. Returns the connections over `maxLag` that must go (`disconnect`),
   * having looked at no others; `skip` moves them on and `block` holds everybody: they return none.
   */
  overLimit(): Member[] {
    const { slowConsumer, maxLag } = this.#options;
    const over: Member[] = [];
    let first = this.#blocked.first;
    if (slowConsumer === "block") return over;
    while (first !== undefined && this.log.end - first.cursor > maxLag) {
      this.#blocked.remove(first);
      if (slowConsumer === "disconnect" || first.until !== Infinity) over.push(first);
      else this.#skip(first);
      first = this.#blocked.first;
    }
    return over;
  }

  /** Ends the tick: drops the part of the log that every connection has, and sets or ends back-pressure (`block`). */
  settle(): void {
    const { slowConsumer, maxLag } = this.#options;
    const furthest = this.#blocked.first?.cursor ?? this.log.end;
    this.log.trim(furthest);
    // No connection needs the log, and none will soon be given more: it is freed.
    if (this.#current.length === 0 && furthest === this.log.end) this.log.clear();
    if (slowConsumer !== "block") return;
    const worst = this.log.end - furthest;
    this.#backpressure = this.#backpressure ? worst > maxLag / 2 : worst > maxLag;
  }

  #serve(connection: Member): void {
    if (!this.#give(connection)) return this.#block(connection);
    if (connection.until === Infinity) this.#addCurrent(connection);
    else connection.delivery = "current";
    this.#events.caughtUp(connection);
  }

  /** Writes until everything is given or the socket takes no more. Says whether everything is given. */
  #give(connection: Member): boolean {
    const end = this.endFor(connection);
    if (connection.remainder !== undefined && !this.#giveRemainder(connection)) return false;
    if (connection.delivery === "skipping") this.#land(connection, end);
    let progressed = false;
    let full = false;
    while (connection.cursor < end && !full) {
      const run = connection.own === undefined ? this.#read(connection.cursor, end) : this.#readOthers(connection, end);
      if (run === undefined) continue;
      const taken = this.#write(connection, run);
      if (taken > 0) {
        connection.cursor += taken;
        progressed = true;
      }
      full = taken < run.length;
    }
    if (progressed && (full || this.#options.idleTimeout > 0)) this.#events.progressed(connection);
    return !full;
  }

  /** The log from the cursor on, as far as one write may go. */
  #read(cursor: number, end: number): Uint8Array {
    const run = this.log.read(cursor);
    return run.length > end - cursor ? run.subarray(0, end - cursor) : run;
  }

  /** The same for one that does not receive its own frames; `undefined` when it stepped over some instead. */
  #readOthers(connection: Member, end: number): Uint8Array | undefined {
    const first = connection.own!;
    if (first.from > connection.cursor) return this.#read(connection.cursor, Math.min(end, first.from));
    connection.framesSkipped += first.frames;
    connection.bytesSkipped += first.to - connection.cursor;
    connection.cursor = first.to;
    connection.own = first.next;
    return undefined;
  }

  #write(connection: Member, bytes: Uint8Array): number {
    this.writes++;
    try {
      const taken = connection.socket.write(bytes);
      connection.bytesDelivered += taken;
      return taken;
    } catch (error) {
      this.#events.failed(connection, error);
      return 0;
    }
  }

  #giveRemainder(connection: Member): boolean {
    const remainder = connection.remainder!;
    const taken = this.#write(connection, remainder);
    connection.remainder = taken === remainder.length ? undefined : remainder.subarray(taken);
    if (taken > 0) this.#events.progressed(connection);
    return connection.remainder === undefined;
  }

  // --- the skip policy ---

  /** The half-sent frame stays pending, and everything after it is missed until the socket takes bytes again. */
  #skip(connection: Member): void {
    const boundary = this.log.boundaryAfter(connection.cursor);
    if (boundary > connection.cursor) {
      connection.remainder = this.log.read(connection.cursor).subarray(0, boundary - connection.cursor);
      connection.cursor = boundary;
    }
    connection.framesSkipped += this.log.frames - this.log.framesBefore(connection.cursor);
    connection.bytesSkipped += this.log.end - connection.cursor;
    connection.cursor = this.log.end;
    connection.skippedAt = this.log.frames;
    connection.delivery = "skipping";
  }

  /** A connection that was skipping goes on at the live end; what was published meanwhile it has missed. */
  #land(connection: Member, end: number): void {
    connection.framesSkipped += this.framesAtEndFor(connection) - connection.skippedAt;
    connection.bytesSkipped += end - connection.cursor;
    connection.cursor = end;
    connection.delivery = "ready";
    connection.own = undefined;
  }

  // --- lists ---

  #block(connection: Member): void {
    if (connection.delivery !== "skipping") {
      connection.delivery = "blocked";
      this.#blocked.add(connection);
    }
    this.#events.blocked(connection);
  }

  #makeReady(connection: Member): void {
    connection.delivery = "ready";
    this.#ready.add(connection);
  }

  #addCurrent(connection: Member): void {
    connection.delivery = "current";
    connection.currentIndex = this.#current.length;
    this.#current.push(connection);
  }

  #removeCurrent(connection: Member): void {
    const index = connection.currentIndex;
    if (index === -1) return;
    connection.currentIndex = -1;
    const last = this.#current.pop()!;
    if (last === connection) return;
    this.#current[index] = last;
    last.currentIndex = index;
  }
}
