/**
 * The logger of the whole library, category `mobcast`: silent until the application configures LogTape, but for errors.
 *
 * @module
 */

import type { Logger } from "@logtape/logtape";

/**
 * The global where LogTape keeps the root of all loggers, once the application has loaded it: all copies of LogTape in a
 * process share it. Using it instead of an import spares a program that does not log a quarter of the library's size.
 */
const ROOT = /* @__PURE__ */ Symbol.for("logtape.rootLogger");

/** The most characters that are printed of an error. */
const LONGEST_TEXT = 2000;

/** Logs one line. `properties` fill its `{placeholders}`; a function is called only when the line is written. */
type Log = (line: string, properties?: Readonly<Record<string, unknown>> | (() => Record<string, unknown>)) => void;

/** A logger of LogTape. Without a configuration its lowest level is `trace`, and it has no sink. */
type LevelLogger = Logger & { readonly lowestLevel?: string | null };

/** What takes all lines while LogTape is loaded, as the root of all loggers. */
let taker: LevelLogger | undefined;

function root(): LevelLogger | undefined {
  return taker ?? (globalThis as unknown as { readonly [ROOT]?: LevelLogger })[ROOT];
}

/** The levels of lines, the least first. */
export const LEVELS = ["debug", "info", "warning", "error"] as const;

/** How much a line matters. */
export type Level = (typeof LEVELS)[number];

/** Until the function that it returns is called, or another takes them, `take` has all lines, and not LogTape. */
export function takeLines(take: (level: Level, ...line: Parameters<Log>) => void): () => void {
  const levels = LEVELS.map((level) => [level, (...line: Parameters<Log>) => take(level, ...line)]);
  const own = { ...Object.fromEntries(levels), isEnabledFor: () => true };
  const mine = { getChild: () => own } as unknown as LevelLogger;
  taker = mine;
  return () => {
    if (taker === mine) taker = undefined;
  };
}

function logAt(level: Exclude<Level, "error">): Log {
  return (line, properties = {}) => root()?.getChild("mobcast")[level](line, properties as Record<string, unknown>);
}

/** The lines of errors that were printed. There are as many as there are in the source. */
const printed = /* @__PURE__ */ new Set<string>();

function logError(line: string, properties: Readonly<Record<string, unknown>>): void {
  const all = root();
  const own: LevelLogger | undefined = all?.getChild("mobcast");
  own?.error(line, properties);
  if (all === undefined || own === undefined || isUnconfigured(all, own)) print(line, properties);
}

/** Whether nobody sees an error, and nobody has asked for that. */
function isUnconfigured(all: LevelLogger, own: LevelLogger): boolean {
  return own.isEnabledFor?.("error") === false && [all, own].every(({ lowestLevel }) => lowestLevel === "trace");
}

/** Prints an error that no log has, once for each line of the source: the next ones would say the same. */
function print(line: string, properties: Readonly<Record<string, unknown>>): void {
  if (printed.has(line)) return;
  printed.add(line);
  const text = line.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = properties[name];
    return (value instanceof Error ? value.stack ?? String(value) : String(value)).slice(0, LONGEST_TEXT);
  });
  try {
    // On Node an error of standard error, such as a full disk, ends the process when nothing listens for it.
    (console as { _stderr?: ErrorEmitter })._stderr?.off?.("error", ignore).on("error", ignore);
    console.error(`mobcast: ${text}\n(printed once: configure LogTape to see all)`);
  } catch {
    // Standard error is full or closed.
  }
}

/** The stream behind the console of Node. */
interface ErrorEmitter {
  off?(name: "error", listener: () => void): { on(name: "error", listener: () => void): unknown };
}

function ignore(): void {}

/** Where mobcast logs. An error that the application would not see, because it has not configured LogTape, is printed. */
export const logger: {
  readonly debug: Log;
  readonly info: Log;
  readonly warning: Log;
  readonly error: (line: string, properties: Readonly<Record<string, unknown>>) => void;
} = {
  debug: /* @__PURE__ */ logAt("debug"),
  info: /* @__PURE__ */ logAt("info"),
  warning: /* @__PURE__ */ logAt("warning"),
  error: logError,
};
