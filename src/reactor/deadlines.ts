/**
 * Deadlines without walks.
 *
 * @module
 */

import type { Clock } from "./awake_clock.ts";
import type { Token } from "../contract/token.ts";

/** Timers may be early by a millisecond: one that is shorter could be over in no time, again and again. */
const SHORTEST_TIMER = 2;

/**
 * The deadlines of one kind. All timeouts of a kind are equal, so a `Map` in insertion order is the queue: setting and
 * clearing are O(1), and one timer, for the first, serves everybody. Nothing ever walks over connections.
 *
 * The timer only asks for a tick. Expiry is checked at the end of that tick, so input that was waiting is handled before
 * anybody is declared late. That input is there, also after the process was stopped, is up to the clock: deadlines of
 * others go by an `AwakeClock`.
 */
export class Deadlines<Key = Token> {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #wake: () => void;
  readonly #due: Map<Key, number> = new Map();
  #cancel: (() => void) | undefined;
  #fired = false;

  /** Deadlines `timeout` milliseconds after they are set; 0 means never. `wake` has to bring about {@link expired}. */
  constructor(clock: Clock, timeout: number, wake: () => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#wake = wake;
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#due.size;
  }

  /** Whether the timer has run and {@link expired} has something to look at. */
  get fired(): boolean {
    return this.#fired;
  }

  /** Whether this token has a deadline. */
  has(token: Key): boolean {
    return this.#due.has(token);
  }

  /** Sets the token's deadline to a full timeout from now, by the clock, whether it had one or not. */
  set(token: Key, now: number = this.#clock.now()): void {
    if (this.#timeout === 0) return;
    // Deleted first, so that it goes to the end of the insertion order.
    this.#due.delete(token);
    this.#due.set(token, now + this.#timeout);
    if (this.#cancel === undefined) this.#arm(this.#timeout);
  }

  /** Takes the token's deadline away. The timer is left to run: it costs one empty tick at most. */
  clear(token: Key): void {
    this.#due.delete(token);
  }

  /** The tokens whose deadline has passed, removed from the queue, the oldest first. Iterate it to its end. */
  *expired(): Iterable<Key> {
    this.#fired = false;
    const now = this.#clock.now();
    for (const [token, due] of this.#due) {
      if (due > now) break;
      this.#due.delete(token);
      yield token;
    }
  }

  /** Forgets all deadlines and stops the timer. */
  stop(): void {
    this.#due.clear();
    this.#cancel?.();
    this.#cancel = undefined;
    this.#fired = false;
  }

  #arm(milliseconds: number): void {
    this.#cancel = this.#clock.after(milliseconds, () => {
      this.#cancel = undefined;
      this.#fired = true;
      this.#armNext();
      this.#wake();
    });
  }

  /** Waits for the first whose deadline has yet to pass. Those before it expire now, so this is no walk of its own. */
  #armNext(): void {
    const now = this.#clock.now();
    for (const due of this.#due.values()) if (due > now) return this.#arm(Math.max(SHORTEST_TIMER, due - now));
  }
}
