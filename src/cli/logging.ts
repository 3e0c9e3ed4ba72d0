/**
 * Logging: what the library says goes to standard error. Only the command line configures LogTape; the library never.
 *
 * @module
 */

import { configureSync, getJsonLinesFormatter, getTextFormatter, type LogLevel, resetSync } from "@logtape/logtape";
import type { Output } from "./terminal.ts";

/** How much is logged. */
export type LogLevelName = "debug" | "info" | "warning" | "error" | "off";

/** How a log line looks. */
export type LogFormat = "text" | "json";

/** The values of `--log-level`, from most to least. */
export const LOG_LEVELS: readonly LogLevelName[] = ["debug", "info", "warning", "error", "off"];

/** The values of `--log-format`. */
export const LOG_FORMATS: readonly LogFormat[] = ["text", "json"];

/** Starts logging, and returns what ends it. */
export function startLogging(output: Output, level: LogLevelName, format: LogFormat): () => void {
  if (level === "off") return () => {};
  const lowestLevel: LogLevel = level;
  const toLine = format === "json"
    ? getJsonLinesFormatter()
    : getTextFormatter({ timestamp: "rfc3339", level: "full", value: "bare", sanitize: { sgr: "escape" } });
  configureSync({
    reset: true,
    sinks: { output: (record) => void output.write(toLine(record)) },
    loggers: [
      { category: "mobcast", lowestLevel, sinks: ["output"] },
      // LogTape's own: a notice at every start unless it is told to speak of errors only.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["output"] },
    ],
  });
  return resetSync;
}
