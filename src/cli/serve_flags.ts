/**
 * The flags of `serve`: the options of a mob, and those of its log. No library is loaded for them.
 *
 * @module
 */

import { type Level, LEVELS } from "../logger.ts";
import type { ResolvedOptions } from "../server/options.ts";
import type { BusFlags } from "./bus_flags.ts";
import type { ListenerFlags } from "./listener_flags.ts";
import type { StatusListenerFlags } from "./status_listener_flags.ts";
import type { ThreadFlags } from "./thread_flags.ts";

/** How much is logged. */
export type LogLevelName = Level | "off";

/** How a log line looks. */
export type LogFormat = "text" | "json";

/** The values of `--log-level`, from most to least. */
export const LOG_LEVELS: readonly LogLevelName[] = [...LEVELS, "off"];

/** The values of `--log-format`. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

/** The default of `--log-level`. */
export const DEFAULT_LOG_LEVEL: LogLevelName = "info";

/** The default of `--log-format`. */
export const DEFAULT_LOG_FORMAT: LogFormat = "text";

/** The options of `serve`. A secret is not among them: it comes from a file. */
export interface ServeFlags
  extends Omit<ResolvedOptions, "secret" | "origins">, ListenerFlags, StatusListenerFlags, BusFlags, ThreadFlags {
  /** How much is logged. */
  readonly logLevel: LogLevelName;
  /** How a log line looks. */
  readonly logFormat: LogFormat;
}

/** Those flags that are options of a mob. */
export function toOptions(flags: ServeFlags): Omit<ResolvedOptions, "secret"> {
  const { logLevel: _level, logFormat: _format, cert: _cert, key: _key, ca: _ca, ...others } = flags;
  const { unixMode: _mode, secretFile: _file, origin: origins, status: _status, ...rest } = others;
  const { statusAllow: _allow, statusDeny: _deny, statusHost: _host, ...more } = rest;
  const { bus: _bus, busStorage: _storage, busReplicas: _replicas, busKeep: _keep, ...still } = more;
  const { busTokenFile: _token, busUserFile: _user, busNkeyFile: _nkey, busCreds: _creds, ...last } = still;
  const { busCa: _busCa, busCert: _busCert, busKey: _busKey, threads: _threads, busLocal: _local, ...options } = last;
  return { ...options, origins };
}
