/**
 * Origins: which pages may connect. A browser lets every page open a WebSocket to every address, also to one of the machine
 * that it runs on, and says only in a header which page it is.
 *
 * @module
 */

import { isLoopback } from "../admission/access_list.ts";
import { refuse } from "../check.ts";

/** What a listener lets in. */
export interface OriginRules {
  /** Origins that may connect: `https://app.example`, or `*` for any. */
  readonly origins: readonly string[];
  /** Whether the listener is at a loopback address. */
  readonly loopback: boolean;
}

/** The ports that an origin leaves out. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

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

/** The check of the option `origins`: a list of origins, each as browsers send it, or `*`. */
export function isOrigin(name: string, value: unknown): void {
  if (!Array.isArray(value)) refuse(name, value, "it is a list of origins such as https://app.example");
  for (const each of value as unknown[]) {
    if (each === "*" || (typeof each === "string" && parseOrigin(each))) continue;
    const path = typeof each === "string" ? /^([a-z][a-z0-9+.-]*:\/\/[^/?#]+)[/?#]/i.exec(each)?.[1] : undefined;
    const way = path !== undefined && parseOrigin(path) ? `, did you mean ${path}` : "";
    refuse(
      name,
      each,
      `an origin is a scheme, a host and a port that is not the default, https://app.example, or *${way}`,
    );
  }
}

/** Reads an origin; `undefined` when it is none, `null` among them. */
function parseOrigin(origin: string): { readonly text: string; readonly name: string } | undefined {
  const [, scheme, name, port] =
    /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[\w.~%!$&'()*+,;=-]+)(?::([0-9]{1,5}))?$/.exec(origin.toLowerCase()) ??
      [];
  if (scheme === undefined || name === undefined || Number(port ?? 0) > 65535) return undefined;
  const number = port === undefined ? DEFAULT_PORTS[scheme] : String(Number(port));
  return { text: `${scheme}://${name}:${number ?? ""}`, name };
}

/** The name in a `Host` header, without its port; `undefined` when it is garbled. */
function hostName(host: string): string | undefined {
  return /^(\[[0-9a-f:.]+\]|[^\s:/?#@[\]]+)(?::[0-9]*)?$/.exec(host.toLowerCase())?.[1];
}

/** Whether a host name is of this machine, wherever it is looked up (RFC 6761, 6.3). */
function isLocal(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || isLoopback(name.replace(/^\[|\]$/g, ""));
}
