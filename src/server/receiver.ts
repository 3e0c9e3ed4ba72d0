/**
 * The receiver: reads connections within budgets, and publishes their whole frames.
 *
 * @module
 */

import { READABLE, type Readiness } from "../contract/adapter.ts";
import type { Uplink } from "../bus/uplink.ts";
import type { Count } from "../broadcast/subscriber.ts";
import type { Connection } from "./connection.ts";
import type { Deadlines } from "../reactor/deadlines.ts";
import type { ControlSink, FrameSink } from "../framing/decoder.ts";
import type { FrameRules } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import type { Limits } from "./options.ts";
import type { Poll } from "../reactor/poll.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { ReceiveMemory } from "./receive_memory.ts";

/** How a read ended: nothing is left, more is left for later, the stream is over, or it broke a rule. */
export type ReadOutcome = "drained" | "later" | "end" | "failed";

/** Bytes read from one connection in a tick, so that one fast publisher does not keep the others waiting. */
const READ_BUDGET = 256 * 1024;

/** Bytes read from all connections in a tick, so that one tick appends a bounded amount to the log. */
const TICK_BUDGET = 4 * 2 ** 20;

/** The bytes that a tick may append to the largest feed: they must not push connections that keep up over `maxLag`. */
export function tickBudgetFor(maxLag: number): number {
  return Math.max(1, Math.min(TICK_BUDGET, Math.floor(maxLag / 4)));
}

/** Decides whether a message may be published. */
export type Allows = (message: Uint8Array<ArrayBuffer>, connection: Connection) => boolean;

/** What a receiver works with. */
export interface ReceiverParts {
  /** What it could not read is made ready again here. */
  readonly poll: Poll;
  /** The deadlines of frames that are not whole. */
  readonly deadlines: Deadlines;
  /** The rate of each connection, if that is limited. */
  readonly rate: RateLimit | undefined;
  /** What connections hold. */
  readonly memory: ReceiveMemory;
  /** The application's decision on each message, if it wants to see them. */
  readonly allows: Allows | undefined;
}

