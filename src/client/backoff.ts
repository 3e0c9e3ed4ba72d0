/**
 * The backoff: how long a client waits before it connects again, and when it gives up.
 *
 * @module
 */

import { type Checks, isFunction, isWhole, LONGEST_TIMER } from "../check.ts";

/** How often a client connects again, and how soon. */
export interface BackoffOptions {
  /** The most that the first wait can be, in milliseconds; each further wait can be twice as long. Default 100. */
  readonly minDelay?: number | undefined;
  /** The most that any wait can be, in milliseconds. Default 30 000. */
  readonly maxDelay?: number | undefined;
  /** How many attempts in a row may fail before the client gives up. Default: no limit. */
  readonly maxAttempts?: number | undefined;
  /**
   * How long a connection must last to be stable, in milliseconds; a connection that has received something is stable
   * too. After a stable connection the waits start anew; after any other they go on growing. Default 5 000.
   */
  readonly stableAfter?: number | undefined;
  /** Draws a number from 0 to 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** What each option has to be. */
export const BACKOFF_CHECKS: Checks = {
  minDelay: /* @__PURE__ */ isWhole("ms", 1, LONGEST_TIMER),
  maxDelay: /* @__PURE__ */ isWhole("ms", 1, LONGEST_TIMER),
  maxAttempts: /* @__PURE__ */ isWhole("attempts", 1, Infinity),
  stableAfter: /* @__PURE__ */ isWhole("ms", 0, LONGEST_TIMER),
  random: isFunction,
};

/**
 * Counts attempts, and draws the wait before each: anything from 0 to `min(maxDelay, minDelay * 2^attempt)`, so that
 * clients that lost a server together do not return together. This is "full jitter" of "Exponential Backoff And
 * Jitter", AWS Architecture Blog, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
 */
export class Backoff {
  /** Attempts since the last stable connection. */
  count = 0;
  /** The most attempts in a row. */
  readonly maxAttempts: number;
  /** How long a connection must last to be stable, in milliseconds. */
  readonly stableAfter: number;
  readonly #minDelay: number;
  readonly #maxDelay: number;
  readonly #random: () => number;

  /** Makes a backoff with no attempts. The options have been checked. */
  constructor(options: BackoffOptions, random: () => number) {
    this.#minDelay = options.minDelay ?? 100;
    this.#maxDelay = options.maxDelay ?? 30_000;
    this.maxAttempts = options.maxAttempts ?? Infinity;
    this.stableAfter = options.stableAfter ?? 5000;
    this.#random = options.random ?? random;
  }

  /** Counts one more attempt and returns the wait before it, in milliseconds; `undefined` after the last one. */
  next(): number | undefined {
    if (this.count >= this.maxAttempts) return undefined;
    const drawn = this.#random();
    // Anything but a number from 0 to 1 would make no wait at all, over and over.
    return Math.floor(
      (drawn >= 0 && drawn <= 1 ? drawn : 1) * Math.min(this.#maxDelay, this.#minDelay * 2 ** this.count++),
    );
  }
}
