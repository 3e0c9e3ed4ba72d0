/**
 * Plain starts: nothing but URLs, or nothing at all, which is how most servers are started. Nothing that reads options is
 * loaded for them: that takes longer than all the rest (measured: 11 ms on Node, 8 on Bun, 25 on Deno).
 *
 * @module
 */

import { DEFAULT_URL } from "../contract/address.ts";
import { parseUrl } from "../framing/url.ts";
import { resolveOptions } from "../server/options.ts";
import { DEFAULT_LOG_FORMAT, DEFAULT_LOG_LEVEL } from "./levels.ts";
import type { ServeFlags } from "./serve_flags.ts";

/** The listeners to open, when these arguments are no more than that; `undefined`: the program has to read them. */
export function plainUrls(args: readonly string[]): readonly string[] | undefined {
  if (!args.every(isUrl)) return undefined;
  return args.length > 0 ? args : [DEFAULT_URL];
}

/** What the options of `serve` are when none is given. */
export function plainFlags(): ServeFlags {
  const { secret: _secret, ...options } = resolveOptions({});
  return { ...options, logLevel: DEFAULT_LOG_LEVEL, logFormat: DEFAULT_LOG_FORMAT };
}

function isUrl(word: string): boolean {
  try {
    // A listener over TLS needs options.
    return parseUrl(word).address.transport !== "tls";
  } catch {
    // A command, an option, or wrong: the program knows what to say.
    return false;
  }
}
