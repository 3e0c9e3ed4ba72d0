/**
 * The guard of a status listener: which requests of browsers it answers.
 *
 * A page that its user visits must not read the status of a mob: its browser sends an `Origin`, and where a name of its own
 * leads to this address (DNS rebinding) that name is the `Host`.
 *
 * @module
 */

import { type Check, refuse } from "../check.ts";

/** A name as a Host header may have it, without its port. */
const HOST = /^\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)*\.?$/;

/** The check of the option `hosts`. */
export const isHosts: Check = (name, value) => {
  if (!Array.isArray(value)) refuse(name, value, "it is a list of host names");
  // Array.from makes holes into entries, which are then refused.
  for (const host of Array.from(value as readonly unknown[])) {
    if (typeof host === "string" && HOST.test(host)) continue;
    refuse(name, host, "it is a host name, such as mob.example, without a scheme and a port");
  }
};

/** Why a request is not answered, in words; `undefined` when it is. `hosts` are names besides those that nobody can rebind. */
export function obstacle(request: Request, hosts: readonly string[] | undefined): string | undefined {
  const { hostname, host } = new URL(request.url);
  if (hosts && !isSafe(hostname) && !hosts.some((name) => name.toLowerCase() === hostname)) {
    return `Cannot answer for the host name ${hostname}: use the IP address, or name it with --status-host (hosts)`;
  }
  const origin = request.headers.get("origin");
  if (origin !== null && hostOf(origin) !== host) {
    return `Cannot answer a page of ${origin}: only the pages of the status listener itself may ask`;
  }
  return undefined;
}

/** The host and port of an origin; `undefined` for `null` and what is none. */
function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

/** Whether a host is an IP address or a name of loopback: these lead where they say. */
function isSafe(hostname: string): boolean {
  return /^\d+(\.\d+){3}$|^\[.*\]$|^(.+\.)?localhost$/.test(hostname);
}
