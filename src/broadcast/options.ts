/**
 * The options that feeds and their publisher read.
 *
 * @module
 */

/** What happens to a connection whose lag passes `maxLag`. */
export type SlowConsumer = "disconnect" | "skip" | "block";

/** Which connections receive a frame: all of them, or all but its sender. */
export type Echo = "all" | "others";

/** The slice of a mob's options that feeds and their publisher read. */
export interface BroadcastOptions {
  /** How far behind the log a connection may be, in bytes of its own feed. */
  readonly maxLag: number;
  /** What happens to a connection that is further behind. */
  readonly slowConsumer: SlowConsumer;
  /** How many bytes of its feed, published before it joined, a connection receives first. */
  readonly history: number;
  /** Which connections receive a frame. */
  readonly echo: Echo;
  /** How long a connection may neither send nor receive anything, in milliseconds; 0 is no limit. */
  readonly idleTimeout: number;
}
