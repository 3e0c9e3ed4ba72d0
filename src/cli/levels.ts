/**
 * How much is logged, and how a line looks: the words of `--log-level` and `--log-format`.
 *
 * @module
 */

/** How much is logged. */
export type LogLevelName = "debug" | "info" | "warning" | "error" | "off";

/** How a log line looks. */
export type LogFormat = "text" | "json";

/** The values of `--log-level`, from most to least. */
export const LOG_LEVELS: readonly LogLevelName[] = ["debug", "info", "warning", "error", "off"];

/** The values of `--log-format`. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

/** How much is logged when nothing is said of it. */
export const DEFAULT_LOG_LEVEL: LogLevelName = "info";

/** How a log line looks when nothing is said of it. */
export const DEFAULT_LOG_FORMAT: LogFormat = "text";
