/**
 * Receiver: reads connections, within budgets, and publishes their whole frames.
 *
 * @module
 */

import { READABLE } from "../contract/adapter.ts";
import type { Relay } from "../bus/relay.ts";
import type { Connection } from "./connection.ts";
import type { Deadlines } from "../reactor/deadlines.ts";
import type { FrameSink } from "../framing/decoder.ts";
import type { Limits } from "./options.ts";
import type { Poll } from "../reactor/poll.ts";
import type { RateLimit } from "./rate_limit.ts";

/** How a read ended: all there is was read, there is more for later, the stream is over, or a frame was too large. */
export type ReadOutcome = "drained" | "later" | "end" | "too-large";

/** Bytes read from one connection in a tick, so that one fast publisher does not keep the others waiting. */
const READ_BUDGET = 256 * 1024;

/** Bytes read from all connections in a tick, so that what a tick appends to the log is bounded. */
const TICK_BUDGET = 4 * 2 ** 20;

/** Reads connections, and holds reading back. */
export class Receiver {
  readonly #relay: Relay<Connection>;
  readonly #poll: Poll;
  readonly #frameDeadlines: Deadlines;
  readonly #rate: RateLimit | undefined;
  readonly #pauseLag: number;
  readonly #tickBudget: number;
  readonly #readBudget: number;
  /** Those with something to read that came while nobody may be read from (`block`). */
  #held: Set<Connection> = new Set();
  #left = 0;
  #reading: Connection | undefined;
  /** Bytes by which the largest feed has grown beyond what was read, in the chunk under way. */
  #growth = 0;
  // One sink for all decoders: a read allocates no closure.
  readonly #sink: FrameSink = {
    frames: (bytes, start, end, count) => {
      const connection = this.#reading!;
      connection.framesReceived += count;
      connection.bytesReceived += end - start;
      this.#growth += this.#relay.publish(connection, bytes, start, end, count);
    },
    pieces: (pieces, length) => {
      const connection = this.#reading!;
      connection.framesReceived++;
      connection.bytesReceived += length;
      this.#growth += this.#relay.publishPieces(connection, pieces, length);
    },
  };

  /** Hands what it reads to `relay`; what it could not read now it makes ready again on `poll`. */
  constructor(
    options: Pick<Limits, "maxLag">,
    relay: Relay<Connection>,
    poll: Poll,
    frameDeadlines: Deadlines,
    rate: RateLimit | undefined,
  ) {
    this.#relay = relay;
    this.#poll = poll;
    this.#frameDeadlines = frameDeadlines;
    this.#rate = rate;
    this.#pauseLag = options.maxLag / 2;
    // A tick must not by itself push those who keep up over the limit.
    this.#tickBudget = Math.max(1, Math.min(TICK_BUDGET, Math.floor(options.maxLag / 4)));
    this.#readBudget = Math.min(READ_BUDGET, this.#tickBudget);
  }

  /** A tick begins: its budget is whole, and those that were held may be read when the hold is over. */
  beginTick(): void {
    this.#left = this.#tickBudget;
    if (!this.released) return;
    for (const connection of this.#held) this.#poll.ready(connection.token, READABLE);
    this.#held.clear();
  }

  /** Whether the tick's budget is used up. */
  get spent(): boolean {
    return this.#left <= 0;
  }

  /** Whether somebody is held who may be read again, so that a tick is due. */
  get released(): boolean {
    return this.#held.size > 0 && !this.#relay.backpressure;
  }

  /**
   * Reads a connection that is ready. With `final` there will be no more events for it: whatever its socket holds, a
   * small bounded inbox, is read now. Otherwise it is read within the budgets, and not at all while its own lag, the
   * mob's hold or its rate forbids.
   */
  read(connection: Connection, now: number, final: boolean): ReadOutcome {
    if (!final && !this.#allowed(connection, now)) {
      this.#frameDeadlines.clear(connection.token);
      return "later";
    }
    const { decoder, feed } = connection;
    // A chunk that is published to a feed with longer headers counts as what it may become there.
    const growth = this.#relay.growth(feed.framing);
    let left = final ? Infinity : Math.min(this.#readBudget, this.#left);
    let completed = 0;
    let outcome: ReadOutcome | undefined;
    this.#reading = connection;
    while (outcome === undefined) {
      const chunk = this.#next(connection, growth === 1 ? left : Math.ceil(left / growth));
      if (chunk === undefined) {
        outcome = "drained";
      } else if (chunk === null) {
        outcome = "end";
      } else {
        this.#growth = 0;
        const frames = decoder.decode(chunk, this.#sink);
        completed += frames;
        left -= chunk.length + this.#growth;
        this.#left -= chunk.length + this.#growth;
        this.#rate?.spend(connection, frames, chunk.length);
        if (decoder.failed) outcome = "too-large";
        else if (left <= 0) outcome = this.#again(connection);
        else if (!final && this.#rate !== undefined && !this.#rate.allows(connection, now)) outcome = "later";
      }
    }
    this.#reading = undefined;
    this.#watchFrame(connection, outcome, completed > 0);
    return outcome;
  }

  /** Reads and forgets, for a connection that is leaving: an unread inbox would tick its end into a reset. */
  discard(connection: Connection): ReadOutcome {
    connection.unread = undefined;
    for (let left = this.#readBudget; left > 0;) {
      const chunk = connection.socket.read();
      if (chunk === undefined) return "drained";
      if (chunk === null) return "end";
      left -= chunk.length;
    }
    return this.#again(connection);
  }

  /** The connection has caught up: what waited to be read from it is ready again. */
  unpause(connection: Connection): void {
    if (!connection.paused || this.#isBehind(connection)) return;
    connection.paused = false;
    this.#poll.ready(connection.token, READABLE);
  }

  /** Whether the connection has something to read, and is not read from because of somebody else's lag (`block`). */
  holds(connection: Connection): boolean {
    return this.#held.has(connection);
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    this.#frameDeadlines.clear(connection.token);
    this.#rate?.forget(connection);
    this.#held.delete(connection);
  }

  /** The next bytes of the connection, at most `left`; the rest of a larger chunk waits for the next read. */
  #next(connection: Connection, left: number): Uint8Array | undefined | null {
    const chunk = connection.unread ?? connection.socket.read();
    connection.unread = undefined;
    if (chunk === undefined || chunk === null || chunk.length <= left) return chunk;
    connection.unread = chunk.subarray(left);
    return chunk.subarray(0, left);
  }

  #allowed(connection: Connection, now: number): boolean {
    if (connection.paused || this.#held.has(connection)) return false;
    if (this.#isBehind(connection)) {
      connection.paused = true;
    } else if (this.#relay.backpressure) {
      this.#held.add(connection);
    } else if (this.#left <= 0) {
      this.#again(connection);
    } else {
      return this.#rate === undefined || this.#rate.allows(connection, now);
    }
    return false;
  }

  /** A connection that does not read is not read from: what it would say is of no use to it. */
  #isBehind(connection: Connection): boolean {
    return connection.delivery === "skipping" || connection.feed.lag(connection) > this.#pauseLag;
  }

  #again(connection: Connection): ReadOutcome {
    this.#poll.ready(connection.token, READABLE);
    return "later";
  }

  /**
   * A frame's time runs from its first byte: a new partial frame starts anew, a whole one has no deadline. Nor has one
   * whose bytes may be here already: while it is we who do not read, it is not the client who is late.
   */
  #watchFrame(connection: Connection, outcome: ReadOutcome, completed: boolean): void {
    const { token, decoder } = connection;
    if (decoder.pending === 0 || outcome === "later") this.#frameDeadlines.clear(token);
    else if (completed || !this.#frameDeadlines.has(token)) this.#frameDeadlines.set(token);
  }
}
