/**
 * The delay of the event loop: how late its timers are.
 *
 * @module
 */

import type { Clock } from "../reactor/awake_clock.ts";
import { DURATION_BOUNDS, HistogramCounter } from "./histogram.ts";
import type { Histogram } from "./stats.ts";

/** The milliseconds of one timer: ten samples a second cost a process nothing that can be measured. */
const PERIOD = 100;

/** Measures how late timers are. What keeps them late keeps everything else in the process late, too. */
export class LoopDelay {
  readonly #clock: Clock;
  readonly #counter = new HistogramCounter(DURATION_BOUNDS);
  #cancel: (() => void) | undefined;

  /** Measures nothing until it is started. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How late the timers were until now, in milliseconds. */
  get histogram(): Histogram {
    return this.#counter.histogram;
  }

  /** Begins to measure. */
  start(): void {
    if (!this.#cancel) this.#arm();
  }

  /** Ends measuring. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(): void {
    const due = this.#clock.now() + PERIOD;
    this.#cancel = this.#clock.after(PERIOD, () => {
      // A timer may be a fraction of a millisecond early.
      this.#counter.add(Math.max(0, this.#clock.now() - due));
      this.#arm();
    });
  }
}
