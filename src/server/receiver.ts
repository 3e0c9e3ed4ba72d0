/**
 * The receiver: reads connections within budgets, and publishes their whole frames.
 *
 * @module
 */

import { READABLE } from "../contract/adapter.ts";
import type { Relay } from "../bus/relay.ts";
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
  readonly #relay: Relay<Connection>;
  readonly #poll: Poll;
  readonly #frameDeadlines: Deadlines;
  readonly #rate: RateLimit | undefined;
  readonly #memory: ReceiveMemory;
  readonly #allows: Allows | undefined;
  readonly #pauseLag: number;
  /** Bytes read from all connections in a tick. */
  readonly tickBudget: number;
  readonly #readBudget: number;
  /** Readable connections that are not read while the relay has back-pressure (`block`). */
  #held: Set<Connection> = new Set();
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
      this.#growth += this.#relay.publish(connection, bytes, start, end, count);
    },
    pieces: (pieces, length) => {
      const connection = this.#reading!;
      connection.framesReceived++;
      connection.bytesReceived += length;
      this.#growth += this.#relay.publishPieces(connection, pieces, length);
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

  /** Makes a receiver that hands frames to `relay`. */
  constructor(
    options: Pick<Limits, "maxLag">,
    relay: Relay<Connection>,
    { poll, deadlines, rate, memory, allows }: ReceiverParts,
  ) {
    this.#relay = relay;
    this.#poll = poll;
    this.#frameDeadlines = deadlines;
    this.#rate = rate;
    this.#memory = memory;
    this.#allows = allows;
    const { frames, pieces } = allows ? this.#messages : this.#runs;
    this.#sink = { frames, pieces, control: (opcode, payload) => this.#reading!.receiveControl(opcode, payload) };
    this.#pauseLag = options.maxLag / 2;
    // One tick must not push connections that keep up over the limit.
    this.tickBudget = Math.max(1, Math.min(TICK_BUDGET, Math.floor(options.maxLag / 4)));
    this.#readBudget = Math.min(READ_BUDGET, this.tickBudget);
  }

  /** A tick begins: the budget is whole again, and held connections are readable once the back-pressure is over. */
  beginTick(): void {
    this.#left = this.tickBudget;
    if (!this.released) return;
    for (const connection of this.#held) this.#poll.ready(connection.token, READABLE);
    this.#held.clear();
  }

  /** Whether the tick's budget is used up. */
  get spent(): boolean {
    return this.#left <= 0;
  }

  /** Whether a held connection may be read again, so that a tick is due. */
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

  /** Whether the connection is readable and not read because another connection is behind (`block`). */
  holds(connection: Connection): boolean {
    return this.#held.has(connection);
  }

  /** Forgets a connection that is leaving or gone. */
  forget(connection: Connection): void {
    this.#frameDeadlines.clear(connection.token);
    this.#rate?.forget(connection);
    this.#held.delete(connection);
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
    } else if (this.#relay.backpressure) {
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
