/**
 * Unix sockets: how their files are made and removed, the same on Node, Bun and Deno. Loaded with the first Unix socket.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { type BigIntStats, chmodSync, linkSync, lstatSync, mkdtempSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import { platform, umask, versions } from "node:process";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import { isMode } from "../../src/check.ts";
import { systemError } from "../../src/errors.ts";
import { formatAddress, LONGEST_PATH, type UnixAddress } from "../../src/contract/address.ts";
import { onBun, onDeno } from "./which.ts";
import { utf8 } from "../../src/bytes.ts";
import { pause } from "./event_loop.ts";

/** The owner alone. */
const DEFAULT_MODE = 0o600;

/** What `link` fails with where a socket cannot have a second name: it can on Linux, and is not known to on macOS. */
const NO_LINKS: readonly string[] = ["ENOTSUP", "EOPNOTSUPP", "EPERM"];

/** How often an address is tried while other processes keep taking it. */
const TRIES = 5;

/** What `mkdtemp` and the socket's name add to the path of a directory. */
const INNER = "/.XXXXXX/s";

/**
 * The path for the system: an abstract name (unix(7)) begins with a NUL. Throws where there are no abstract names, and on
 * Windows, whose sockets of files three runtimes treat in three ways, without modes.
 */
export function systemPath({ path }: UnixAddress, system: NodeJS.Platform = platform): string {
  if (system === "win32") {
    throw new Error("Unix sockets cannot be used on Windows, use a port such as tcp://127.0.0.1:8000");
  }
  if (!path.startsWith("@")) return path;
  if (system !== "linux") throw new Error("abstract names (@name) exist on Linux only, use a path");
  // libuv before 1.46 pads the name with NULs, so that no other program finds it.
  if (isNodeBefore(22)) throw new Error("abstract names (@name) need Node 22 or later, use a path");
  return `\0${path.slice(1)}`;
}

function isNodeBefore(major: number): boolean {
  return !onBun && !onDeno && Number.parseInt(versions.node) < major;
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
      const mayBeFull = code === "EAGAIN" || (code === "ECONNREFUSED" && onBun && tries < BUN_TRIES);
      if (!mayBeFull) throw error;
    }
    await pause(FULL_PAUSE);
  }
}

/** How long a server that is busy or stopped may take to answer on Bun, in milliseconds: it is there in every case. */
const FETCH_TIMEOUT = 1000;

/** Opens a listener at a path, and does so at once when it is called. */
type Bind = (path: string) => Promise<ListeningSocket>;

/**
 * Opens a Unix socket with `bind`. The file has its mode from the first moment. A stale socket of another process is
 * replaced, a socket in use is refused with `EADDRINUSE`, and a file that is no socket is never touched. Closing the
 * listener removes the file if it is still its own.
 */
export async function bindUnix(
  address: UnixAddress,
  mode: number = DEFAULT_MODE,
  bind: Bind,
  link: typeof linkSync = linkSync,
): Promise<ListeningSocket> {
  isMode("unixMode", mode);
  const path = systemPath(address);
  if (path.startsWith("\0")) return { ...await bind(path), address };
  for (let tries = 0; tries < TRIES && await removeStale(address); tries++) {
    try {
      return { address, close: await bindFile(path, mode, bind, link) };
    } catch (error) {
      // Another process was faster.
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
  }
  throw systemError("EADDRINUSE", "the address is in use");
}

/**
 * Makes the socket in a directory that only this user can enter, sets its mode, and only then links it to its path, which
 * fails when the path exists. A runtime that closes the socket removes the path of its making, which is gone by then. A
 * umask could set the mode, but it applies to all threads. Returns what closes the socket.
 */
async function bindFile(path: string, mode: number, bind: Bind, link: typeof linkSync): Promise<() => Promise<void>> {
  const around = dirname(path);
  const room = LONGEST_PATH - INNER.length;
  if (utf8(around).length > room) {
    throw new Error(`the directory of a socket has a path of at most ${room} bytes, use a shorter one`);
  }
  // Not join(), which would take away a leading "./".
  const directory = mkdtempSync(`${around}/.`);
  let bound: ListeningSocket | undefined;
  try {
    const inner = `${directory}/s`;
    const { close } = bound = await bind(inner);
    chmodSync(inner, mode);
    const own = statsOf(inner)!;
    link(inner, path);
    // Absolute, since the program may change its directory.
    const file = resolve(path);
    return async () => {
      removeOwn(file, own);
      await close();
    };
  } catch (error) {
    void bound?.close();
    // Deno may have permission for this path and no other, and a file system may have no second names, or none of sockets.
    const { name, code } = error as Error & { code?: string };
    if (name === "NotCapable" || NO_LINKS.includes(code ?? "")) return await bindInPlace(path, mode, bind);
    throw error;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Makes the socket at its path, under a umask that leaves exactly these bits. Deno removes any file at the path when it
 * closes the socket, so a file of another process is moved aside for that moment.
 */
async function bindInPlace(path: string, mode: number, bind: Bind): Promise<() => Promise<void>> {
  const before = umask(0o777 & ~mode);
  let binding: Promise<ListeningSocket>;
  try {
    binding = bind(path);
  } finally {
    umask(before);
  }
  const { close } = await binding;
  const own = statsOf(path)!;
  return async () => {
    const there = statsOf(path);
    if (!there || isSameFile(there, own)) return await close();
    const aside = besides(path);
    renameSync(path, aside);
    await close();
    renameSync(aside, path);
  };
}

/** What the file system knows of a file; `undefined` when there is none. */
function statsOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { throwIfNoEntry: false, bigint: true });
}

/** The inode number of a socket is unique while it is open. */
function isSameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** A new path in the same directory. */
function besides(path: string): string {
  return join(dirname(path), `.${randomBytes(4).toString("hex")}`);
}

/** Removes the file if it is the socket's own. */
function removeOwn(path: string, own: BigIntStats): void {
  const isOwn = (file: string): boolean => {
    const stats = statsOf(file);
    return stats?.isSocket() === true && isSameFile(stats, own);
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
  if (!stale) return true;
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
  const aside = besides(path);
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
  const stats = statsOf(address.path);
  if (!stats) return undefined;
  // An inode number may be used again. The time is that of the socket's making, which a rename does not change.
  if (stats.isSocket()) return `${stats.dev} ${stats.ino} ${stats.mtimeNs}`;
  const kind = stats.isDirectory() ? "a directory" : stats.isSymbolicLink() ? "a symbolic link" : "a file";
  throw new Error(
    `${formatAddress(address)} is ${kind} and no socket, so it is not replaced: remove it, or use another path`,
  );
}

/** Whether a process listens. Only a refusal shows that none does. */
async function answers(path: string): Promise<boolean> {
  const code = await new Promise<string>((resolve) => {
    const socket = connect({ path });
    const done = (outcome: string): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once("connect", () => done("connected"));
    socket.once("error", (error: Error & { code?: string }) => done(error.code ?? error.message));
  });
  if (code === "ECONNREFUSED" && onBun) return await isFull(path);
  return code !== "ECONNREFUSED" && code !== "ENOENT";
}

/**
 * Whether a socket that refuses on Bun is in use: `node:net` says so of a full one, too, and fetch alone tells them apart
 * (https://github.com/oven-sh/bun/pull/29182). A socket that has just become free gets the head of a request.
 */
async function isFull(path: string): Promise<boolean> {
  try {
    await fetch("http://unix", { unix: path, signal: AbortSignal.timeout(FETCH_TIMEOUT) } as RequestInit);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== "ECONNREFUSED";
  }
}
