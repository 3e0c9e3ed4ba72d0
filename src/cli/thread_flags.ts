/**
 * Flags of the threads of `serve`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { THREADS } from "../bus/shared_ring.ts";
import { parseUrl } from "../framing/url.ts";
import type { BusFlags } from "./bus_flags.ts";
import { rangeOption } from "./flags.ts";
import { refuse } from "./listener_flags.ts";

/** The options of `serve` about its threads. */
export interface ThreadFlags {
  /** How many threads serve, each with a mob; without it, this one. */
  readonly threads?: number | undefined;
  /** Whether there are as many as there are cores, unless `threads` says how many. */
  readonly busLocal?: boolean | undefined;
}

/** Adds them. In the help the line of --bus and the title of the limits tell of them, so that it fits on a screen. */
export function addThreadOptions(command: Command): Command {
  const about = "mobs in threads, in one order; each has these limits";
  return command
    .addOption(rangeOption("--threads", "count", about, THREADS).hideHelp())
    .addOption(new Option("--bus-local", "a mob in a thread for each core, or in --threads").hideHelp());
}

/** The title of the limits in the help. */
export const LIMITS_TITLE = "Limits (of each thread, with --threads):";

/** Which of them asks for threads, as its flag; `undefined`: none. */
export function threadFlag({ threads, busLocal }: ThreadFlags): string | undefined {
  if (threads !== undefined) return "--threads";
  return busLocal === true ? "--bus-local" : undefined;
}

/** Refuses what threads cannot share. */
export function checkThreads(
  command: Command,
  urls: readonly string[],
  flags: ThreadFlags & Pick<BusFlags, "bus">,
): void {
  const flag = threadFlag(flags);
  if (flag === undefined) return;
  const name = flags.threads === undefined ? "busLocal" : "threads";
  if (flags.bus !== undefined) refuse(command, "bus", `cannot be used with ${flag}: leave one of them out`);
  if (urls.every((url) => parseUrl(url).address.transport === "unix")) {
    refuse(
      command,
      name,
      `cannot be used with ${urls[0]} alone: one thread has a Unix socket, add a port for the others`,
    );
  }
}
