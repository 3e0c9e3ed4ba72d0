/**
 * Unix sockets: how their files are made and removed, the same on Node, Bun and Deno. Loaded with the first Unix socket.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { type BigIntStats, chmodSync, linkSync, lstatSync, mkdtempSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers";
import { formatAddress, type UnixAddress } from "../../src/contract/address.ts";

/** The owner alone. */
const DEFAULT_MODE = 0o600;

/** How often an address is tried while other processes keep taking it. */
const TRIES = 5;

/** The longest path that fits into a socket's address, in bytes, on Linux (unix(7)). */
const LONGEST_PATH = 107;

/** What `mkdtemp` and the socket's name add to the path of a directory. */
const INNER = "/.XXXXXX/s";

/**
 * The path for the system: an abstract name (unix(7)) begins with a NUL. Throws where there are no abstract names.
 */
export function systemPath({ path }: UnixAddress): string {
  if (!path.startsWith("@")) return path;
  if (process.platform !== "linux") throw new Error("abstract names (@name) exist on Linux only, use a path");
  // libuv before 1.46 pads the name with NULs, so that no other program finds it.
  if (isNodeBefore(22)) throw new Error("abstract names (@name) need Node 22 or later, use a path");
  return `\0${path.slice(1)}`;
}

function isNodeBefore(major: number): boolean {
  return !("Bun" in globalThis) && !("Deno" in globalThis) && Number.parseInt(process.versions.node) < major;
}

/** How long a client waits before it tries a full Unix socket again, in milliseconds. */
const FULL_PAUSE = 20;

/** How often a refusal is tried again on Bun, which says that a full Unix socket refuses. */
const BUN_TRIES = 50;

/**
 * Connects with `dial`, again and again while as many connections as fit wait to be accepted: a TCP connection waits then, a
 * connection to a Unix socket fails. Rejects with the signal's reason when it aborts.
 */
export async function dialUnix(
  address: UnixAddress,
  signal: AbortSignal | undefined,
  dial: (path: string) => Promise<void>,
): Promise<void> {
  const path = systemPath(address);
  for (let tries = 1;; tries++) {
    signal?.throwIfAborted();
    try {
      return await dial(path);
    } catch (error) {
      const { code } = error as { code?: string };
      const mayBeFull = code === "EAGAIN" || (code === "ECONNREFUSED" && "Bun" in globalThis && tries < BUN_TRIES);
      if (!mayBeFull) throw error;
    }
    await pause(FULL_PAUSE);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}

/** A Unix socket that is open. */
export interface BoundUnix<Bound> {
  /** What `bind` returned. */
  readonly bound: Bound;
  /** Closes the socket with `stop`, and removes its file if the file is still its own. */
  readonly close: (stop: () => void | Promise<void>) => Promise<void>;
}

/**
 * Opens a Unix socket with `bind`; `stop` closes it again. The file has its mode from the first moment. A stale socket of
 * another process is replaced, a socket in use is refused with `EADDRINUSE`, and a file that is no socket is never touched.
 */
export async function bindUnix<Bound>(
  address: UnixAddress,
  mode: number = DEFAULT_MODE,
  bind: (path: string) => Bound | Promise<Bound>,
  stop: (bound: Bound) => unknown,
): Promise<BoundUnix<Bound>> {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`Cannot use unixMode ${mode}: it is mode bits from 0 to 0o777, like 0o660`);
  }
  const path = systemPath(address);
  if (path.startsWith("\0")) return { bound: await bind(path), close: async (halt) => await halt() };
  for (let tries = 0; tries < TRIES && await removeStale(address); tries++) {
    try {
      return await bindFile(path, mode, bind, stop);
    } catch (error) {
      // Another process was faster.
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
  }
  throw Object.assign(new Error("the address is in use"), { code: "EADDRINUSE" });
}

/**
 * Makes the socket in a directory that only this user can enter, sets its mode, and only then links it to its path, which
 * fails when the path exists. A runtime that closes the socket removes the path of its making, which is gone by then. A
 * umask could set the mode, but it applies to all threads.
 */
