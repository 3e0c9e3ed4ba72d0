/**
 * Ports on Bun: exactly one of several servers gets a port, with a backlog for a storm of connections. Loaded with the first
 * port.
 *
 * @module
 */

import { getuid, platform } from "node:process";
import { type BunApi, type BunListener, listenOnBun } from "../types/bun.ts";
import { pause } from "./event_loop.ts";

/**
 * Bun's backlog is always 512 (https://github.com/oven-sh/bun/pull/33786): with more connections at once the kernel drops
 * SYNs, which stalls each by a second. Several listeners on one port share the connections.
 */
const LISTENERS = 8;

/** How often a free port is tried, when other servers take it first. */
const TRIES = 10;

/** How long another server may take to open the same port, in milliseconds. It needs less than one. */
const PATIENCE = 2000;

type Options = Parameters<BunApi["listen"]>[0];

/** Opens a port: one listener, or on Linux several that share it. Port 0 picks a free port. */
export async function openPort(options: Options, port: number): Promise<BunListener[]> {
  // Only on Linux do the listeners of one port share the connections.
  if (platform !== "linux") return [openAlone(options, port)];
  if (port !== 0) return await openTogether(options, port);
  for (let tries = 1;; tries++) {
    const free = openAlone(options, 0);
    free.stop(true);
    try {
      return await openTogether(options, free.port);
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE" || tries === TRIES) throw error;
    }
  }
}

function openAlone(options: Options, port: number): BunListener {
  return listenOnBun({ ...options, port, exclusive: true });
}

/**
 * Opens the port alone first: with `reusePort` a second server on it would not be refused, but get half the connections.
 * The port is then free for a moment before the shared listeners open, so a lock admits one server at a time.
 */
async function openTogether(options: Options, port: number): Promise<BunListener[]> {
  const lock = await takeLock(port);
  // A listener that is alone shares its port with no other, so without a lock the kernel decides.
  if (!lock) return [openAlone(options, port)];
  const listeners: BunListener[] = [];
  try {
    openAlone(options, port).stop(true);
    while (listeners.length < LISTENERS) listeners.push(listenOnBun({ ...options, port, reusePort: true }));
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.stop(false);
    throw error;
  } finally {
    lock.stop(true);
  }
}

/**
 * Takes the lock of this user for opening this port: an abstract Unix name, which one process at a time can have and which
 * ends with the process. The kernel lets only processes of one user share a port. `undefined` when there is no such lock.
 */
async function takeLock(port: number): Promise<BunListener | undefined> {
  const unix = `\0mobcast-port-${getuid?.()}-${port}`;
  const socket = { open() {}, data() {}, end() {}, drain() {}, close() {}, error() {} };
  for (let waited = 0; waited < PATIENCE; waited += 5) {
    try {
      return listenOnBun({ unix, socket: { ...socket, binaryType: "uint8array" } });
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") return undefined;
      await pause(5);
    }
  }
  return undefined;
}
