/**
 * Patience: waiting as long as there is progress.
 *
 * @module
 */

import { AwakeClock, type Clock } from "../reactor/awake_clock.ts";
import { type Check, isWhole } from "../check.ts";
import { LONGEST_TIMER } from "../server/options.ts";

/** The default of `closeTimeout`, in milliseconds: more than a server's `stallTimeout` and `drainTimeout` together. */
export const CLOSE_TIMEOUT = 60_000;

/** How many times as long one waits in all while nothing but receiving goes on: the other end may speak for ever. */
const RECEIVING = 10;

/** Calls `giveUp` once nothing has moved for a while in which the process ran. */
export class Patience {
  readonly #clock: AwakeClock;
  readonly #giveUp: () => void;
  #milliseconds = 0;
  /** When something was sent, and when anything was sent or received. */
  #moved = 0;
  #latest = 0;
  #cancel: (() => void) | undefined;

  /** Does not wait yet. */
  constructor(clock: Clock, giveUp: () => void) {
    this.#clock = new AwakeClock(clock);
    this.#giveUp = giveUp;
  }

  /** Waits from now on, for so many milliseconds without progress. */
  begin(milliseconds: number): void {
    this.#milliseconds = milliseconds;
    this.moved();
    this.#watch(milliseconds);
  }

  /** Something was sent: the time starts anew. */
  moved(): void {
    this.#moved = this.#latest = this.#clock.now();
  }

  /** Something was received: the other end is alive. */
  received(): void {
    const now = this.#clock.now();
    if (now - this.#moved < RECEIVING * this.#milliseconds) this.#latest = now;
  }

  /** Waits no more. */
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

/** A time to wait for a client that closes. */
export const isTimeout: Check = /* @__PURE__ */ isWhole("ms", 0, LONGEST_TIMER);
