/**
 * URLs of listeners, which may name a framing, `tcp://127.0.0.1:8001?framing=line`, or WebSocket, `ws://127.0.0.1:8080`.
 *
 * @module
 */

import { type Address, formatAddress, invalid, parseAddress } from "../contract/address.ts";
import { type FramingName, FRAMINGS } from "./framing.ts";

/** What a URL says. */
export interface ParsedUrl {
  /** Where it leads. */
  readonly address: Address;
  /** The framing that it names; `undefined`: none. */
  readonly framing: FramingName | undefined;
  /** Whether it is `ws:` or `wss:`: WebSocket over TCP or TLS. */
  readonly webSocket: boolean;
}

/**
 * Reads a URL that may name a framing. Throws a `TypeError` when the URL is none, when its query has another parameter
 * than `framing`, or one that is no framing. The default port of `ws:` is 80, and that of `wss:` 443 (RFC 6455, 3).
 */
export function parseUrl(given: string): ParsedUrl {
  const { url, framing } = splitFraming(given);
  const [, scheme, rest] = /^(wss?):(.*)$/i.exec(url) ?? [];
  if (scheme === undefined) return { address: parseAddress(url), framing, webSocket: false };
  if (framing) throw invalid(given, "a WebSocket listener has the framing of WebSocket: leave ?framing= out");
  const secure = scheme.length === 3;
  const port = /:[0-9]+\/?$/.test(rest!) ? "" : secure ? ":443" : ":80";
  try {
    const address = parseAddress(`${secure ? "tls" : "tcp"}:${rest!.replace(/\/$/, "")}${port}`);
    return { address, framing, webSocket: true };
  } catch (error) {
    throw new TypeError((error as Error).message.replace(/URL "[^"]*"/, `URL ${JSON.stringify(given)}`));
  }
}

/** The URL of an address, of WebSocket over it or not: the opposite of {@link parseUrl}. */
export function formatUrl(address: Address, webSocket: boolean): string {
  const url = formatAddress(address);
  return webSocket ? url.replace(/^t(cp|ls)/, (scheme) => scheme === "tls" ? "wss" : "ws") : url;
}

/**
 * The one framing that a URL and an option name; `undefined` when neither does. Throws a `TypeError` that begins with
 * `cannot` when they differ.
 */
export function oneFraming(
  cannot: string,
  named: FramingName | undefined,
  option: FramingName | undefined,
): FramingName | undefined {
  if (!named || !option || named === option) return named ?? option;
  throw new TypeError(`${cannot}: its framing is ${named}, and the option says ${option}`);
}

/** Splits the framing off a URL. The path of a Unix socket may hold a question mark: only `?framing=` at its end is a query. */
function splitFraming(url: string): { readonly url: string; readonly framing: FramingName | undefined } {
  const match = (/^unix:/i.test(url) ? /^(.*)\?(framing=[^?]*)$/ : /^([^?]*)\?(.*)$/).exec(url);
  if (match === null) return { url, framing: undefined };
  const [, rest = "", query = ""] = match;
  const [name, value = ""] = query.split("=", 2);
  if (name !== "framing" || query.includes("&")) {
    throw invalid(url, "its query can only be ?framing=NAME");
  }
  if (!Object.hasOwn(FRAMINGS, value)) {
    const names = Object.keys(FRAMINGS).join(", ");
    throw invalid(url, `framing ${JSON.stringify(value)} is one of ${names}`);
  }
  return { url: rest, framing: value as FramingName };
}
