/**
 * The event loop: the part of the contract that is the same on Node, Bun and Deno.
 *
 * @module
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Adapter } from "../../src/contract/adapter.ts";

/** Ticks, clock and timers. */
export const eventLoop: Pick<Adapter, "defer" | "now" | "after"> = {
  // The only hook that runs after all socket callbacks of a batch on every runtime: microtasks run between them.
  defer: (tick) => void setImmediate(tick),
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Resolves after so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void eventLoop.after(milliseconds, resolve));
}

/** Deno's loop completes so many operations in a round (tokio's budget for cooperative tasks). */
const ROUND = 128;

/** Milliseconds from the beginning of a tick after which the next tick does not wait any longer. */
const LONGEST_REST = 50;

/**
 * A `defer` for Deno, which polls sockets once in about 60 rounds of its loop while immediates are queued, and completes
 * 128 operations a round. Without rests, a flood from `mob.join()` starves TCP clients for seconds, and with more clients
 * than a round has writes, messages come late (measured, 2.9.5: with a thousand clients the 99th percentile was 900 ms).
 *
 * After a tick with more writes than a round, the next tick therefore waits as long as that tick took, and until its writes
 * are done: `writing` counts those under way. Every second back-to-back tick waits for a timer, about a millisecond. All
 * other ticks run at once.
 */
export function deferWithRests(writing: () => number): Adapter["defer"] {
  let inTick = false;
  let restDue = false;
  let took = 0;
  let began = 0;
  /** Writes under way when the tick began: writes to stuck clients are not waited for. */
  let before = 0;
  return (tick) => {
    const run = (): void => {
      began = performance.now();
      before = writing();
      inTick = true;
      try {
        tick();
      } finally {
        inTick = false;
        took = performance.now() - began;
      }
    };
    const restOrRun = (): void => {
      if (writing() > before && performance.now() - began < LONGEST_REST) setTimeout(restOrRun, 1);
      else run();
    };
    const rest = inTick && restDue;
    restDue = inTick && !restDue;
    if (writing() - before > ROUND) setTimeout(restOrRun, Math.min(took, LONGEST_REST));
    else if (rest) setTimeout(run, 0);
    else setImmediate(run);
  };
}
