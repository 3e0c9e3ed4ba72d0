/**
 * The numbers of several threads as those of one server.
 *
 * @module
 */

import type { BusStats } from "../bus/bus_stats.ts";
import type { FeedStats, Histogram, ListenerStats, MobStats } from "../status/stats.ts";
import type { ThreadStats } from "./thread_messages.ts";

/** What is the same in all threads, but for what one of them has not published yet: the most is told. */
const SHARED: ReadonlySet<string> = new Set(["published", "sequence", "bounds"]);

/** The numbers of all threads together. */
export function sumOf(threads: readonly ThreadStats[]): ThreadStats {
  return {
    stats: sumOfStats(threads.map(({ stats }) => stats)),
    loopDelays: sumOfAny("loopDelays", threads.map(({ loopDelays }) => loopDelays)) as Histogram,
    heapBytes: threads.reduce((sum, { heapBytes }) => sum + heapBytes, 0),
  };
}

function sumOfStats(all: readonly MobStats[]): MobStats {
  const { listeners: _listeners, feeds: _feeds, bus: _bus, ...rest } = all[0]!;
  const sum = Object.fromEntries(
    (Object.keys(rest) as (keyof typeof rest)[]).map((name) => [name, sumOfAny(name, all.map((stats) => stats[name]))]),
  ) as Omit<MobStats, "listeners" | "feeds" | "bus">;
  return {
    ...sum,
    listeners: merged(all.flatMap((stats): readonly ListenerStats[] => stats.listeners), ({ url }) => url),
    feeds: merged(all.flatMap((stats): readonly FeedStats[] => stats.feeds), ({ framing }) => framing),
    bus: sumOfAny("bus", all.map(({ bus }) => bus)) as BusStats | undefined,
  };
}

/** Adds up those with the same key. */
function merged<Row>(rows: readonly Row[], keyOf: (row: Row) => unknown): Row[] {
  const keys = [...new Set(rows.map(keyOf))];
  return keys.map((key) => sumOfAny("row", rows.filter((row) => keyOf(row) === key)) as Row);
}

/** Adds up numbers, and objects of numbers; of anything else the first. */
function sumOfAny(name: string, values: readonly unknown[]): unknown {
  const [first] = values;
  if (typeof first === "number") {
    return SHARED.has(name) ? Math.max(...values as number[]) : (values as number[]).reduce((sum, one) => sum + one, 0);
  }
  if (typeof first !== "object" || first === null || name === "bounds") return first;
  if (SHARED.has(name)) return mostOf(values as { readonly frames: number }[]);
  if (Array.isArray(first)) {
    return first.map((_, index) => sumOfAny(name, (values as unknown[][]).map((each) => each[index])));
  }
  return Object.fromEntries(
    Object.keys(first).map((
      key,
    ) => [key, sumOfAny(key, (values as Record<string, unknown>[]).map((each) => each[key]))]),
  );
}

function mostOf(counts: readonly { readonly frames: number }[]): unknown {
  return counts.reduce((most, one) => one.frames > most.frames ? one : most);
}
