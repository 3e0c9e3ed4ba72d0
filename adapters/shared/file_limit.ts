/**
 * The limit of open files: how many connections this process can have.
 *
 * @module
 */

/** Descriptors for other uses: listeners, standard streams, the event loop, a log file, a resolver. */
const RESERVE = 32;

/** The file where Linux shows the limits of a process. */
const LIMITS = "/proc/self/limits";

/**
 * How many connections fit under the soft limit of open files; `undefined` where it is not known. At the limit Bun spins
 * (https://github.com/oven-sh/bun/pull/32705), Node closes connections before they are accepted, and Deno cannot accept:
 * only below the limit do the three runtimes behave the same. `read` reads a text file: `node:fs` takes 15 ms to load on Deno.
 */
export function connectionsThatFit(read: (path: string) => string): number | undefined {
  if (!mayRead()) return undefined;
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(read(LIMITS))?.[1];
    return soft === undefined ? undefined : Math.max(1, Number(soft) - RESERVE);
  } catch {
    // No such file: not Linux.
    return undefined;
  }
}

/** Whether the file may be read. A Deno program may lack the permission, and no prompt must ask for it. */
function mayRead(): boolean {
  const { Deno: runtime } = globalThis as { Deno?: { permissions?: Permissions } };
  return !runtime?.permissions ||
    runtime.permissions.querySync({ name: "read", path: LIMITS }).state === "granted";
}

/** The part of Deno's permissions that is used. */
interface Permissions {
  querySync(descriptor: { name: "read"; path: string }): { readonly state: string };
}
