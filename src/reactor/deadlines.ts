/**
 * Deadlines, without a walk over connections.
 *
 * @module
 */

import type { Clock } from "./awake_clock.ts";
import type { Token } from "../contract/token.ts";

/** Timers may be one millisecond early: a shorter timer could fire at once, again and again. */
const SHORTEST_TIMER = 2;

/**
 * The deadlines of one kind. All timeouts of a kind are equal, so a `Map` in insertion order is the queue: setting and
 * clearing are O(1), and one timer, for the first deadline, is enough.
 *
 * The timer only asks for a tick. Expiry is checked at the end of that tick, so waiting input is handled before a
 * connection is late. Deadlines of clients use an `AwakeClock`, so that the input is there even after the process was
 * stopped.
 */
export class Deadlines<Key = Token> {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #wake: () => void;
  readonly #due: Map<Key, number> = new Map();
  #cancel: (() => void) | undefined;
  #fired = false;
  /** The time when the timer ran. */
  #firedAt = 0;

  /** Makes deadlines `timeout` milliseconds after they are set; 0: never. `wake` has to lead to {@link expired}. */
  constructor(clock: Clock, timeout: number, wake: () => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#wake = wake;
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#due.size;
  }

  /** Whether the timer has fired: some deadlines may have {@link expired}. */
  get fired(): boolean {
    return this.#fired;
  }

  /** Whether this token has a deadline. */
  has(token: Key): boolean {
    return this.#due.has(token);
  }

  /** Milliseconds until the token's deadline; `undefined`: it has none. 0: it has passed. */
  left(token: Key): number | undefined {
    const due = this.#due.get(token);
    return due === undefined ? undefined : Math.max(0, due - this.#clock.now());
  }

  /** Sets the token's deadline to a full timeout from now, in place of any other. */
  set(token: Key, now: number = this.#clock.now()): void {
    if (this.#timeout === 0) return;
    // Deleted first, so that it goes to the end of the insertion order.
    this.#due.delete(token);
    this.#due.set(token, now + this.#timeout);
    if (!this.#cancel) this.#arm(this.#timeout);
  }

  /** Clears the token's deadline. The timer still fires: that costs at most one empty tick. */
  clear(token: Key): void {
    this.#due.delete(token);
  }

  /**
   * Removes and yields the tokens whose deadline had passed when the timer ran, the oldest first, but none since
   * then: the process may have been stopped between the timer and this tick. Iterate it to its end.
   */
  *expired(): Iterable<Key> {
    this.#fired = false;
    const now = this.#firedAt;
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
      this.#firedAt = this.#clock.now();
      this.#armNext(this.#firedAt);
      this.#wake();
    });
  }

  /** Sets the timer for the first deadline that has not passed. The deadlines before it expire now, so the walk is short. */
  #armNext(now: number): void {
    for (const due of this.#due.values()) if (due > now) return this.#arm(Math.max(SHORTEST_TIMER, due - now));
  }
}
