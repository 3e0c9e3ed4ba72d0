/**
 * Addresses: the URLs that name a door.
 *
 * @module
 */

/** Where a door is. */
export interface Address {
  /** How bytes travel. */
  readonly transport: "tcp";
  /** A host name or an IP address; IPv6 without brackets. */
  readonly host: string;
  /** The port, 0 to 65535; 0 asks for a free one. */
  readonly port: number;
}

/** The port where a URL names none. */
export const DEFAULT_PORT = 8000;

/** The door that `serve` opens when it is told of none. */
export const DEFAULT_URL = "tcp://127.0.0.1:8000";

/**
 * Reads a URL such as `tcp://127.0.0.1:8000`, `tcp://[::1]:0` or `tcp://localhost`. Without a port it is 8000. Throws
 * a `TypeError` that says what a URL looks like when this is none.
 *
 * @example
 * ```ts
 * import { parseAddress } from "mobcast";
 *
 * parseAddress("tcp://[::1]:9000"); // { transport: "tcp", host: "::1", port: 9000 }
 * ```
 */
export function parseAddress(url: string): Address {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:/?#@\[\]]*)(?::([0-9]+))?\/?$/i.exec(url);
  if (match === null) throw invalid(url, `a URL looks like ${DEFAULT_URL}${suggestion(url)}`);
  const [, scheme = "", bracketed = "", digits] = match;
  if (scheme.toLowerCase() !== "tcp") throw invalid(url, `"${scheme}:" is not supported, use "tcp:"`);
  const host = bracketed.startsWith("[") ? bracketed.slice(1, -1) : bracketed;
  if (host === "") throw invalid(url, "it names no host, use 127.0.0.1 for this machine, 0.0.0.0 or [::] for all");
  if (bracketed.startsWith("[") ? !/^[0-9a-f:.]+(%[\w.-]+)?$/i.test(host) : !/^[\w.-]+$/.test(host)) {
    throw invalid(url, `"${host}" is no host name and no IP address`);
  }
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (port > 65535) throw invalid(url, "a port is a number from 0 to 65535");
  return { transport: "tcp", host, port };
}

/**
 * The URL of an address.
 *
 * @example
 * ```ts
 * import { formatAddress } from "mobcast";
 *
 * formatAddress({ transport: "tcp", host: "::1", port: 9000 }); // tcp://[::1]:9000
 * ```
 */
export function formatAddress(address: Address): string {
  return `${address.transport}://${formatHostPort(address.host, address.port)}`;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function invalid(url: string, reason: string): TypeError {
  return new TypeError(`Cannot parse URL ${JSON.stringify(url)}: ${reason}`);
}

/** What was probably meant by a URL without its scheme. */
function suggestion(url: string): string {
  return /^(\[[0-9a-f:.]+\]|[\w.-]+):[0-9]{1,5}$/i.test(url) ? `, did you mean tcp://${url}` : "";
}
