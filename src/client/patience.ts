/**
 * Patience: a deadline that moves on with progress.
 *
 * @module
 */

import { AwakeClock, type Clock } from "../reactor/awake_clock.ts";
import { type Check, isWhole, LONGEST_TIMER } from "../check.ts";

/** The default of `closeTimeout`, in milliseconds: more than a server's `stallTimeout` and `drainTimeout` together. */
export const CLOSE_TIMEOUT = 60_000;

/** How many times as long the wait lasts while the client only receives: a mob may send for ever. */
const RECEIVING = 10;

/** Calls `giveUp` when there was no progress for a time in which the process ran. */
export class Patience {
  readonly #clock: AwakeClock;
  readonly #giveUp: () => void;
  #milliseconds = 0;
  /** When something was sent, and when anything was sent or received. */
  #moved = 0;
  #latest = 0;
  #cancel: (() => void) | undefined;

  /** Makes a patience that does not wait yet. */
  constructor(clock: Clock, giveUp: () => void) {
    this.#clock = new AwakeClock(clock);
    this.#giveUp = giveUp;
  }

  /** Waits from now on, until there was no progress for so many milliseconds. */
  begin(milliseconds: number): void {
    this.#milliseconds = milliseconds;
    this.moved();
    this.#watch(milliseconds);
  }

  /** Bytes were sent: the time starts anew. */
  moved(): void {
    this.#moved = this.#latest = this.#clock.now();
  }

  /** Bytes were received: the mob is alive. */
  received(): void {
    const now = this.#clock.now();
    if (now - this.#moved < RECEIVING * this.#milliseconds) this.#latest = now;
  }

  /** Stops waiting. */
  stop(): void {
    this.#cancel?.();
  }

  #watch(milliseconds: number): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(milliseconds, () => {
      const left = Math.ceil(this.#latest + this.#milliseconds - this.#clock.now());
      if (left > 0) this.#watch(left);
      else this.#giveUp();
    });
  }
}

/** Checks a timeout of a client's close. */
export const isTimeout: Check = /* @__PURE__ */ isWhole("ms", 0, LONGEST_TIMER);
