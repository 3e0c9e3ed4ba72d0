/**
 * Which pages may connect. A browser lets every page open a WebSocket to every address, also to one of the machine that it
 * runs on, and says only in a header which page it is.
 *
 * @module
 */

import { isLoopback } from "../admission/access_list.ts";
import { parseOrigin } from "./origin.ts";

/** What a listener lets in. */
export interface OriginRules {
  /** Origins that may connect: `https://app.example`, or `*` for any. */
  readonly origins: readonly string[];
  /** Whether the listener is at a loopback address. */
  readonly loopback: boolean;
}

/**
 * Whether a request with these headers may connect. Programs send no origin, and may. A page may when it is listed, or when it
 * comes from the host that it connects to. At a loopback listener that host has to be a name of this machine, too: any other
 * name may have been pointed here by the owner of the page (DNS rebinding).
 */
export function mayConnect(origin: string | undefined, host: string, { origins, loopback }: OriginRules): boolean {
  if (origin === undefined || origins.includes("*")) return true;
  const given = parseOrigin(origin);
  if (given === undefined) return false;
  if (origins.some((listed) => parseOrigin(listed)?.text === given.text)) return true;
  return given.name === hostName(host) && (!loopback || isLocal(given.name));
}

/** The name in a `Host` header, without its port; `undefined` when it is garbled. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::[0-9]*)?$/.exec(host.toLowerCase())?.[1];
}

/** Whether a host name is of this machine, wherever it is looked up (RFC 6761, 6.3). */
function isLocal(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || isLoopback(name.replace(/^\[|\]$/g, ""));
}
