/**
 * Unix sockets: the rules of their paths, which are the same on Node, Bun and Deno. Loaded with the first one.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers";
import { formatAddress, type UnixAddress } from "../src/address.ts";

/** The owner alone. */
const DEFAULT_MODE = 0o600;

/** How often an address in use is looked at before we believe that somebody else keeps taking it. */
const TRIES = 5;

/**
 * The path as the system wants it: an abstract name (unix(7)) begins with a NUL. Throws where there are none.
 */
export function systemPath({ path }: UnixAddress): string {
  if (!path.startsWith("@")) return path;
  if (process.platform !== "linux") throw new Error("abstract names (@name) exist on Linux only, use a path");
  // libuv before 1.46 pads the name with NULs, so that nobody else finds it.
  if (isNodeBefore(22)) throw new Error("abstract names (@name) need Node 22 or later, use a path");
  return `\0${path.slice(1)}`;
}

function isNodeBefore(major: number): boolean {
  return !("Bun" in globalThis) && !("Deno" in globalThis) && Number.parseInt(process.versions.node) < major;
}

/**
 * Opens a Unix socket with `bind`, which has to make the file before it returns. The file has its mode from the first
 * moment. One that is left of a process that is gone is taken over; one that is in use is refused with `EADDRINUSE`, and
 * what is no socket is never touched.
 */
export async function bindUnix<Bound>(
  address: UnixAddress,
  mode: number = DEFAULT_MODE,
  bind: (path: string) => Bound | Promise<Bound>,
): Promise<Bound> {
  const path = systemPath(address);
  for (let tries = 1;; tries++) {
    try {
      return await withMode(mode, () => bind(path));
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE" || path.startsWith("\0") || tries === TRIES) throw error;
      if (!await removeStale(address)) throw error;
    }
  }
}

/** Runs `make` under a mask that leaves exactly these bits of the 0777 that bind(2) asks for. */
function withMode<Result>(mode: number, make: () => Result): Result {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`Cannot use unixMode ${mode}: it is mode bits from 0 to 0o777, like 0o660`);
  }
  const before = process.umask(0o777 & ~mode);
  try {
    return make();
  } finally {
    process.umask(before);
  }
}

/**
 * Removes the socket when nobody answers on it, and says whether the address may be free now. Between the look and the
 * removal somebody else may have done the same, and opened the address anew. So the file is moved aside first, which only
 * one of several can do, and put back at once when it is not the one that was looked at.
 */
async function removeStale(address: UnixAddress): Promise<boolean> {
  const { path } = address;
  const stale = identityOf(address);
  if (stale === undefined) return true;
  // Twice: there is a moment in which a socket has its name and nobody listens on it yet.
  if (await answers(path)) return false;
  await new Promise((resolve) => void setTimeout(resolve, 20));
  if (await answers(path)) return false;
  const aside = join(dirname(path), `.${randomBytes(4).toString("hex")}`);
  try {
    renameSync(path, aside);
    // Not a rename back: that would replace the file of a third one.
    if (identityOf({ ...address, path: aside }) !== stale) linkSync(aside, path);
    unlinkSync(aside);
  } catch (error) {
    // Somebody else was faster.
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
  return true;
}

/** What tells one socket from another of the same name; `undefined` when there is none. Throws when it is no socket. */
function identityOf(address: UnixAddress): string | undefined {
  const stats = lstatSync(address.path, { throwIfNoEntry: false, bigint: true });
  if (stats === undefined) return undefined;
  // The number alone may be used again. This time is that of its making, and is not changed by a rename.
  if (stats.isSocket()) return `${stats.dev} ${stats.ino} ${stats.mtimeNs}`;
  const kind = stats.isDirectory() ? "a directory" : stats.isSymbolicLink() ? "a symbolic link" : "a file";
  throw new Error(
    `${formatAddress(address)} is ${kind} and no socket, so it is not replaced: remove it, or use another path`,
  );
}

/** Whether anybody listens. Only a refusal says that nobody does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", (error: Error & { code?: string }) => {
      done(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}
