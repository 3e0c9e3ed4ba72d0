/**
 * Plain starts: no arguments but URLs, as for most servers. Then no code for options is loaded, which takes longer than all
 * the rest (measured: 11 ms on Node, 8 on Bun, 25 on Deno).
 *
 * @module
 */

import { DEFAULT_URL } from "../contract/address.ts";
import { parseUrl } from "../framing/url.ts";
import { resolveOptions } from "../server/options.ts";
import { DEFAULT_LOG_FORMAT, DEFAULT_LOG_LEVEL, type ServeFlags } from "./serve_flags.ts";

/** The listeners to open, when the arguments are URLs only; `undefined`: the program has to parse them. */
export function plainUrls(args: readonly string[]): readonly string[] | undefined {
  if (!args.every(isUrl)) return undefined;
  return args.length > 0 ? args : [DEFAULT_URL];
}

/** The default options of `serve`. */
export function plainFlags(): ServeFlags {
  const { secret: _secret, origins, ...options } = resolveOptions({});
  const log = { logLevel: DEFAULT_LOG_LEVEL, logFormat: DEFAULT_LOG_FORMAT };
  return { ...options, ...log, origin: origins, statusAllow: [], statusDeny: [], statusHost: [] };
}

function isUrl(word: string): boolean {
  try {
    // A listener over TLS needs options.
    return parseUrl(word).address.transport !== "tls";
  } catch {
    // It is a command, an option or a mistake, which the program handles.
    return false;
  }
}
