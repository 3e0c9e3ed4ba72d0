/**
 * What a feed knows of a connection.
 *
 * @module
 */

import type { Socket } from "../contract/adapter.ts";
import type { ControlQueue } from "./control.ts";
import type { CurrentEntry } from "./current_list.ts";
import type { Resumption } from "./history.ts";
import type { LagEntry } from "./lag_heap.ts";
import type { LogRanges } from "./log_ranges.ts";

/** Frames and the bytes they make up on the wire. */
export interface Count {
  /** Whole frames. */
  frames: number;
  /** Bytes, headers included. */
  bytes: number;
}

/**
 * How a connection stands to its feed. `current`: it had everything at the last flush. `ready`: its socket takes bytes
 * again, and receives what is pending at the end of this tick. `blocked`: it waits for WRITABLE, in the lag heap.
 * `skipping` (policy `skip`): the log keeps nothing for it; it resumes at the tail when its socket takes bytes.
 */
export type Delivery = "current" | "ready" | "blocked" | "skipping";

/** What a feed reads and writes of a connection. */
export interface Subscriber extends LagEntry, CurrentEntry, ControlQueue {
  /** Takes the bytes. */
  readonly socket: Pick<Socket, "write">;
  /** How the connection stands to the feed. Only the feed writes this. */
  delivery: Delivery;
  /** Whether reading is paused because of its own lag: `caughtUp` ends that. */
  readonly paused: boolean;
  /** Where it resumes its stream, until it has joined; `undefined`: nowhere. */
  resumption: Resumption | undefined;
  /** How many frames the feed had where the connection's stream begins. */
  framesAtStart: number;
  /** Frames of its stream that were published before it joined. */
  framesReplayed: number;
  /** Bytes of its stream that were published before it joined. */
  bytesReplayed: number;
  /**
   * Frames that the feed could not carry, from joining until the connection left. While it is open, this is that number
   * less {@link Feed.uncarried}.
   */
  uncarried: number;
  /** Their bytes, in the same way. */
  uncarriedBytes: number;
  /** The offset where its stream ends: the log's end when it began to leave; `Infinity` before that. */
  until: number;
  /** How many frames the log had at `until`. */
  framesAtUntil: number;
  /** The rest of a half-sent frame that the log no longer holds for it (`skip`), or that goes before control frames. */
  remainder: Uint8Array | undefined;
  /** How many frames the remainder is of. */
  remainderFrames: number;
  /** Whether its socket was full when it was last given control frames before it joined. */
  full: boolean;
  /** What comes after the last byte of its stream, once that has an end. */
  ending: Uint8Array | undefined;
  /** How many frames the log had when `skipping` began. */
  skippedAt: number;
  /** Ranges of the log that the connection has sent itself and does not receive (`echo: "others"`), in order. */
  own: LogRanges | undefined;
  /** Whether it was told that the connection has passed half of `maxLag`. Only the blocked list and the feed write this. */
  slow: boolean;
  /** Bytes that its socket took. */
  bytesDelivered: number;
  /** Bytes that it does not receive. */
  bytesSkipped: number;
  /** Frames that it does not receive. */
  framesSkipped: number;
}
