/**
 * Programs that the command line runs, on `node:child_process`: the same on Node, Bun and Deno, where it needs `--allow-run` and
 * `--allow-env`.
 *
 * @module
 */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import type { ChildEvents, ChildProgram } from "../../src/cli/terminal.ts";

/** Why a program cannot be run, in words. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === "ENOENT") return "there is no such program";
  if (code === "EACCES") return "it is not executable";
  return message ?? String(error);
}

/** Runs a program; see {@link Terminal.run}. */
export function runChild(
  [file = "", ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  events: ChildEvents,
): ChildProgram {
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  } catch (error) {
    queueMicrotask(() => events.ended(null, reasonOf(error)));
    return { write() {}, end() {}, kill() {} };
  }
  child.on("error", (error) => {
    // Without a process nothing is closed.
    if (child.pid === undefined) events.ended(null, reasonOf(error));
  });
  // It may end, or close its input, before it has read everything.
  child.stdin.on("error", () => {});
  child.stdout.on("data", (bytes: Uint8Array) => events.output(bytes));
  child.stderr.on("data", (bytes: Uint8Array) => events.errors(bytes));
  child.on("close", (code) => {
    if (child.pid !== undefined) events.ended(code);
  });
  return {
    write: (bytes) => void child.stdin.write(bytes),
    end: () => void child.stdin.end(),
    kill: () => void child.kill("SIGKILL"),
  };
}
