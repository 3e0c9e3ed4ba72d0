/**
 * The options that a broadcast reads.
 *
 * @module
 */

/** What happens to a connection whose lag passes `maxLag`. */
export type SlowConsumer = "disconnect" | "skip" | "block";

/** Which connections receive a frame: all of them, or all but its sender. */
export type Echo = "all" | "others";

/** The slice of a mob's options that decides how frames are handed on. */
export interface BroadcastOptions {
  /** How far behind the log a connection may be, in bytes of its own feed. */
  readonly maxLag: number;
  /** What happens to one that is further behind. */
  readonly slowConsumer: SlowConsumer;
  /** Which connections receive a frame. */
  readonly echo: Echo;
  /** How long a connection may neither send nor be given anything, in milliseconds; 0: idleness is not watched. */
  readonly idleTimeout: number;
}
