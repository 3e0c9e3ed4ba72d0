/**
 * Sharing a port: several listeners of one process, each in a thread of its own, are open at one address, and the kernel
 * spreads the connections over them. Loaded only for them.
 *
 * @module
 */

import { createServer, type Server } from "node:net";
import { platform, versions } from "node:process";
import type { SharePort } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { deno } from "../types/deno.ts";
import { listenExclusively } from "./node_server.ts";
import { takePortLock } from "./port_lock.ts";
import { onBun, onDeno } from "./which.ts";

/** Why this runtime cannot share a port; `undefined`: it can. */
export function whyNotShared(
  { system, node, flag }: { system: string; node: string | undefined; flag: boolean | undefined } = here(),
): string | undefined {
  if (system !== "linux") return "connections at one port are spread over several listeners on Linux alone";
  if (flag === false) return "Deno shares a port only with --unstable-net";
  if (node === undefined) return undefined;
  const [major = 0, minor = 0] = node.split(".").map(Number);
  // It came to 22.12 and 23.1.
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return undefined;
  return `Node ${node} cannot share a port, use Node 22.12 or later, or Bun`;
}

/** What it depends on: Bun and Deno also say which Node they are like. */
function here(): { system: string; node: string | undefined; flag: boolean | undefined } {
  return {
    system: platform,
    node: onBun || onDeno ? undefined : versions.node,
    // A function that is there only with the flag. Without it Deno would end the process.
    flag: onDeno ? typeof (deno() as { listenDatagram?: unknown }).listenDatagram === "function" : undefined,
  };
}

/** Throws a `TypeError` when this address cannot be shared here. */
export function checkSharing(transport: string): void {
  if (transport === "unix") throw new TypeError("a Unix socket cannot be shared between threads, use a port");
  const why = whyNotShared();
  if (why !== undefined) throw new TypeError(why);
}

/**
 * Opens a port that is shared. For the first listener it must be free, of listeners that share theirs too, and is opened
 * alone before. It is free for a moment then, so a lock admits one server at a time.
 */
export async function startShared(server: Server, where: NetworkAddress, share: SharePort): Promise<void> {
  const options = { ...where, reusePort: true };
  // The system picks a port that nothing else has.
  if (share === "join" || where.port === 0) return await listenExclusively(server, options);
  const lock = await takeLock(where.port);
  try {
    const probe = createServer();
    await listenExclusively(probe, where);
    await closed(probe);
    await listenExclusively(server, options);
  } finally {
    lock?.close();
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}

/** See {@link takePortLock}. On Deno a name needs a permission. */
async function takeLock(port: number): Promise<Server | undefined> {
  if (onDeno) return undefined;
  return await takePortLock(port, async (path) => {
    const lock = createServer();
    await listenExclusively(lock, { path });
    return lock;
  });
}
