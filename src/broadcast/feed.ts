/**
 * Broadcast: hands the log to the connections, one write each a tick, and deals with those that do not keep up.
 *
 * @module
 */

import type { Connection } from "../server/connection.ts";
import { LagHeap } from "./lag_heap.ts";
import { Log, segmentSizeFor } from "./log.ts";
import type { ResolvedOptions } from "../server/options.ts";

/** What a broadcast tells its mob. Called while the tick's giving goes on: record, do not remove. */
export interface FeedEvents {
  /** The connection's socket is full: from now on it waits for WRITABLE. */
  blocked(connection: Connection): void;
  /** The connection's socket took something. Told of flowing connections only when the mob watches idleness. */
  progressed(connection: Connection): void;
  /** A connection that waited, paused or leaves has all it is owed. */
  caughtUp(connection: Connection): void;
  /** The connection's socket threw, which no socket may. */
  failed(connection: Connection, error: unknown): void;
}

/**
 * Every connection is in one of three places: flowing, resumed this tick, or waiting for WRITABLE in the heap. Only
 * one that leaves and has all it is owed, or that was skipped and is skipping, is in none.
 */
export class Feed {
  /** What all connections receive. */
  readonly log: Log;
  /** Writes asked of sockets. */
  writes = 0;

  readonly #options: ResolvedOptions;
  readonly #events: FeedEvents;
  /** Those that had taken everything when last written to: each gets the news of every tick, in one write. */
  readonly #flowing: Connection[] = [];
  /** Those whose socket became writable again in this tick. */
  #resumed: Set<Connection> = new Set();
  /** Those that wait for WRITABLE, the furthest behind first. */
  readonly #lagHeap: LagHeap<Connection> = new LagHeap();
  readonly #watchesIdleness: boolean;
  #flushedTo = 0;
  #holding = false;

  /** Makes a broadcast with an empty log. */
  constructor(options: ResolvedOptions, events: FeedEvents) {
    this.#options = options;
    this.#events = events;
    this.#watchesIdleness = options.idleTimeout > 0;
    this.log = new Log({ framing: options.framing, segmentSize: segmentSizeFor(options.maxLag) });
  }

  /** Whether nobody may be read from, because of somebody's lag (`block`). */
  get backpressure(): boolean {
    return this.#holding;
  }

  /** Where the connection's stream ends as yet: the end of the log or, when it leaves, where that was then. */
  endFor(connection: Connection): number {
    return connection.until < this.log.end ? connection.until : this.log.end;
  }

  /** How many frames had been published there. */
  framesAtEndFor(connection: Connection): number {
    return connection.until <= this.log.end ? connection.framesAtUntil : this.log.frames;
  }

  /** Bytes the connection is owed. */
  lag(connection: Connection): number {
    const rest = connection.remainder?.length ?? 0;
    return connection.skippingAt !== -1 ? rest : this.endFor(connection) - connection.cursor + rest;
  }

  /** Whether bytes are waiting for the connection, be it that it will have missed them. */
  hasPending(connection: Connection): boolean {
    return connection.remainder !== undefined || connection.cursor < this.endFor(connection);
  }

  /** An incoming connection is given what is published from now on. */
  add(connection: Connection): void {
    connection.cursor = this.log.end;
    connection.framesAtJoin = this.log.frames;
    this.#flow(connection);
  }

  /** The connection is given nothing more. */
  remove(connection: Connection): void {
    this.#lagHeap.remove(connection);
    this.#unflow(connection);
    this.#resumed.delete(connection);
  }

  /** The connection's socket can take more: it is given what it is owed at the end of this tick. */
  resume(connection: Connection): void {
    if (connection.heapIndex === -1 && connection.skippingAt === -1) return;
    this.#lagHeap.remove(connection);
    this.#resumed.add(connection);
  }

  /** Publishes a run of frames from `sender`. */
  publish(sender: Connection, bytes: Uint8Array, start: number, end: number, count: number): void {
    this.log.append(bytes, start, end, count);
    this.#published(sender, end - start, count);
  }

  /** Publishes one frame from `sender` that came in pieces. */
  publishPieces(sender: Connection, pieces: readonly Uint8Array[], length: number): void {
    this.log.appendPieces(pieces, length);
    this.#published(sender, length, 1);
  }

