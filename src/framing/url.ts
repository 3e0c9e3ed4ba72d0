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
  /** Whether it says that streams are resumed there; `undefined`: it says nothing. */
  readonly resume?: boolean | undefined;
  /** Whether it is `ws:` or `wss:`: WebSocket over TCP or TLS. */
  readonly webSocket: boolean;
}

/**
 * Reads a URL that may name a framing, and whether streams are resumed. Throws a `TypeError` when the URL is none, when its query has another parameter
 * than `framing` and `resume`, or one of another kind. The default port of `ws:` is 80, and that of `wss:` 443 (RFC 6455, 3).
 */
export function parseUrl(given: string): ParsedUrl {
  const { url, framing, ...says } = splitQuery(given);
  const [, scheme, rest] = /^(wss?):(.*)$/i.exec(url) ?? [];
  if (scheme === undefined) return { address: parseAddress(url), framing, webSocket: false, ...says };
  if (framing) throw invalid(given, "a WebSocket listener has the framing of WebSocket: leave ?framing= out");
  if (says.resume) throw invalid(given, "a WebSocket listener resumes no stream: leave ?resume= out");
  const secure = scheme.length === 3;
  const port = /:[0-9]+\/?$/.test(rest!) ? "" : secure ? ":443" : ":80";
  try {
    const address = parseAddress(`${secure ? "tls" : "tcp"}:${rest!.replace(/\/$/, "")}${port}`);
    return { address, framing, webSocket: true, ...says };
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

/** The same for whether streams are resumed. */
export function oneResume(
  cannot: string,
  named: boolean | undefined,
  option: boolean | undefined,
): boolean | undefined {
  if (named === undefined || option === undefined || named === option) return named ?? option;
  throw new TypeError(`${cannot}: its URL says resume=${named}, and the option ${option}`);
}

/** What the query of a URL says. */
type Query = Pick<ParsedUrl, "framing" | "resume">;

/** Splits the query off a URL. The path of a Unix socket may hold a question mark: only `?framing=` or `?resume=` at its end is one. */
function splitQuery(url: string): Query & { readonly url: string } {
  const match = (/^unix:/i.test(url) ? /^(.*)\?((?:framing|resume)=[^?]*)$/ : /^([^?]*)\?(.*)$/).exec(url);
  if (match === null) return { url, framing: undefined };
  const [, rest = "", query = ""] = match;
  const values = new Map(
    query.split("&").map((each): [string, string] => {
      const [name = "", value = ""] = each.split("=", 2);
      return [name, value];
    }),
  );
  const { length } = query.split("&");
  if (values.size < length || [...values.keys()].some((name) => name !== "framing" && name !== "resume")) {
    throw invalid(url, "its query can only be ?framing=NAME, ?resume=true or both with & between them");
  }
  const resume = values.get("resume");
  if (values.has("resume") && resume !== "true" && resume !== "false") {
    throw invalid(url, `resume ${JSON.stringify(resume)} is one of true, false`);
  }
  const framing = values.get("framing") ?? "";
  if (values.has("framing") && !Object.hasOwn(FRAMINGS, framing)) {
    throw invalid(url, `framing ${JSON.stringify(framing)} is one of ${Object.keys(FRAMINGS).join(", ")}`);
  }
  return {
    url: rest,
    framing: values.has("framing") ? framing as FramingName : undefined,
    ...(values.has("resume") && { resume: resume === "true" }),
  };
}
