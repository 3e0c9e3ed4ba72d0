/**
 * Attempts: when to try again, and when no more.
 *
 * @module
 */

/** How often to try again, and how soon. */
export interface AttemptOptions {
  /** The longest that the first wait can be, in milliseconds; each further one can be twice as long. Default 100. */
  readonly base?: number;
  /** The longest that any wait can be, in milliseconds. Default 30 000. */
  readonly cap?: number;
  /** How many attempts in a row may come to nothing before it gives up. Default: there is no limit. */
  readonly attempts?: number;
  /**
   * How long a connection must last to be a good one, in milliseconds; one that something was heard from is good, too.
   * After a good one the waits start anew; after one that the mob ended at once they go on growing. Default 5 000.
   */
  readonly settled?: number;
  /** Draws a number from 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
}

/** `setTimeout` counts in 32 bits, see `LIMITS`. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The numbers among the options: default, least and most. */
const NUMBERS = {
  base: [100, 1, LONGEST_TIMER],
  cap: [30_000, 1, LONGEST_TIMER],
  attempts: [Infinity, 1, Infinity],
  settled: [5000, 0, LONGEST_TIMER],
} as const;

/**
 * Counts attempts, and draws the wait before each: anything from 0 to `min(cap, base * 2^attempt)`, so that clients who
 * lost a server together do not come back together. This is "full jitter" of "Exponential Backoff And Jitter", AWS
 * Architecture Blog, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
 */
export class Attempts {
  /** Attempts since the last success. */
  count = 0;
  /** How many there may be. */
  readonly most: number;
  /** How long a success has to last to be one, in milliseconds. */
  readonly settled: number;
  readonly #base: number;
  readonly #cap: number;
  readonly #random: () => number;

  /** No attempt yet. Throws a `RangeError` when a number is out of range. */
  constructor(options: AttemptOptions, random: () => number) {
    this.#base = numberOf("base", options);
    this.#cap = numberOf("cap", options);
    this.most = numberOf("attempts", options);
    this.settled = numberOf("settled", options);
    this.#random = options.random ?? random;
  }

  /** Counts one more, and says how long to wait before it, in milliseconds; `undefined` when there were enough. */
  next(): number | undefined {
    if (this.count >= this.most) return undefined;
    return Math.floor(this.#random() * Math.min(this.#cap, this.#base * 2 ** this.count++));
  }
}

function numberOf(name: keyof typeof NUMBERS, options: AttemptOptions): number {
  const [usual, least, most] = NUMBERS[name];
  const value = options[name] ?? usual;
  if ((Number.isInteger(value) || value === most) && value >= least && value <= most) return value;
  throw new RangeError(`Cannot use reconnect.${name} ${value}: it is a whole number from ${least} to ${most}`);
}
