/**
 * The awake clock of pages, in place of that of src/reactor, which is five times as large.
 *
 * @module
 */

import type { Clock } from "../../src/reactor/awake_clock.ts";

/** A timer that is later than this, in milliseconds, shows that the machine slept or the tab was frozen. */
const LATE = 1000;

/**
 * A clock for deadlines. A timer that is late after a sleep rests a second before it runs, so that the page gets what came
 * meanwhile, and the deadline can move.
 */
export class AwakeClock implements Clock {
  readonly #clock: Clock;

  /** Makes a clock that another clock drives. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds on this clock. */
  now(): number {
    return this.#clock.now();
  }

  /** Runs `run` once after so many milliseconds. Returns a function that cancels it. */
  after(milliseconds: number, run: () => void): () => void {
    const late = this.now() + milliseconds + LATE;
    let cancel = this.#clock.after(milliseconds, () => {
      if (this.now() < late) run();
      else cancel = this.#clock.after(LATE, run);
    });
    return () => cancel();
  }
}
