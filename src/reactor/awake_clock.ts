/**
 * The awake clock: time during which the process ran.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";

/** What tells the time, and calls back when some has passed. */
export type Clock = Pick<Adapter, "now" | "after">;

/** The longest beat, in milliseconds: a stop of the process counts as no more than that. */
const BEAT = 500;

/** The shortest beat, in milliseconds: timers may be early by one. */
const SHORTEST_BEAT = 2;

/** A beat that is late by more than this, in milliseconds, says that the process was away: stopped, or too busy to look. */
const LATE = 5;

/** The shortest and the longest rest after a late beat, in milliseconds: in it what came meanwhile is fetched. */
const SHORTEST_REST = 50;
const LONGEST_REST = 1000;

/** Rests in a row. A process that is late all the time has deadlines, too. */
const MOST_RESTS = 2;

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/**
 * A clock for deadlines of others. It goes on by beats, and a beat counts for hardly more than its length however late it
 * ends: while the process is stopped (a signal, a debugger, a paused container, a machine asleep) it stands still.
 *
 * No timer runs right after a late beat: the clock first rests, as long as it was late and at most a second, so that the
 * runtime can fetch the input that came meanwhile. Bun and Deno run timers before they look at sockets.
 *
 * It never waits for ever: each beat counts, and after {@link MOST_RESTS} rests a timer that is due runs. There are
 * beats only while there are timers; without any the clock stands still.
 *
 * @example
 * ```ts ignore
 * const cancel = new AwakeClock(adapter).after(10_000, () => socket.destroy());
 * ```
 */
export class AwakeClock implements Clock {
  readonly #clock: Clock;
  readonly #timers: Set<Timer> = new Set();
  /** The time when the beat began, by this clock and by the one below. */
  #time = 0;
  #began = 0;
  /** How long the beat is to be, and how much of it counts at most: nothing of a rest. */
  #length = 0;
  #counts = 0;
  #rests = 0;
  #cancel: (() => void) | undefined;

  /** A clock that is driven by another one, usually that of the adapter. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds on this clock: they mean something only compared with each other, and while there are timers. */
  now(): number {
    return this.#time + Math.min(this.#counts, this.#clock.now() - this.#began);
  }

  /** Runs `run` once after so many milliseconds on this clock. Returns what cancels it. */
  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.now() + milliseconds, run };
    this.#timers.add(timer);
    const left = this.#length - (this.#clock.now() - this.#began);
    // A beat that is over will be told of soon, and a rest is not cut short.
    if (this.#cancel === undefined || (this.#counts > 0 && left > Math.max(milliseconds, 0))) this.#begin();
    return () => {
      this.#timers.delete(timer);
      if (this.#timers.size === 0) this.#stop();
    };
  }

  /** Begins a beat that ends when the first timer is due, or a rest of so many milliseconds. */
  #begin(rest = 0): void {
    const time = this.now();
    this.#stop();
    this.#time = time;
    this.#began = this.#clock.now();
    this.#length = rest || Math.max(SHORTEST_BEAT, Math.min(BEAT, this.#first - time));
    this.#counts = rest > 0 ? 0 : this.#length + LATE;
    this.#cancel = this.#clock.after(this.#length, () => this.#end());
  }

  #end(): void {
    const now = this.#clock.now();
    const late = now - this.#began - this.#length;
    this.#stop();
    if (late > LATE && this.#rests < MOST_RESTS) {
      const rest = Math.min(LONGEST_REST, Math.max(SHORTEST_REST, late));
      if (this.#first - this.#time < rest) {
        this.#rests++;
        return this.#begin(rest);
      }
    }
    this.#rests = 0;
    const due = [...this.#timers].filter(({ at }) => at <= this.#time);
    try {
      // One may have cancelled another.
      for (const timer of due) if (this.#timers.delete(timer)) timer.run();
    } finally {
      if (this.#cancel === undefined && this.#timers.size > 0) this.#begin();
    }
  }

  /** The clock stands still, at what has passed of the beat. */
  #stop(): void {
    this.#time = this.now();
    this.#counts = 0;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** When the first timer is due: a walk at each beat, and there are few, one for each kind of deadline. */
  get #first(): number {
    let first = Infinity;
    for (const { at } of this.#timers) if (at < first) first = at;
    return first;
  }
}
