/**
 * A port on Bun: opened so that exactly one of several servers gets it, and so that a storm of connections finds room.
 *
 * @module
 */

import process from "node:process";
import { setTimeout } from "node:timers";
import { bun, type BunApi, type BunListener } from "../types/bun.ts";

/**
 * Bun's backlog is 512 whatever is asked (https://github.com/oven-sh/bun/pull/33786): with more connections than that
 * coming at once the kernel drops SYNs, a stall of a second for each. Several listeners on one port share the storm.
 */
const LISTENERS = 8;

/** How often a free port is looked for, when others are as quick as we are. */
const TRIES = 10;

/** How long another server may take to open the same port, in milliseconds: it needs less than one. */
const PATIENCE = 2000;

type Options = Parameters<BunApi["listen"]>[0];

/** Listens, and gives every error a code. */
export function listenOnBun(options: Options): BunListener {
  try {
    return bun().listen(options);
  } catch (error) {
    // A host that cannot be resolved, or is not of this machine, has no code.
    throw "code" in (error as Error) ? error : Object.assign(error as Error, { code: "EADDRNOTAVAIL" });
  }
}

/** Opens a port: one listener, or on Linux several that share it. Port 0 is a free one. */
export async function openPort(options: Options, port: number): Promise<BunListener[]> {
  // Elsewhere than on Linux the listeners of one port do not share what comes.
  if (process.platform !== "linux") return [openAlone(options, port)];
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
 * Alone first: with `reusePort` a second server on the port would not be refused, it would get half the connections. The
 * port is free for a moment between the one and the others, so only one server at a time may be in that moment.
 */
async function openTogether(options: Options, port: number): Promise<BunListener[]> {
  const tick = await takeTick(port);
  // Nobody can share a port with one that is alone, so without a tick the kernel decides.
  if (tick === undefined) return [openAlone(options, port)];
  const listeners: BunListener[] = [];
  try {
    openAlone(options, port).stop(true);
    while (listeners.length < LISTENERS) listeners.push(listenOnBun({ ...options, port, reusePort: true }));
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.stop(false);
    throw error;
  } finally {
    tick.stop(true);
  }
}

/**
 * The tick of this user to open this port: an abstract Unix name, which one process at a time can have and which goes
 * with its process. The kernel lets nobody but the same user share a port. `undefined` when it cannot be had.
 */
async function takeTick(port: number): Promise<BunListener | undefined> {
  const unix = `\0mobcast-port-${process.getuid?.()}-${port}`;
  const socket = { open() {}, data() {}, end() {}, drain() {}, close() {}, error() {}, connectError() {} };
  for (let waited = 0; waited < PATIENCE; waited += 5) {
    try {
      return listenOnBun({ unix, socket: { ...socket, binaryType: "uint8array" } });
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") return undefined;
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
  }
  return undefined;
}
