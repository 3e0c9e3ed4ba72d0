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

/**
 * A `defer` for Deno, which looks at its sockets once in about 60 turns while immediates keep coming: a mob flooded from inside
 * starved its TCP peers for seconds (measured, 2.9.5). Every second turn that a turn itself asked for waits for a timer
 * instead, about a millisecond, in which sockets are served. Turns that sockets ask for come as fast as ever.
 */
export function deferWithRests(): Adapter["defer"] {
  let inTurn = false;
  let restDue = false;
  return (turn) => {
    const run = (): void => {
      inTurn = true;
      try {
        turn();
      } finally {
        inTurn = false;
      }
    };
    const rest = inTurn && restDue;
    restDue = inTurn && !restDue;
    if (rest) setTimeout(run, 0);
    else setImmediate(run);
  };
}
