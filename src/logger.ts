/**
 * The logger of the whole library, category `mobcast`: silent until the application configures LogTape.
 *
 * @module
 */

import type { Logger } from "@logtape/logtape";

/**
 * The global where LogTape keeps the root of all loggers, once the application has loaded it: all copies of LogTape in a
 * process share it. Using it instead of an import spares a program that does not log a quarter of the library's size.
 */
const ROOT = /* @__PURE__ */ Symbol.for("logtape.rootLogger");

/** Logs one line. `properties` fill its `{placeholders}`; a function is called only when the line is written. */
type Log = (line: string, properties?: Readonly<Record<string, unknown>> | (() => Record<string, unknown>)) => void;

function logAt(level: "debug" | "info" | "warning" | "error"): Log {
  return (line, properties = {}) => {
    const root = (globalThis as unknown as { readonly [ROOT]?: Logger })[ROOT];
    root?.getChild("mobcast")[level](line, properties as Record<string, unknown>);
  };
}

/** Where mobcast logs. */
export const logger: { readonly debug: Log; readonly info: Log; readonly warning: Log; readonly error: Log } = {
  debug: /* @__PURE__ */ logAt("debug"),
  info: /* @__PURE__ */ logAt("info"),
  warning: /* @__PURE__ */ logAt("warning"),
  error: /* @__PURE__ */ logAt("error"),
};
