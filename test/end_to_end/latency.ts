/** How long frames took from sender to receiver. */

/** Milliseconds for each bucket. */
const WIDTH = 0.01;

/** Longer delays than this are counted as this, in milliseconds. */
const LONGEST = 20_000;

/** Counts delays in buckets of ten microseconds. */
export class Delays {
  /** Frames sent before this time do not count. */
  readonly since: number = performance.now();
  /** How many were counted. */
  count = 0;
  /** The longest, in milliseconds. */
  longest = 0;
  readonly #buckets: Uint32Array = new Uint32Array(LONGEST / WIDTH + 1);

  /** Counts the delay of one frame at one receiver. */
  add(milliseconds: number): void {
    this.count++;
    if (milliseconds > this.longest) this.longest = milliseconds;
    this.#buckets[Math.floor(Math.min(milliseconds, LONGEST) / WIDTH)]!++;
  }

  /** The delay within which so many of a hundred frames came, in milliseconds. */
  percentile(percent: number): number {
    let left = this.count * percent / 100;
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      left -= this.#buckets[bucket]!;
      if (left <= 0) return (bucket + 1) * WIDTH;
    }
    return LONGEST;
  }
}
