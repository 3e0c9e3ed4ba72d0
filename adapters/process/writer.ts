/**
 * Writers: write standard output and standard error of this process without blocking the event loop.
 *
 * The streams of `process` block. On Deno they write synchronously: a pipe without a reader stops the process, and errors
 * are thrown to the caller. On Node and Bun a terminal blocks, and after one error they write no more.
 *
 * @module
 */

import process from "node:process";
import type { Writer } from "../../src/cli/output.ts";
import { deno, normalize } from "../types/deno.ts";

/** The two streams. */
type Name = "stdout" | "stderr";

/** A writer for the runtime at hand. */
export function openWriter(name: Name): Writer {
  return "Deno" in globalThis ? openDenoWriter(name) : openFdWriter(name);
}

function openDenoWriter(name: Name): Writer {
  const stream = deno()[name];
  const isTerminal = stream.isTerminal();
  return {
    isTerminal,
    get columns() {
      return isTerminal ? process[name].columns : undefined;
    },
    get rows() {
      return isTerminal ? process[name].rows : undefined;
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
  // Opening the stream makes a pipe non-blocking. Otherwise a thread of the pool could hang in it: Bun has few threads, and
  // Node waits for all of them when the process ends.
  const stream: NodeJS.WriteStream & { _handle?: { setBlocking?(isBlocking: boolean): void } } = process[name];
  // The runtime may write to it too, for example warnings.
  stream.on("error", () => {});
  const isTerminal = stream.isTTY === true;
  if (isTerminal) stream._handle?.setBlocking?.(false);
  return {
    isTerminal,
    get columns() {
      return isTerminal ? stream.columns : undefined;
    },
    get rows() {
      return isTerminal ? stream.rows : undefined;
    },
    async write(bytes) {
      // Loaded only here: Deno needs none of it.
      const { write } = await import("node:fs");
      return new Promise((resolve, reject) => {
        write(fd, bytes, (error, length) => error === null ? resolve(length) : reject(error));
      });
    },
  };
}
