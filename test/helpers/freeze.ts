/** Stops processes as an operator's Ctrl-Z does, until SIGCONT. */

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { pause } from "./wait.ts";

/**
 * Stops a process, and resolves when none of its threads runs any more: for a while after the signal some still do.
 *
 * Not by `kill` of a child: on Deno one that was stopped so gets no other signal.
 */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  if (process.platform === "linux") { while (isRunning(pid)) await pause(1); }
}

/** Whether a thread of it is neither stopped nor gone. */
function isRunning(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some((thread) => {
    try {
      // The state comes behind the name, which may hold anything.
      return !/\) [TtZX] [^)]*$/.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8"));
    } catch {
      return false;
    }
  });
}
