/**
 * The awake clock: time during which the process ran.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";

/** A clock with timers. */
export type Clock = Pick<Adapter, "now" | "after">;

/** The longest beat, in milliseconds: a stopped process counts as no more than that. */
const BEAT = 500;

/** The shortest beat, in milliseconds: timers may be one millisecond early. */
const SHORTEST_BEAT = 2;

/** A beat that is late by more than this, in milliseconds, shows that the process was stopped or busy. */
const LATE = 5;

/** What counts of a shorter beat that is late, in milliseconds: a busy process has many. */
const GRAIN = 50;

/** The shortest and the longest rest after a late beat, in milliseconds: meanwhile the runtime fetches waiting input. */
const SHORTEST_REST = 50;
const LONGEST_REST = 1000;

/** Rests in so many milliseconds of the clock. A process that is always late has deadlines too. */
const MOST_RESTS = 2;
const RESTS_WITHIN = 500;

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * A clock for the deadlines of clients. It goes on by beats, and a beat counts for little more than its length, or for
 * {@link GRAIN}, however late it ends: while the process is stopped (a signal, a debugger, a paused container, a machine asleep) the clock stands still.
 *
 * No timer runs right after a late beat: the clock first rests, as long as it was late and at most a second, so that the
 * runtime fetches the input that came meanwhile. Bun and Deno run timers before they read from sockets.
 *
 * A timer always runs in the end: each beat counts, and after {@link MOST_RESTS} rests a timer that is due runs. In a busy
 * process, in which each beat is late, beats are as long as the last one was late, and rests are few: the clock is not much
 * slower there. Without timers there are no beats, and the clock stands still.
 *
 * @example
 * ```ts ignore
 * const cancel = new AwakeClock(adapter).after(10_000, () => socket.destroy());
 * ```
 */
export class AwakeClock implements Clock {
  readonly #clock: Clock;
  readonly #timers: Set<Timer> = new Set();
  /** The time when the beat began, by this clock and by the clock that drives it. */
  #time = 0;
  #began = 0;
  /** The length of the beat, and the most of it that counts: nothing of a rest. */
  #length = 0;
  #counts = 0;
  /** How late the last beat was, if it was late. */
  #late = 0;
  /** Rests, the last of them when this clock showed `#restedAt`, and the most that a beat before one of them was late. */
  #rests = 0;
  #restedAt = 0;
  #restedFor = 0;
  #cancel: (() => void) | undefined;

  /** Makes a clock that another clock drives, usually the adapter's. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds on this clock: only their differences mean something, and only while there are timers. */
  now(): number {
    return this.#time + Math.min(this.#counts, this.#clock.now() - this.#began);
  }

  /** Runs `run` once after so many milliseconds on this clock. Returns a function that cancels it. */
  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.now() + milliseconds, run };
    this.#timers.add(timer);
    const left = this.#length - (this.#clock.now() - this.#began);
    // A beat that is over ends soon anyway, and a rest is not cut short.
    if (!this.#cancel || (this.#counts > 0 && left > Math.max(milliseconds, 0))) this.#begin();
    return () => {
      this.#timers.delete(timer);
      if (this.#timers.size === 0) this.#idle();
    };
  }

  /** Begins a beat that ends when the first timer is due, or a rest of so many milliseconds. */
  #begin(rest = 0): void {
    const time = this.now();
    this.#stop();
    this.#time = time;
    this.#began = this.#clock.now();
    this.#length = rest || Math.max(SHORTEST_BEAT, Math.min(BEAT, Math.max(this.#first - time, this.#late)));
    this.#counts = rest > 0 ? 0 : Math.max(this.#length, GRAIN) + LATE;
    this.#cancel = this.#clock.after(this.#length, () => this.#end());
  }

  #end(): void {
    const now = this.#clock.now();
    const late = now - this.#began - this.#length;
    this.#stop();
    // A stop in a busy process has its rests, too, and so has each of several stops in a row.
    const isStop = late > 2 * this.#restedFor || (late > BEAT && this.#late === 0);
    if (isStop || this.#time - this.#restedAt >= RESTS_WITHIN) this.#rests = this.#restedFor = 0;
    this.#late = late > LATE ? late : 0;
    if (late > LATE && this.#rests < MOST_RESTS) {
      const rest = Math.min(LONGEST_REST, Math.max(SHORTEST_REST, late));
      if (this.#first - this.#time < rest) {
        this.#rests++;
        this.#restedAt = this.#time;
        this.#restedFor = Math.max(late, this.#restedFor);
        return this.#begin(rest);
      }
    }
    const due = [...this.#timers].filter(({ at }) => at <= this.#time);
    try {
      // A timer may have canceled another.
      for (const timer of due) if (this.#timers.delete(timer)) timer.run();
    } finally {
      if (this.#timers.size === 0) this.#idle();
      else if (!this.#cancel) this.#begin();
    }
  }

  /** There are no timers: the clock stands still, and a timer that is set later has its rests. */
  #idle(): void {
    this.#stop();
    // How late a beat was tells nothing of a much later one.
    this.#rests = this.#restedFor = this.#late = 0;
  }

  /** Stops the clock at what has passed of the beat. */
  #stop(): void {
    this.#time = this.now();
    this.#counts = 0;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** When the first timer is due. A walk at each beat over few timers, one for each kind of deadline. */
  get #first(): number {
    let first = Infinity;
    for (const { at } of this.#timers) if (at < first) first = at;
    return first;
  }
}
