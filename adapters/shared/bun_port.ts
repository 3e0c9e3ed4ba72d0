/**
 * Ports on Bun: exactly one of several servers gets a port, with a backlog for a storm of connections. Loaded with the first
 * port.
 *
 * @module
 */

import { platform } from "node:process";
import { type BunApi, type BunListener, listenOnBun } from "../types/bun.ts";
import type { SharePort } from "../../src/contract/adapter.ts";
import { takePortLock } from "./port_lock.ts";

/**
 * Bun's backlog is always 512 (https://github.com/oven-sh/bun/pull/33786): with more connections at once the kernel drops
 * SYNs, which stalls each by a second. Several listeners on one port share the connections.
 */
const LISTENERS = 8;

/** How often a free port is tried, when other servers take it first. */
const TRIES = 10;

type Options = Parameters<BunApi["listen"]>[0];

/**
 * Opens a port: one listener, or on Linux several that share it. Port 0 picks a free port. With `join` others of this
 * process have it already.
 */
export async function openPort(options: Options, port: number, share?: SharePort): Promise<BunListener[]> {
  // Only on Linux do the listeners of one port share the connections.
  if (platform !== "linux") return [openAlone(options, port)];
  if (share === "join") return openMany(options, port);
  if (port !== 0) return await openTogether(options, port, share);
  for (let tries = 1;; tries++) {
    const free = openAlone(options, 0);
    free.stop(true);
    try {
      return await openTogether(options, free.port, share);
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
async function openTogether(options: Options, port: number, share?: SharePort): Promise<BunListener[]> {
  const lock = await takeLock(port);
  // A listener that is alone shares its port with no other, so without a lock the kernel decides.
  if (!lock && share === undefined) return [openAlone(options, port)];
  try {
    openAlone(options, port).stop(true);
    return openMany(options, port);
  } finally {
    lock?.stop(true);
  }
}

function openMany(options: Options, port: number): BunListener[] {
  const listeners: BunListener[] = [];
  try {
    while (listeners.length < LISTENERS) listeners.push(listenOnBun({ ...options, port, reusePort: true }));
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.stop(false);
    throw error;
  }
}

/** See {@link takePortLock}. */
function takeLock(port: number): Promise<BunListener | undefined> {
  const socket = { open() {}, data() {}, end() {}, drain() {}, close() {}, error() {} };
  return takePortLock(port, (unix) => listenOnBun({ unix, socket: { ...socket, binaryType: "uint8array" } }));
}
