/**
 * Addresses: the URLs of listeners.
 *
 * @module
 */

import { kindOf, shown } from "../check.ts";
import { utf8 } from "../bytes.ts";

/** The address of a listener on the network, over TCP or TLS. */
export interface NetworkAddress {
  /** How bytes travel. */
  readonly transport: "tcp" | "tls";
  /** A host name or an IP address; IPv6 without brackets. */
  readonly host: string;
  /** The port, 0 to 65535; 0 asks for a free one. */
  readonly port: number;
}

/** The address of a Unix socket. */
export interface UnixAddress {
  /** How bytes travel. */
  readonly transport: "unix";
  /** A path in the file system, or `@name`: an abstract name, which only Linux has. */
  readonly path: string;
}

/** The `remoteAddress` of a connection through a Unix socket, which has none. */
export const UNIX_REMOTE = "unix";

/** Where a listener is. */
export type Address = NetworkAddress | UnixAddress;

/** The port of a URL without one. */
export const DEFAULT_PORT = 8000;

/** The listener that `serve` opens by default. */
export const DEFAULT_URL = "tcp://127.0.0.1:8000";

/**
 * The text of a URL, which may also be a `URL`. Throws a `TypeError` that begins with `cannot` when it is neither: `String`
 * would turn a list or a number into text.
 */
export function urlText(cannot: string, url: string | URL): string {
  if (typeof url === "string" || kindOf(url) === "URL") return String(url);
  const meant = Number.isInteger(url) ? `, did you mean tcp://127.0.0.1:${url}` : "";
  throw new TypeError(`${cannot} ${shown(url)}: a URL is a string such as ${DEFAULT_URL}${meant}`);
}

/**
 * Reads a URL such as `tcp://127.0.0.1:8000`, `tls://[::1]:0`, `tcp://localhost`, `unix:///run/mobcast.sock`,
 * `unix:here.sock` or `unix:@abstract`. The default port is 8000. Throws a `TypeError` that says what a URL looks like when
 * it cannot be read.
 *
 * @example
 * ```ts
 * import { parseAddress } from "mobcast/core";
 *
 * parseAddress("tcp://[::1]:9000"); // { transport: "tcp", host: "::1", port: 9000 }
 * ```
 */
export function parseAddress(given: string | URL): Address {
  const url = urlText("Cannot parse URL", given);
  const local = /^unix:(?:\/\/(?=\/))?(.*)$/i.exec(url);
  if (local !== null) return parsePath(url, local[1]!);
  const match = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]*\]|[^:/?#@\[\]]*)(?::([0-9]+))?\/?$/i.exec(url);
  if (match === null) throw invalid(url, `a URL looks like ${DEFAULT_URL}${suggestion(url)}`);
  const [, scheme = "", bracketed = "", digits] = match;
  const transport = scheme.toLowerCase();
  if (transport !== "tcp" && transport !== "tls") {
    throw invalid(url, `"${scheme}:" is not supported, use "tcp:", "tls:", "unix:", "ws:" or "wss:"`);
  }
  // A zone may be written as in other URLs, `%25eth0` (RFC 6874, 2); digits alone are a zone by number, as they are.
  const host = bracketed.startsWith("[") ? bracketed.slice(1, -1).replace(/%25(?=[^0-9])/, "%") : bracketed;
  if (host === "") throw invalid(url, "it names no host, use 127.0.0.1 for this machine, 0.0.0.0 or [::] for all");
  if (bracketed.startsWith("[") ? !/^[0-9a-f:.]+(%[\w.-]+)?$/i.test(host) : !/^[\w.-]+$/.test(host)) {
    throw invalid(url, `"${host}" is no host name and no IP address`);
  }
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (port > 65535) throw invalid(url, "a port is a number from 0 to 65535");
  return { transport, host, port };
}

/** The longest path that fits into a socket's address, in bytes, on Linux; elsewhere it is a few less (unix(7)). */
export const LONGEST_PATH = 107;

function parsePath(url: string, path: string): UnixAddress {
  if (path === "" || path === "@" || path.startsWith("//") || path.includes("\0")) {
    throw invalid(url, "a Unix socket looks like unix:///run/mobcast.sock, unix:relative/path or unix:@abstract-name");
  }
  const bytes = utf8(path).length;
  if (bytes > LONGEST_PATH) throw invalid(url, `the path has ${bytes} bytes, and a socket's may have ${LONGEST_PATH}`);
  return { transport: "unix", path };
}

/**
 * The URL of an address.
 *
 * @example
 * ```ts
 * import { formatAddress } from "mobcast/core";
 *
 * formatAddress({ transport: "tcp", host: "::1", port: 9000 }); // tcp://[::1]:9000
 * ```
 */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return `unix:${address.path.startsWith("/") ? "//" : ""}${address.path}`;
  return `${address.transport}://${formatHostPort(address.host, address.port)}`;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The error of a URL that cannot be used. */
export function invalid(url: string, reason: string): TypeError {
  return new TypeError(`Cannot parse URL ${JSON.stringify(url)}: ${reason}`);
}

/** The URL that was probably meant where the scheme is missing. */
function suggestion(url: string): string {
  return /^(\[[0-9a-f:.]+\]|[\w.-]+):[0-9]{1,5}$/i.test(url) ? `, did you mean tcp://${url}` : "";
}
