/**
 * The flags of `serve`: the options of a mob, and what only the command line knows.
 *
 * @module
 */

import type { ResolvedOptions } from "../server/options.ts";
import type { ListenerFlags } from "./listener_flags.ts";
import type { LogFormat, LogLevelName } from "./levels.ts";

/** The options of `serve`. A secret is not among them: it comes from a file. */
export interface ServeFlags extends Omit<ResolvedOptions, "secret">, ListenerFlags {
  /** How much is logged. */
  readonly logLevel: LogLevelName;
  /** How a log line looks. */
  readonly logFormat: LogFormat;
}

/** Those flags that are options of a mob. */
export function toOptions(flags: ServeFlags): Omit<ResolvedOptions, "secret"> {
  const { logLevel: _level, logFormat: _format, cert: _cert, key: _key, ca: _ca, ...others } = flags;
  const { unixMode: _mode, secretFile: _file, ...options } = others;
  return options;
}
