/**
 * The log of a server's first moments: LogTape takes 7 ms to load on Bun and 11 on Deno, so clients that wait for the
 * listener come first, and lines are kept until then.
 *
 * @module
 */

import { type Level, logger, takeLines } from "../logger.ts";
import { LOG_LEVELS, type LogFormat, type LogLevelName } from "./serve_flags.ts";
import type { Terminal } from "./terminal.ts";

/** After how long LogTape is loaded, in milliseconds. */
const SOON = 50;

/** The most lines that are kept. More than that are counted, and the count is logged. */
export const MOST_EARLY = 1000;

/** A line that waits for LogTape. */
interface EarlyLine {
  readonly level: Level;
  readonly line: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A log that has begun, or will. */
export interface EarlyLog {
  /** Writes what is still kept. */
  flush(): Promise<unknown>;
  /** Writes it, and ends the log. */
  end(): Promise<void>;
}

/** Starts logging soon. */
export function startLoggingSoon(
  terminal: Pick<Terminal, "stderr" | "after">,
  lowest: LogLevelName,
  format: LogFormat,
): EarlyLog {
  const kept = LOG_LEVELS.slice(LOG_LEVELS.indexOf(lowest));
  const lines: EarlyLine[] = [];
  let lost = 0;
  const release = takeLines((level, line, properties = {}) => {
    if (!kept.includes(level)) return;
    if (lines.length === MOST_EARLY) lost++;
    else lines.push({ level, line, properties: typeof properties === "function" ? properties() : properties });
  });
  let loading: Promise<() => void> | undefined;
  const load = (): Promise<() => void> =>
    loading ??= import("./logging.ts").then(({ startLogging }) => {
      release();
      const stop = startLogging(terminal, lowest, format);
      for (const { level, line, properties } of lines.splice(0)) logger[level](line, properties);
      if (lost > 0) void terminal.stderr.write(terminal.stderr.notice(lost));
      return stop;
    });
  // A server without a log has no use for it.
  const cancel = lowest === "off" ? () => {} : terminal.after(SOON, () => void load());
  const flush = async (): Promise<unknown> => lines.length > 0 ? await load() : undefined;
  return {
    flush,
    async end() {
      cancel();
      await flush();
      if (loading === undefined) release();
      else (await loading)();
    },
  };
}
