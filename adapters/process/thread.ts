/**
 * A thread of `mobcast serve --threads`.
 *
 * @module
 */

import { parentPort, workerData } from "node:worker_threads";
import { runThread } from "../../src/cli/thread.ts";
import type { ThreadStart } from "../../src/cli/thread_messages.ts";
import { processTerminal } from "./terminal.ts";

await runThread(processTerminal(), {
  start: workerData as ThreadStart,
  tell: (report) => parentPort!.postMessage(report),
  onOrder: (handler) => void parentPort!.on("message", handler),
});
