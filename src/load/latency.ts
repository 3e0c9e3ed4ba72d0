/**
 * Delays: how long frames took from when they were due until somebody received them.
 *
 * @module
 */

import { build, type Histogram } from "hdr-histogram-js";

/** The longest delay that is told from longer ones, in microseconds. */
const LONGEST = 120_000_000;

/** One bar of a picture. */
export interface Bar {
  /** Delays of up to this, and of more than half of it, in milliseconds. */
  readonly to: number;
  /** How many there were. */
  readonly count: number;
}

/** A histogram with three digits, from a microsecond to two minutes. */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST,
    numberOfSignificantValueDigits: 3,
  });
  /** Counts for each doubling, for the picture. */
  readonly #doublings: Float64Array = new Float64Array(28);

  /** How many were counted. */
  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Counts one, in milliseconds. */
  add(milliseconds: number): void {
    const value = Math.min(LONGEST, Math.max(1, Math.round(milliseconds * 1000)));
    this.#histogram.recordValue(value);
    this.#doublings[Math.ceil(Math.log2(value))]!++;
  }

  /** The delay within which so many of a hundred frames came, in milliseconds. */
  percentile(percent: number): number {
    return this.count === 0 ? 0 : this.#histogram.getValueAtPercentile(percent) / 1000;
  }

  /** A bar for each doubling, from the shortest delay to the longest. */
  bars(): Bar[] {
    const first = this.#doublings.findIndex((count) => count > 0);
    const last = this.#doublings.findLastIndex((count) => count > 0);
    if (first === -1) return [];
    return Array.from(this.#doublings.subarray(first, last + 1), (count, index) => ({
      to: 2 ** (first + index) / 1000,
      count,
    }));
  }
}
