/**
 * What `node:process` says of the process, which is the same on Node, Bun and Deno.
 *
 * @module
 */

import process from "node:process";
import type { ProcessInfo } from "../../src/contract/process_info.ts";
import { onBun, onDeno } from "./which.ts";

/** When the process started: the same at every call. */
const START_TIME = Date.now() - process.uptime() * 1000;

/** The process as it is now. */
export function processInfo(): ProcessInfo {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { versions } = process;
  return {
    version: (onBun ? versions.bun : onDeno ? versions.deno : versions.node) ?? "",
    pid: process.pid,
    uptime: process.uptime() * 1000,
    startTime: START_TIME,
    residentBytes: rss,
    heapBytes: heapUsed,
    cpuSeconds: (user + system) / 1e6,
  };
}
