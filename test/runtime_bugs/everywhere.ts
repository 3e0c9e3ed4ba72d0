/**
 * Traps that the three runtimes have in common.
 *
 * @module
 */

import { clearTimeout, setTimeout } from "node:timers";
import type { Trap } from "./runtime_bug.ts";

/** Every trap of all runtimes. */
export const TRAPS: readonly Trap[] = [
  {
    runtimes: ["node", "bun", "deno"],
    seen: "Node 20.20.2 to 26.10.0, Bun 1.4.5, Deno 2.9.5",
    link: "https://developer.mozilla.org/en-US/docs/Web/API/Window/setTimeout#maximum_delay_value",
    what: "a timer of 2^31 milliseconds fires at once",
    workaround: "the longest times of LIMITS in src/server/options.ts",
    probe: () =>
      new Promise((resolve) => {
        const long = setTimeout(() => {
          clearTimeout(late);
          resolve(true);
        }, 2 ** 31);
        const late = setTimeout(() => {
          clearTimeout(long);
          resolve(false);
        }, 500);
      }),
  },
];