  #published(sender: Connection, bytes: number, count: number): void {
    sender.framesIn += count;
    sender.bytesIn += bytes;
    if (this.#options.echo === "all") return;
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

  /** Gives everyone whose socket takes bytes what is new to them. */
  flush(): void {
    const resumed = this.#resumed;
    if (resumed.size > 0) {
      this.#resumed = new Set();
      for (const connection of resumed) this.#serve(connection);
    }
    const published = this.log.end - this.#flushedTo;
    if (published === 0) return;
    this.#flushedTo += published;
    // The next tick will bring about as much as this one.
    this.log.reserve(published);
    const flowing = this.#flowing;
    for (let index = 0; index < flowing.length;) {
      const connection = flowing[index]!;
      if (this.#give(connection)) {
        if (connection.paused) this.#events.caughtUp(connection);
        index++;
      } else {
        // The last one takes its place in the list, so the same index comes next.
        this.#unflow(connection);
        this.#wait(connection);
      }
    }
  }

  /** The connection has begun to leave: it is served once more, news or not. */
  finish(connection: Connection): void {
    if (connection.flowingIndex === -1) return;
    this.#unflow(connection);
    this.#resumed.add(connection);
  }

  /**
   * Applies the slow-consumer policy after a flush. Returns the connections over `maxLag` that must go (`disconnect`),
   * having looked at no others; `skip` moves them on and `block` holds everybody: they return none.
   */
  overLimit(): Connection[] {
    const { slowConsumer, maxLag } = this.#options;
    const over: Connection[] = [];
    let first = this.#lagHeap.first;
    if (slowConsumer === "block") return over;
    while (first !== undefined && this.log.end - first.cursor > maxLag) {
      this.#lagHeap.remove(first);
      if (slowConsumer === "disconnect" || first.until !== Infinity) over.push(first);
      else this.#skip(first);
      first = this.#lagHeap.first;
    }
    return over;
  }

  /** Ends the tick: drops the part of the log that everybody has, and holds everybody back or lets go (`block`). */
  settle(): void {
    const { slowConsumer, maxLag } = this.#options;
    const furthest = this.#lagHeap.first?.cursor ?? this.log.end;
    this.log.trim(furthest);
    // Nobody is there who would soon be given more: nothing is held for those who may come.
    if (this.#flowing.length === 0 && furthest === this.log.end) this.log.clear();
    if (slowConsumer !== "block") return;
    const worst = this.log.end - furthest;
    this.#holding = this.#holding ? worst > maxLag / 2 : worst > maxLag;
  }

  #serve(connection: Connection): void {
    if (!this.#give(connection)) return this.#wait(connection);
    if (connection.leaving === undefined) this.#flow(connection);
    this.#events.caughtUp(connection);
  }

  /** Writes until all is given or the socket takes no more. Says whether all is given. */
  #give(connection: Connection): boolean {
    const end = this.endFor(connection);
    if (connection.remainder !== undefined && !this.#giveRemainder(connection)) return false;
    if (connection.skippingAt !== -1) this.#land(connection, end);
    let progressed = false;
    let full = false;
    while (connection.cursor < end && !full) {
      const run = connection.own === undefined ? this.#run(connection.cursor, end) : this.#othersRun(connection, end);
      if (run === undefined) continue;
      const taken = this.#write(connection, run);
      if (taken > 0) {
        connection.cursor += taken;
        progressed = true;
      }
      full = taken < run.length;
    }
    if (progressed && (full || this.#watchesIdleness)) this.#events.progressed(connection);
    return !full;
  }

  /** The log from the cursor on, as far as one write may go. */
  #run(cursor: number, end: number): Uint8Array {
    const run = this.log.read(cursor);
    return run.length > end - cursor ? run.subarray(0, end - cursor) : run;
  }

  /** The same for one that does not receive itself; `undefined` when it stepped over frames of its own instead. */
  #othersRun(connection: Connection, end: number): Uint8Array | undefined {
    const first = connection.own!;
    if (first.from > connection.cursor) return this.#run(connection.cursor, Math.min(end, first.from));
    connection.framesSkipped += first.frames;
    connection.bytesSkipped += first.to - connection.cursor;
    connection.cursor = first.to;
    connection.own = first.next;
    return undefined;
  }

  #write(connection: Connection, bytes: Uint8Array): number {
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

  #giveRemainder(connection: Connection): boolean {
    const remainder = connection.remainder!;
    const taken = this.#write(connection, remainder);
    connection.remainder = taken === remainder.length ? undefined : remainder.subarray(taken);
    if (taken > 0) this.#events.progressed(connection);
    return connection.remainder === undefined;
  }

  /** `skip`: the half-sent frame stays owed, and everything after it is missed until the socket takes bytes again. */
  #skip(connection: Connection): void {
    const boundary = this.log.boundaryAfter(connection.cursor);
    if (boundary > connection.cursor) {
      connection.remainder = this.log.read(connection.cursor).subarray(0, boundary - connection.cursor);
      connection.cursor = boundary;
    }
    connection.framesSkipped += this.log.frames - this.log.framesBefore(connection.cursor);
    connection.bytesSkipped += this.log.end - connection.cursor;
    connection.cursor = this.log.end;
    connection.skippingAt = this.log.frames;
  }

  /** One that was skipping goes on at the live end; what was published meanwhile it has missed. */
  #land(connection: Connection, end: number): void {
    connection.framesSkipped += this.framesAtEndFor(connection) - connection.skippingAt;
    connection.bytesSkipped += end - connection.cursor;
    connection.cursor = end;
    connection.skippingAt = -1;
    connection.own = undefined;
  }

  #wait(connection: Connection): void {
    if (connection.skippingAt === -1) this.#lagHeap.add(connection);
    this.#events.blocked(connection);
  }

  #flow(connection: Connection): void {
    connection.flowingIndex = this.#flowing.length;
    this.#flowing.push(connection);
  }

  #unflow(connection: Connection): void {
    const index = connection.flowingIndex;
    if (index === -1) return;
    connection.flowingIndex = -1;
    const last = this.#flowing.pop()!;
    if (last === connection) return;
    this.#flowing[index] = last;
    last.flowingIndex = index;
  }
}
