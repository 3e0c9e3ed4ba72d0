/**
 * Patience: waiting as long as there is progress.
 *
 * @module
 */

import type { Adapter } from "./adapter.ts";
import { type Check, isWhole } from "./check.ts";
import { LONGEST_TIMER } from "./options.ts";

/** The default of `closeTimeout`, in milliseconds: more than a server's `stallTimeout` and `drainTimeout` together. */
export const CLOSE_TIMEOUT = 60_000;

/** How many times as long one waits in all while nothing but hearing goes on: the other end may speak for ever. */
const HEARING = 10;

/** A timer that fires so many milliseconds late tells that the process was stopped, not that the other end was slow. */
const LATE = 1000;

/** What came while the process was stopped is looked at within so many milliseconds. */
const GRACE = 100;

/** Calls `giveUp` once nothing has moved for a while. */
export class Patience {
  readonly #clock: Pick<Adapter, "after" | "now">;
  readonly #giveUp: () => void;
  #milliseconds = 0;
  /** When something was sent, and when anything was sent or heard. */
  #moved = 0;
  #latest = 0;
  #cancel: (() => void) | undefined;

  /** Does not wait yet. */
  constructor(clock: Pick<Adapter, "after" | "now">, giveUp: () => void) {
    this.#clock = clock;
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

  /** Something was heard: the other end is alive. */
  heard(): void {
    const now = this.#clock.now();
    if (now - this.#moved < HEARING * this.#milliseconds) this.#latest = now;
  }

  /** Waits no more. */
  stop(): void {
    this.#cancel?.();
  }

  #watch(milliseconds: number): void {
    this.#cancel?.();
    const due = this.#clock.now() + milliseconds;
    this.#cancel = this.#clock.after(milliseconds, () => {
      const now = this.#clock.now();
      const left = Math.ceil(this.#latest + this.#milliseconds - now);
      if (left > 0) this.#watch(left);
      else if (now - due > LATE) this.#watch(GRACE);
      else this.#giveUp();
    });
  }
}

/** A time to wait for a peer that closes. */
export const isTimeout: Check = /* @__PURE__ */ isWhole("ms", 0, LONGEST_TIMER);
