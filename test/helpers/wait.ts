/**
 * Waits that have a deadline: for what a test has recorded, and for promises.
 *
 * @module
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { assert, fail } from "@std/assert";

/** No wait is longer, in milliseconds: less than the limit of a test, so that the wait that failed is named. */
export const DEADLINE = 8_000;

/** Rings when something was recorded; waiting tests then check their condition. */
export class Bell {
  readonly #waiters: Set<() => void> = new Set();
  #armed = false;

  /** Something happened. Waiting tests check in a tick of their own, never inside the callback that rings. */
  ring(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(() => {
      this.#armed = false;
      for (const look of [...this.#waiters]) look();
    });
  }

  /** Resolves in the tick in which `condition` is found true; rejects with `what` when it never is. */
  until(condition: () => boolean, what: string | (() => string), milliseconds: number = DEADLINE): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(look);
        reject(new Error(`waited ${milliseconds} ms for ${typeof what === "string" ? what : what()}`));
      }, milliseconds);
      const look = (): void => {
        if (!condition()) return;
        this.#waiters.delete(look);
        clearTimeout(timer);
        resolve();
      };
      this.#waiters.add(look);
    });
  }
}

/** Lets time pass: for what must not happen, where there is no event to wait for. */
export function pause(milliseconds = 1): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}

/** The next tick of the event loop. */
export function nextTick(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Does each of these again and again until `done` has resolved, and the last time to its end. */
export async function meanwhile(acts: readonly (() => Promise<void>)[], done: () => Promise<void>): Promise<void> {
  let over = false;
  const acting = Promise.all(acts.map(async (act) => {
    while (!over) await act();
  }));
  try {
    await done();
  } finally {
    over = true;
    await acting;
  }
}

/** Asks until the answer fits, for so long. Resolves to the last answer, of which the test says what is wrong with it. */
export async function asked<T>(
  ask: () => T | Promise<T>,
  fits: (answer: T) => boolean,
  milliseconds: number = DEADLINE,
): Promise<T> {
  const end = performance.now() + milliseconds;
  for (let wait = 5;; wait = Math.min(100, 2 * wait)) {
    const answer = await ask();
    if (fits(answer) || performance.now() > end) return answer;
    await pause(wait);
  }
}

/** Rejects when the promise takes too long. */
export async function within<T>(promise: Promise<T>, what: string, milliseconds: number = DEADLINE): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for all of them, which together may take longer than one wait. Rejects when for so long none resolves. */
export async function withinEach<T>(promises: readonly Promise<T>[], what: string): Promise<T[]> {
  let done = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watch: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const give = (): void => reject(new Error(`waited ${DEADLINE} ms for ${what}, have ${done} of ${promises.length}`));
    watch = () => {
      clearTimeout(timer);
      timer = setTimeout(give, DEADLINE);
    };
    watch();
  });
  const watched = promises.map(async (promise) => {
    const value = await promise;
    done++;
    watch?.();
    return value;
  });
  try {
    return await Promise.race([Promise.all(watched), late]);
  } finally {
    watch = undefined;
    clearTimeout(timer);
  }
}

/** The error that a promise rejects with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<Error & { code?: string }> {
  try {
    await within(promise, what);
  } catch (error) {
    assert(error instanceof Error, `${what}: rejected with ${error}`);
    return error;
  }
  return fail(`${what}: resolved`);
}
