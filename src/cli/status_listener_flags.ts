/**
 * Flags of the status listener of `serve`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { StatusListenerOptions } from "../server/mob_options.ts";
import { checkStatus } from "../server/status_options.ts";
import { blocksOption, refuse } from "./listener_flags.ts";
import { originOf } from "./settings.ts";

/** The options of `serve` about its status listener. */
export interface StatusListenerFlags {
  /** Its URL; `undefined`: there is none. */
  readonly status?: string | undefined;
  /** The addresses that may connect to it. */
  readonly statusAllow: readonly string[];
  /** The addresses that may not connect to it. */
  readonly statusDeny: readonly string[];
  /** The host names by which browsers may ask for it. */
  readonly statusHost: readonly string[];
}

/** Adds them. The help has one line for all, so that it fits on a screen. */
export function addStatusOptions(command: Command): Command {
  const about = "metrics and a page (--status-allow, -deny, -host, too)";
  return command
    .addOption(new Option("--status <url>", about).argParser(statusUrl).default(undefined, "none"))
    .addOption(blocksOption("--status-allow", "addresses that may ask for the status", "all").hideHelp())
    .addOption(blocksOption("--status-deny", "addresses that may not, even if allowed", "none").hideHelp())
    .addOption(hostsOption().hideHelp());
}

/** A port alone is one of this machine, as for listeners. */
function statusUrl(text: string): string {
  const port = /^:?(\d+)$/.exec(text)?.[1];
  return port === undefined ? text : `http://127.0.0.1:${port}`;
}

function hostsOption(): Option {
  return new Option("--status-host <name,...>", "names by which browsers may ask for the status")
    .argParser((text: string, before: readonly string[]) => {
      const names = text.split(",").map((name) => name.trim());
      if (names.includes("")) throw new InvalidArgumentError("It is host names such as mob.example,mob.internal.");
      return [...before, ...names];
    })
    .default([], "that of the URL");
}

/** The options of the status listener; `undefined`: there is none. */
export function statusOf(flags: StatusListenerFlags): StatusListenerOptions | undefined {
  const { status, statusAllow, statusDeny, statusHost } = flags;
  if (status === undefined) return undefined;
  const given = (list: readonly string[]): readonly string[] | undefined => list.length > 0 ? list : undefined;
  return { url: status, allow: given(statusAllow), deny: given(statusDeny), hosts: given(statusHost) };
}

/** Checks them, and returns the transport of the status listener; `undefined`: there is none. */
export function checkStatusFlags(command: Command, flags: StatusListenerFlags): "tcp" | "tls" | "unix" | undefined {
  const status = statusOf(flags);
  if (status !== undefined) {
    try {
      return checkStatus(status).address.transport;
    } catch (error) {
      const names = { allow: "statusAllow", deny: "statusDeny", hosts: "statusHost" } as const;
      const message = (error as Error).message.replace(
        /^Cannot use status\.(allow|deny|hosts)/,
        (_, name: keyof typeof names) => `Cannot use ${originOf(command, names[name])}`,
      );
      return command.error(message);
    }
  }
  for (const name of ["statusAllow", "statusDeny", "statusHost"] as const) {
    if (flags[name].length > 0) refuse(command, name, "is of no use: there is no --status");
  }
  return undefined;
}
