/**
 * Delays: how long frames took, from when they were due until a client received them.
 *
 * @module
 */

import { build, type Histogram } from "hdr-histogram-js";

/** The longest delay that is counted as itself, in microseconds; longer ones count as this. */
const LONGEST = 120_000_000;

/** One bar of a chart. */
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
  /** Counts for each doubling, for the chart. */
  readonly #doublings: Float64Array = new Float64Array(28);

  /** How many delays were counted. */
  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Counts one delay, in milliseconds. */
  add(milliseconds: number): void {
    const value = Math.min(LONGEST, Math.max(1, Math.round(milliseconds * 1000)));
    this.#histogram.recordValue(value);
    this.#doublings[Math.ceil(Math.log2(value))]!++;
  }

  /** A percentile of the delays, in milliseconds. */
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