async function bindFile<Bound>(
  path: string,
  mode: number,
  bind: (path: string) => Bound | Promise<Bound>,
  stop: (bound: Bound) => unknown,
): Promise<BoundUnix<Bound>> {
  const around = dirname(path);
  const room = LONGEST_PATH - INNER.length;
  if (Buffer.byteLength(around) > room) {
    throw new Error(`the directory of a socket has a path of at most ${room} bytes, use a shorter one`);
  }
  // Not join(), which would take away a leading "./".
  const directory = mkdtempSync(`${around}/.`);
  let bound: Bound | undefined;
  try {
    const inner = `${directory}/s`;
    bound = await bind(inner);
    chmodSync(inner, mode);
    const own = lstatSync(inner, { bigint: true });
    linkSync(inner, path);
    // Absolute, since the program may change its directory.
    const file = resolve(path);
    const close = async (halt: () => void | Promise<void>): Promise<void> => {
      removeOwn(file, own);
      await halt();
    };
    return { bound, close };
  } catch (error) {
    if (bound !== undefined) stop(bound);
    // Deno may have permission for this path and no other.
    if ((error as Error).name === "NotCapable") return await bindInPlace(path, mode, bind);
    throw error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Makes the socket at its path, under a umask that leaves exactly these bits. Deno removes any file at the path when it
 * closes the socket, so a file of another process is moved aside for that moment.
 */
async function bindInPlace<Bound>(
  path: string,
  mode: number,
  bind: (path: string) => Bound | Promise<Bound>,
): Promise<BoundUnix<Bound>> {
  const before = process.umask(0o777 & ~mode);
  let binding: Bound | Promise<Bound>;
  try {
    binding = bind(path);
  } finally {
    process.umask(before);
  }
  const bound = await binding;
  const own = lstatSync(path, { bigint: true });
  const close = async (halt: () => void | Promise<void>): Promise<void> => {
    const there = lstatSync(path, { throwIfNoEntry: false, bigint: true });
    if (there === undefined || (there.dev === own.dev && there.ino === own.ino)) return await halt();
    const aside = join(dirname(path), `.${randomBytes(4).toString("hex")}`);
    renameSync(path, aside);
    await halt();
    renameSync(aside, path);
  };
  return { bound, close };
}

/** Removes the file if it is the socket's own: its inode number is unique while the socket is open. */
function removeOwn(path: string, own: BigIntStats): void {
  const isOwn = (file: string): boolean => {
    const stats = lstatSync(file, { throwIfNoEntry: false, bigint: true });
    return stats !== undefined && stats.isSocket() && stats.dev === own.dev && stats.ino === own.ino;
  };
  try {
    if (isOwn(path)) takeAway(path, isOwn);
  } catch {
    // The permission to write there is gone: the file stays, and the next listener replaces it.
  }
}

/** Removes the socket when no process listens on it. Returns whether the address may be free now. */
async function removeStale(address: UnixAddress): Promise<boolean> {
  const { path } = address;
  const stale = identityOf(address);
  if (stale === undefined) return true;
  // Twice: a starting program has a moment in which its socket has a file and no listener.
  if (await answers(path)) return false;
  await pause(20);
  if (await answers(path)) return false;
  takeAway(path, (aside) => identityOf({ ...address, path: aside }) === stale);
  return true;
}

/**
 * Removes a file if it is still the same. Another process may have removed it since the check, and opened the address
 * anew. So the file is moved aside first, which only one process can do, and put back at once when it is another file.
 */
function takeAway(path: string, isSame: (aside: string) => boolean): void {
  const aside = join(dirname(path), `.${randomBytes(4).toString("hex")}`);
  try {
    renameSync(path, aside);
    // Not a rename back: that would replace the file of a third process.
    if (!isSame(aside)) linkSync(aside, path);
    unlinkSync(aside);
  } catch (error) {
    // Another process was faster.
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}

/** What tells sockets of one path apart; `undefined` when there is no file. Throws when the file is no socket. */
function identityOf(address: UnixAddress): string | undefined {
  const stats = lstatSync(address.path, { throwIfNoEntry: false, bigint: true });
  if (stats === undefined) return undefined;
  // An inode number may be used again. The time is that of the socket's making, which a rename does not change.
  if (stats.isSocket()) return `${stats.dev} ${stats.ino} ${stats.mtimeNs}`;
  const kind = stats.isDirectory() ? "a directory" : stats.isSymbolicLink() ? "a symbolic link" : "a file";
  throw new Error(
    `${formatAddress(address)} is ${kind} and no socket, so it is not replaced: remove it, or use another path`,
  );
}

/** Whether a process listens. Only a refusal shows that none does. */
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
