/** Waiting for what the sockets cause, never for time to pass, and never forever. */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";

const looking: Set<() => void> = new Set();
let due = false;

/** Something has happened: waiting tests check again, once after the sockets of this tick have been handled. */
export function pulse(): void {
  if (due || looking.size === 0) return;
  due = true;
  setImmediate(() => {
    due = false;
    for (const look of [...looking]) look();
  });
}

/** Resolves to whether the condition came to hold within so many milliseconds. It is looked at after each pulse. */
export function comesTrue(condition: () => boolean, milliseconds: number): Promise<boolean> {
  if (condition()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (holds: boolean): void => {
      clearTimeout(timer);
      looking.delete(look);
      resolve(holds);
    };
    const look = (): void => {
      if (condition()) settle(true);
    };
    const timer = setTimeout(() => settle(condition()), milliseconds);
    looking.add(look);
  });
}

/** Waits until the condition holds. Rejects after so many milliseconds, with what did not happen. */
export async function until(condition: () => boolean, what: string, milliseconds: number): Promise<void> {
  if (await comesTrue(condition, milliseconds)) return;
  throw new Error(`within ${milliseconds / 1000} s this did not happen: ${what}`);
}

/** Lets time pass, for loads that are made of it. */
export function pass(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Runs `step` at most every so many milliseconds until it is stopped. */
export function every(milliseconds: number, step: () => unknown): () => void {
  let stopped = false;
  let timer: ReturnType<typeof setTimeout>;
  const again = (): void => {
    timer = setTimeout(() => {
      if (stopped) return;
      step();
      again();
    }, milliseconds);
  };
  again();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
