/**
 * Attempts: when to try again, and when no more.
 *
 * @module
 */

import { type Checks, isFunction, isWhole } from "../check.ts";

/** How often to try again, and how soon. */
export interface BackoffOptions {
  /** The longest that the first wait can be, in milliseconds; each further one can be twice as long. Default 100. */
  readonly minDelay?: number;
  /** The longest that any wait can be, in milliseconds. Default 30 000. */
  readonly maxDelay?: number;
  /** How many attempts in a row may come to nothing before it gives up. Default: there is no limit. */
  readonly maxAttempts?: number;
  /**
   * How long a connection must last to be a good one, in milliseconds; one that something was received from is good, too.
   * After a good one the waits start anew; after one that the mob ended at once they go on growing. Default 5 000.
   */
  readonly stableAfter?: number;
  /** Draws a number from 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** `setTimeout` counts in 32 bits, see `LIMITS`. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** What each option has to be. */
export const ATTEMPT_CHECKS: Checks = {
  minDelay: /* @__PURE__ */ isWhole("ms", 1, LONGEST_TIMER),
  maxDelay: /* @__PURE__ */ isWhole("ms", 1, LONGEST_TIMER),
  maxAttempts: /* @__PURE__ */ isWhole("attempts", 1, Infinity),
  stableAfter: /* @__PURE__ */ isWhole("ms", 0, LONGEST_TIMER),
  random: isFunction,
};

/**
 * Counts attempts, and draws the wait before each: anything from 0 to `min(cap, base * 2^attempt)`, so that clients who
 * lost a server together do not come back together. This is "full jitter" of "Exponential Backoff And Jitter", AWS
 * Architecture Blog, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
 */
export class Backoff {
  /** Attempts since the last success. */
  count = 0;
  /** How many there may be. */
  readonly most: number;
  /** How long a success has to last to be one, in milliseconds. */
  readonly settled: number;
  readonly #minDelay: number;
  readonly #maxDelay: number;
  readonly #random: () => number;

  /** No attempt yet. The options were checked. */
  constructor(options: BackoffOptions, random: () => number) {
    this.#minDelay = options.minDelay ?? 100;
    this.#maxDelay = options.maxDelay ?? 30_000;
    this.most = options.maxAttempts ?? Infinity;
    this.settled = options.stableAfter ?? 5000;
    this.#random = options.random ?? random;
  }

  /** Counts one more, and says how long to wait before it, in milliseconds; `undefined` when there were enough. */
  next(): number | undefined {
    if (this.count >= this.most) return undefined;
    const drawn = this.#random();
    // What is no number from 0 to 1 would be no wait at all, over and over.
    return Math.floor(
      (drawn >= 0 && drawn <= 1 ? drawn : 1) * Math.min(this.#maxDelay, this.#minDelay * 2 ** this.count++),
    );
  }
}
