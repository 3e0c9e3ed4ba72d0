/**
 * The event loop: the part of the contract that is the same on Node, Bun and Deno.
 *
 * @module
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Adapter } from "../src/adapter.ts";

/** Turns, clock and timers. */
export const eventLoop: Pick<Adapter, "defer" | "now" | "after"> = {
  // The one hook that runs after all socket callbacks of a batch on every runtime; microtasks run between them.
  defer: (turn) => void setImmediate(turn),
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Milliseconds: a turn that took longer is followed by a rest. */
const LONG_TURN = 2;

/**
 * A `defer` for Deno, which asks the kernel for ready sockets once in about 60 rounds of its loop while immediates keep
 * coming, and whenever it has nothing else to do. So a mob that is flooded from inside starved its TCP peers for
 * seconds, and one whose turns are long heard of its sockets late (measured, 2.9.5). After a long turn, and at every
 * second turn that a turn itself asked for, the next one waits for a timer, about a millisecond, in which sockets are
 * looked at. All others come as fast as ever.
 */
export function deferWithRests(): Adapter["defer"] {
  let inTurn = false;
  let restDue = false;
  let wasLong = false;
  return (turn) => {
    const run = (): void => {
      const began = performance.now();
      inTurn = true;
      try {
        turn();
      } finally {
        inTurn = false;
        wasLong = performance.now() - began > LONG_TURN;
      }
    };
    const rest = wasLong || (inTurn && restDue);
    restDue = inTurn && !restDue;
    if (rest) setTimeout(run, 0);
    else setImmediate(run);
  };
}
