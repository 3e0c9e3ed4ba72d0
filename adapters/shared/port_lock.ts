/**
 * The lock for opening a port that several listeners will share: with `reusePort` a second server would not be refused.
 *
 * @module
 */

import { getuid } from "node:process";
import { pause } from "./event_loop.ts";

/** How long another server may take to open the same port, in milliseconds. It needs less than ten. */
const PATIENCE = 2000;

/**
 * Takes the lock of this user for opening this port: an abstract Unix name, which one process at a time can have and which
 * ends with the process. The kernel lets only processes of one user share a port. `listen` listens on the name. `undefined`
 * when there is no such lock.
 */
export async function takePortLock<Lock>(
  port: number,
  listen: (path: string) => Lock | Promise<Lock>,
): Promise<Lock | undefined> {
  const path = `\0mobcast-port-${getuid?.()}-${port}`;
  for (let waited = 0; waited < PATIENCE; waited += 5) {
    try {
      return await listen(path);
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") return undefined;
      await pause(5);
    }
  }
  return undefined;
}
