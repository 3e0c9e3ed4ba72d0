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
