/**
 * The framing that a URL names: `tcp://127.0.0.1:8001?framing=line`.
 *
 * @module
 */

import { type FramingName, FRAMINGS } from "./framing.ts";

/**
 * Splits the framing off a URL. Throws a `TypeError` when the query has another parameter than `framing`, or the value is
 * no framing. The path of a Unix socket may hold a question mark: only `?framing=` at its end is a query.
 */
export function splitFraming(url: string): { readonly url: string; readonly framing: FramingName | undefined } {
  const match = (/^unix:/i.test(url) ? /^(.*)\?(framing=[^?]*)$/ : /^([^?]*)\?(.*)$/).exec(url);
  if (match === null) return { url, framing: undefined };
  const [, rest = "", query = ""] = match;
  const [name, value = ""] = query.split("=", 2);
  if (name !== "framing" || query.includes("&")) {
    throw new TypeError(`Cannot parse URL ${JSON.stringify(url)}: its query can only be ?framing=NAME`);
  }
  if (!Object.hasOwn(FRAMINGS, value)) {
    const names = Object.keys(FRAMINGS).join(", ");
    throw new TypeError(`Cannot parse URL ${JSON.stringify(url)}: framing ${JSON.stringify(value)} is one of ${names}`);
  }
  return { url: rest, framing: value as FramingName };
}