/** Reads connections, and stops reading where that is the back-pressure. */
export class Receiver {
  /** What came and was not published, since the application did not allow it. */
  readonly withheld: Count = { frames: 0, bytes: 0 };
  readonly #uplink: Uplink<Connection>;
  readonly #poll: Poll;
  readonly #frameDeadlines: Deadlines;
  readonly #rate: RateLimit | undefined;
  readonly #memory: ReceiveMemory;
  readonly #allows: Allows | undefined;
  readonly #pauseLag: number;
  /** Bytes read from all connections in a tick. */
  readonly tickBudget: number;
  readonly #readBudget: number;
  /** Readable connections that are not read while the uplink has back-pressure (`block`). */
  readonly #held: Set<Connection> = new Set();
  /** The last events of connections, which come again when there is room for what is left of these. */
  readonly #ends: Map<Connection, Readiness> = new Map();
  #left = 0;
  #reading: Connection | undefined;
  /** Bytes by which the largest feed has grown beyond the current chunk. */
  #growth = 0;
  // All decoders share one sink: a read allocates no closure.
  readonly #sink: ControlSink;
  /** Publishes runs of frames as they came. */
  readonly #runs: FrameSink = {
    frames: (bytes, start, end, count) => {
      const connection = this.#reading!;
      connection.framesReceived += count;
      connection.bytesReceived += end - start;
      this.#growth += this.#uplink.publish(connection, bytes, start, end, count);
    },
    pieces: (pieces, length) => {
      const connection = this.#reading!;
      connection.framesReceived++;
      connection.bytesReceived += length;
      this.#growth += this.#uplink.publishPieces(connection, pieces, length);
    },
  };
  /** Shows each message to the application, and publishes those that it allows. */
  readonly #messages: FrameSink = {
    frames: (bytes, start, end) => {
      const { framing } = this.#reading!.feed;
      for (let at = start; at < end;) {
        const next = framing.end(bytes, at, end, end);
        this.#show(framing, bytes, at, next);
        at = next;
      }
    },
    pieces: (pieces, length) => this.#show(this.#reading!.feed.framing, concatenate(pieces, length), 0, length),
  };

  /** Makes a receiver that hands frames to `uplink`. */
  constructor(
    options: Pick<Limits, "maxLag">,
    uplink: Uplink<Connection>,
    { poll, deadlines, rate, memory, allows }: ReceiverParts,
  ) {
    this.#uplink = uplink;
    this.#poll = poll;
    this.#frameDeadlines = deadlines;
    this.#rate = rate;
    this.#memory = memory;
    this.#allows = allows;
    const { frames, pieces } = allows ? this.#messages : this.#runs;
    this.#sink = { frames, pieces, control: (opcode, payload) => this.#reading!.receiveControl(opcode, payload) };
    this.#pauseLag = options.maxLag / 2;
    this.tickBudget = tickBudgetFor(options.maxLag);
    this.#readBudget = Math.min(READ_BUDGET, this.tickBudget);
  }

  /** A tick begins: the budget is whole again, and held connections are ready once what holds them is over. */
  beginTick(): void {
    this.#left = this.tickBudget;
    if (this.#ends.size > 0 && !this.#uplink.holdsEnds) {
      for (const [connection, readiness] of this.#ends) this.#poll.ready(connection.token, readiness);
      this.#ends.clear();
    }
    if (this.#held.size > 0 && !this.#uplink.backpressure) {
      for (const connection of this.#held) this.#poll.ready(connection.token, READABLE);
      this.#held.clear();
    }
  }

  /** Whether a held connection may be read again, so that a tick is due. */
  get released(): boolean {
    return (this.#held.size > 0 && !this.#uplink.backpressure) || (this.#ends.size > 0 && !this.#uplink.holdsEnds);
  }

  /**
   * There will be no more events for a connection than this one. Returns whether what is left of it has to wait: for the next
   * tick, so that many connections that end at once cannot push others over `maxLag`, or for the uplink. The event comes again.
   */
  holdsEnd(connection: Connection, readiness: Readiness): boolean {
    if (this.#uplink.holdsEnds) this.#ends.set(connection, readiness | (this.#ends.get(connection) ?? 0));
    else if (this.#left <= 0) this.#poll.ready(connection.token, readiness);
    else return false;
    this.#frameDeadlines.clear(connection.token);
    return true;
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
    const growth = this.#uplink.growth(feed.framing);
    let left = final ? Infinity : Math.min(this.#readBudget, this.#left);
    let completed = 0;
    let outcome: ReadOutcome | undefined;
    this.#reading = connection;
    while (!outcome) {
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
        if (decoder.failed) outcome = "failed";
        else if (decoder.closed) outcome = "end";
        else if (left <= 0) outcome = this.#again(connection);
        else if (!final && this.#rate && !this.#rate.allows(connection, now)) outcome = "later";
      }
    }
    this.#reading = undefined;
    this.#memory.note(connection);
    this.#watchFrame(connection, outcome, completed > 0);
    return outcome;
  }

  /** Reads and drops the bytes of a leaving connection: unread bytes would turn its end into a reset. */
  discard(connection: Connection): ReadOutcome {
    for (let left = this.#readBudget; left > 0;) {
      const chunk = connection.socket.read();
      if (chunk === undefined) return "drained";
      if (chunk === null) return "end";
      left -= chunk.length;
    }
    return this.#again(connection);
  }

  /** The connection has caught up: it is readable again. */
  unpause(connection: Connection): void {
    if (!connection.paused || this.#isBehind(connection)) return;
    connection.paused = false;
    this.#poll.ready(connection.token, READABLE);
  }

  /** Whether the connection is ready and not read because another one is behind (`block`), or the bus has no room. */
  holds(connection: Connection): boolean {
    return this.#held.has(connection) || this.#ends.has(connection);
  }

  /** Forgets a connection that is leaving or gone. */
  forget(connection: Connection): void {
    this.#frameDeadlines.clear(connection.token);
    this.#rate?.forget(connection);
    this.#held.delete(connection);
    this.#ends.delete(connection);
    connection.decoder.reset();
    connection.unread = undefined;
    this.#memory.forget(connection);
  }

  /** The next bytes of the connection, at most `left`; the rest of a larger chunk is kept for the next read. */
  #next(connection: Connection, left: number): Uint8Array | undefined | null {
    const chunk = connection.unread ?? connection.socket.read();
    connection.unread = undefined;
    if (chunk === undefined || chunk === null || chunk.length <= left) return chunk;
    connection.unread = chunk.subarray(left);
    return chunk.subarray(0, left);
  }

  /** Shows one frame to the application, as a message. */
  #show(framing: FrameRules, bytes: Uint8Array, start: number, end: number): void {
    const message = bytes.slice(framing.payloadAt(bytes, start), end - framing.trailer) as Uint8Array<ArrayBuffer>;
    if (this.#allows!(message, this.#reading!)) return this.#runs.frames(bytes, start, end, 1);
    this.#reading!.withheld = true;
    this.withheld.frames++;
    this.withheld.bytes += end - start;
  }

  #allowed(connection: Connection, now: number): boolean {
    if (connection.paused || this.#held.has(connection)) return false;
    if (this.#isBehind(connection)) {
      connection.paused = true;
    } else if (this.#uplink.backpressure) {
      this.#held.add(connection);
    } else if (this.#left <= 0) {
      this.#again(connection);
    } else {
      return !this.#rate || this.#rate.allows(connection, now);
    }
    return false;
  }

  /** A connection that does not read is not read from. */
  #isBehind(connection: Connection): boolean {
    return connection.delivery === "skipping" || connection.feed.lag(connection) > this.#pauseLag;
  }

  #again(connection: Connection): ReadOutcome {
    this.#poll.ready(connection.token, READABLE);
    return "later";
  }

  /**
   * Starts `frameTimeout` at a frame's first byte. There is no deadline while we are the ones not reading.
   */
  #watchFrame(connection: Connection, outcome: ReadOutcome, completed: boolean): void {
    const { token, decoder } = connection;
    if (decoder.pending === 0 || outcome === "later") this.#frameDeadlines.clear(token);
    else if (completed || !this.#frameDeadlines.has(token)) this.#frameDeadlines.set(token);
  }
}
