/**
 * Writers: standard output and standard error of this process, written to without a wait in the event loop.
 *
 * The streams of `process` will not do. On Deno they write at once: a pipe that nobody reads stops the process, and
 * errors are thrown into whoever writes. On Node and Bun a terminal does so, and after one error they write no more.
 *
 * @module
 */

import process from "node:process";
import type { Writer } from "../../src/cli/output.ts";
import { deno, normalize } from "../types/deno.ts";

/** What is written to. */
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
  // Opening the stream makes a pipe non-blocking, so that no thread of the pool hangs in it: Bun has few, and Node waits
  // for all of them when the process ends.
  const stream: NodeJS.WriteStream & { _handle?: { setBlocking?(isBlocking: boolean): void } } = process[name];
  // Others may write to it, too, such as the runtime its warnings.
  stream.on("error", () => {});
  const isTerminal = stream.isTTY === true;
  if (isTerminal) stream._handle?.setBlocking?.(false);
  return {
    isTerminal,
    get columns() {
      return isTerminal ? stream.columns : undefined;
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
