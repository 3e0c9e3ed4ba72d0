/** Timers for the copy of the sources, in place of those of `node:timers`: the same, and counted while they are set. */

import * as timers from "node:timers";

/** What names a timer: an object on Node and Bun, on Deno too. */
type Handle = ReturnType<typeof timers.setTimeout>;

/** Timers, intervals and immediates that are set: what would run. */
const live: Set<unknown> = new Set();

/** How many are set. */
export function countTimers(): number {
  return live.size;
}

/** Counted while it is set. */
export function setTimeout(run: (...args: unknown[]) => void, milliseconds?: number, ...args: unknown[]): Handle {
  const timer = timers.setTimeout(() => {
    live.delete(timer);
    run(...args);
  }, milliseconds);
  live.add(timer);
  return timer;
}

/** Counted until it is cleared. */
export function setInterval(run: (...args: unknown[]) => void, milliseconds?: number, ...args: unknown[]): Handle {
  const timer = timers.setInterval(run, milliseconds, ...args);
  live.add(timer);
  return timer;
}

/** Counted until it has run. */
export function setImmediate(run: (...args: unknown[]) => void, ...args: unknown[]): unknown {
  const timer = timers.setImmediate(() => {
    live.delete(timer);
    run(...args);
  });
  live.add(timer);
  return timer;
}

/** Not set any more. */
export function clearTimeout(timer: Handle | undefined): void {
  live.delete(timer);
  timers.clearTimeout(timer);
}

/** Not set any more. */
export function clearInterval(timer: Handle | undefined): void {
  live.delete(timer);
  timers.clearInterval(timer);
}
