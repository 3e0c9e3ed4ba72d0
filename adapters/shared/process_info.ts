/**
 * What `node:process` says of the process, which is the same on Node, Bun and Deno.
 *
 * @module
 */

import process from "node:process";
import type { ProcessInfo } from "../../src/contract/process_info.ts";
import { onBun, onDeno } from "./which.ts";

/** The process as it is now. */
export function processInfo(): ProcessInfo {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { versions } = process;
  const uptime = process.uptime() * 1000;
  return {
    version: (onBun ? versions.bun : onDeno ? versions.deno : versions.node) ?? "",
    pid: process.pid,
    uptime,
    startTime: Date.now() - uptime,
    residentBytes: rss,
    heapBytes: heapUsed,
    cpuSeconds: (user + system) / 1e6,
  };
}
