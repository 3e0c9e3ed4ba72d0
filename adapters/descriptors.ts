/**
 * Descriptors: how many sockets this process can have open.
 *
 * @module
 */

import { readFileSync } from "node:fs";

/** What a process needs besides connections: its doors, its standard streams, the event loop, a log file, a resolver. */
const RESERVE = 32;

/**
 * How many connections fit under the soft limit of open files; `undefined` where the system does not tell. At the limit
 * itself Bun spins (https://github.com/oven-sh/bun/pull/32705), Node closes newcomers unheard, and Deno cannot accept:
 * staying below it is the one behaviour that is the same everywhere.
 */
export function connectionsThatFit(): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? undefined : Math.max(1, Number(soft) - RESERVE);
  } catch {
    // No such file: not Linux.
    return undefined;
  }
}
