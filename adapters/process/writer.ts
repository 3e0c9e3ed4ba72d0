/**
 * Writers: write standard output and standard error of this process without blocking the event loop.
 *
 * The streams of `process` block. On Deno they write synchronously: a pipe without a reader stops the process, and errors
 * are thrown to the caller. On Node and Bun a terminal blocks, and after one error they write no more.
 *
 * @module
 */

import type { Writer } from "../../src/cli/output.ts";
import { onBun, onDeno } from "../shared/which.ts";
import { bun, type BunSink } from "../types/bun.ts";
import { deno, normalize } from "../types/deno.ts";
import { nodeProcess } from "./node_process.ts";

/** The number of the device /dev/null, as Linux has it. */
const NULL_DEVICE = 0x103;

/** The two streams. */
type Name = "stdout" | "stderr";

/** A writer for the runtime at hand. */
export function openWriter(name: Name): Writer {
  return onDeno ? openDenoWriter(name) : openFdWriter(name);
}

function openDenoWriter(name: Name): Writer {
  const stream = deno()[name];
  const isTerminal = stream.isTerminal();
  return {
    isTerminal,
    get columns() {
      return isTerminal ? nodeProcess()[name].columns : undefined;
    },
    get rows() {
      return isTerminal ? nodeProcess()[name].rows : undefined;
    },
    async write(bytes) {
      try {
        return await stream.write(bytes);
      } catch (error) {
        throw normalize(error as Error);
      }
    },
  };
}

function openFdWriter(name: Name): Writer {
  const fd = name === "stdout" ? 1 : 2;
  const write = onBun ? openPlain(name, fd) : undefined;
  if (write !== undefined) return { isTerminal: false, columns: undefined, rows: undefined, write };
  // Opening the stream makes a pipe non-blocking. Otherwise a thread of the pool could hang in it: Bun has few threads, and
  // Node waits for all of them when the process ends.
  const stream: ProcessStream = nodeProcess()[name];
  return writerOf(stream, fd, nodeProcess().platform);
}

/** A stream of the process, as much of it as is used. */
export type ProcessStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  readonly _handle?: { setBlocking?(isBlocking: boolean): void } | undefined;
};

/** The writer for an open stream and its descriptor. */
export function writerOf(stream: ProcessStream, fd: number, system: NodeJS.Platform): Writer {
  // The runtime may write to it too, for example warnings.
  stream.on("error", () => {});
  const isTerminal = stream.isTTY === true;
  const isWindows = system === "win32";
  if (isTerminal && !isWindows) stream._handle?.setBlocking?.(false);
  return {
    isTerminal,
    get columns() {
      return isTerminal ? stream.columns : undefined;
    },
    get rows() {
      return isTerminal ? stream.rows : undefined;
    },
    // On Windows the streams do not block, and a console takes the descriptor's bytes for text of an old code page.
    write: (bytes) => isWindows ? writeToStream(stream, bytes) : writeTo(fd, bytes),
  };
}

function writeToStream(stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
  });
}

/**
 * Writes to what can be written without the stream, which takes 9 to 20 ms to load on Bun; `undefined` for all else. A pipe is
 * opened once more, not to block: that is not so for other processes that have it. A socket is what supervisors give.
 */
function openPlain(name: Name, fd: number): Writer["write"] | undefined {
  try {
    const { constants, fstatSync, openSync } = nodeProcess().getBuiltinModule("node:fs");
    const stat = fstatSync(fd);
    if (stat.isSocket()) return toSink(bun()[name].writer());
    if (stat.isFile() || (stat.isCharacterDevice() && stat.rdev === NULL_DEVICE)) return (bytes) => writeTo(fd, bytes);
    if (!stat.isFIFO()) return undefined;
    const pipe = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    return (bytes) => writeTo(pipe, bytes);
  } catch {
    // It is closed, nobody reads the pipe, or this is not Linux.
    return undefined;
  }
}

/** Bun waits until a socket has room, and takes all. */
function toSink(sink: BunSink): Writer["write"] {
  return async (bytes) => {
    await Promise.all([sink.write(bytes), sink.flush()]);
    return bytes.length;
  };
}

async function writeTo(fd: number, bytes: Uint8Array): Promise<number> {
  // Loaded only here: Deno needs none of it.
  const { write } = await import("node:fs");
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, length) => error === null ? resolve(length) : reject(error));
  });
}
