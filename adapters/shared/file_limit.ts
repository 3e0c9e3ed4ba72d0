/**
 * Descriptors: how many sockets this process can have open.
 *
 * @module
 */

import { readFileSync } from "node:fs";

/** What a process needs besides connections: its listeners, its standard streams, the event loop, a log file, a resolver. */
const RESERVE = 32;

/** Where Linux tells the limits of a process. */
const LIMITS = "/proc/self/limits";

/**
 * How many connections fit under the soft limit of open files; `undefined` where the system does not tell. At the limit
 * itself Bun spins (https://github.com/oven-sh/bun/pull/32705), Node closes incoming connections unreceived, and Deno cannot accept:
 * staying below it is the one behavior that is the same everywhere.
 */
export function connectionsThatFit(): number | undefined {
  if (!mayRead()) return undefined;
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(LIMITS, "utf8"))?.[1];
    return soft === undefined ? undefined : Math.max(1, Number(soft) - RESERVE);
  } catch {
    // No such file: not Linux.
    return undefined;
  }
}

/** On Deno a program may lack the right to read, and it is not to be asked for it. */
function mayRead(): boolean {
  const { Deno: runtime } = globalThis as { Deno?: { permissions?: Permissions } };
  return runtime?.permissions === undefined ||
    runtime.permissions.querySync({ name: "read", path: LIMITS }).state === "granted";
}

/** The part of Deno's permissions that is used. */
interface Permissions {
  querySync(descriptor: { name: "read"; path: string }): { readonly state: string };
}
