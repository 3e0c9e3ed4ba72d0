/**
 * The event loop: the part of the contract that is the same on Node, Bun and Deno.
 *
 * @module
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Adapter } from "../../src/contract/adapter.ts";

/** Ticks, clock and timers. */
export const eventLoop: Pick<Adapter, "defer" | "now" | "after"> = {
  // The one hook that runs after all socket callbacks of a batch on every runtime; microtasks run between them.
  defer: (tick) => void setImmediate(tick),
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Deno's loop completes so many operations in a round (tokio's budget for cooperative tasks). */
const ROUND = 128;

/** Milliseconds from the beginning of a tick after which the next one waits for nothing more. */
const LONGEST_REST = 50;

/**
 * A `defer` for Deno, which asks the kernel for ready sockets once in about 60 rounds of its loop while immediates keep
 * coming, and makes its writes in those rounds. So a mob that is flooded from inside starved its TCP clients for seconds,
 * and one that gives to more clients than a round has writes received of them late, and found them still busy with what the
 * tick before had given (measured, 2.9.5: in a room of a thousand the 99th percentile was 900 ms).
 *
 * After a tick with so many writes the next one therefore waits as long as that tick took, in which others are received,
 * and until its writes have been made: `writing` counts those under way. At every second tick that a tick itself asked
 * for, it waits for a timer, about a millisecond. All others come as fast as ever.
 */
export function deferWithRests(writing: () => number): Adapter["defer"] {
  let inTick = false;
  let restDue = false;
  let took = 0;
  let began = 0;
  /** Writes that were under way when the tick began: those of stuck clients are not waited for. */
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
