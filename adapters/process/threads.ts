/**
 * Threads of this process, on `node:worker_threads`: the same on Node, Bun and Deno.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Thread, ThreadEvents, ThreadReport, Threads, ThreadStart } from "../../src/cli/thread_messages.ts";
import { whyNotShared } from "../shared/share_port.ts";
import { onDeno } from "../shared/which.ts";
import { deno } from "../types/deno.ts";

/** What a thread runs: the file beside this one, as source or as built. */
const PROGRAM = new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);

/** The threads of this process. */
export function threadsOfProcess(): Threads {
  return { whyNot: whyNotShared() ?? whyNotRead(), cores: availableParallelism, name: () => randomUUID(), start };
}

/** Why their program cannot be read; `undefined`: it can. Deno would end the process, and say less. */
function whyNotRead(): string | undefined {
  if (!onDeno) return undefined;
  const { state } = deno().permissions.querySync({ name: "read", path: PROGRAM });
  return state === "granted" ? undefined : "Deno reads the program of a thread only with --allow-read";
}

function start(workerData: ThreadStart, events: ThreadEvents): Thread {
  const worker = new Worker(PROGRAM, { workerData });
  worker.on("message", (report: ThreadReport) => events.report(report));
  worker.on("error", (error: Error) => events.ended(error.message));
  worker.on("exit", (code) => events.ended(`exit code ${code}`));
  return {
    order: (order) => worker.postMessage(order),
    end: () => void worker.terminate(),
  };
}
