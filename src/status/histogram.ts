/**
 * Histograms: how many of some measured values are within which bound.
 *
 * @module
 */

import type { Histogram } from "./stats.ts";

/** The bounds of lags, in bytes. */
export const LAG_BOUNDS: readonly number[] = [
  0,
  2 ** 10,
  2 ** 14,
  2 ** 16,
  2 ** 18,
  2 ** 20,
  2 ** 22,
  2 ** 24,
  2 ** 26,
  2 ** 28,
  2 ** 30,
];

/** The bounds of durations and delays, in milliseconds. */
export const DURATION_BOUNDS: readonly number[] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000];

/** Counts values by bound. To count one allocates nothing. */
export class HistogramCounter {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  /** How many values there are. */
  count = 0;
  /** Their sum. An engine may make an object of a number in a field that changes, and makes none here. */
  readonly #sum: Float64Array = new Float64Array(1);

  /** With no value yet. The bounds rise. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** Counts a value. */
  add(value: number): void {
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && value > bounds[index]!) index++;
    this.#counts[index]!++;
    this.count++;
    this.#sum[0]! += value;
  }

  /** What was counted until now. */
  get histogram(): Histogram {
    return { bounds: this.#bounds, counts: [...this.#counts], count: this.count, sum: this.#sum[0]! };
  }
}
