/** What mobcast logs, for tests. */

import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";

/** What is logged at a level while something runs. */
export async function logged(level: "debug" | "info" | "error", run: () => Promise<void>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  configureSync({
    sinks: { records: (record) => records.push(record) },
    loggers: [
      { category: "mobcast", sinks: ["records"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
    ],
  });
  try {
    await run();
  } finally {
    resetSync();
  }
  return records;
}

/** The text of a line. */
export function lineOf(record: LogRecord): string {
  return record.message.join("");
}
