/**
 * Metrics: everything that a mob counts as families of samples, in the text formats of Prometheus and OpenMetrics.
 *
 * The formats are https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/specs/om/open_metrics_spec/. ARCHITECTURE.md says why no library writes them.
 *
 * @module
 */

import type { Count } from "../broadcast/subscriber.ts";
import type { Histogram, MobStats } from "./stats.ts";
import { BUS_STATS, FEED_STATS, type Stat, STATS } from "./stats_table.ts";
import type { StatusReport } from "./report.ts";

/** One number of a family. */
interface Sample {
  /** What follows the name of the family: `_total`, `_bucket`. */
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of one name. */
interface Family {
  /** The name, without `_total`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "info";
  /** The base unit, with which the name ends. */
  readonly unit?: "bytes" | "seconds" | undefined;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The content types of the two formats. */
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/**
 * The metrics of a report as text, and its content type. `accept` is the `Accept` header of the request: a client that
 * names OpenMetrics gets that, every other one the format of Prometheus.
 */
export function metricsText(
  report: StatusReport,
  accept: string = "",
): { readonly type: string; readonly text: string } {
  const open = /\bapplication\/openmetrics-text\b/i.test(accept);
  const lines = families(report).flatMap((family) => linesOf(family, open));
  if (open) lines.push("# EOF");
  return { type: open ? OPEN_METRICS : PROMETHEUS, text: `${lines.join("\n")}\n` };
}

// --- families ---

function families(report: StatusReport): Family[] {
  const { server, options, stats, process: usage, loopDelays } = report;
  const { version, runtime, state } = server;
  const isReady = state === "open" && (stats.bus === undefined || stats.bus.state === "joined");
  const own = (Object.keys(STATS) as (keyof typeof STATS)[]).flatMap((name) => ofStat(name, STATS[name], stats));
  const [runtimeName = "", runtimeVersion = ""] = runtime.split(" ");
  return [
    family("build", "info", "The program and the runtime that it runs on", 1, {
      version,
      runtime: runtimeName,
      runtime_version: runtimeVersion,
    }),
    family("ready", "gauge", "Whether connections are accepted, and the bus can be reached", isReady ? 1 : 0),
    ...(server.threads === undefined
      ? []
      : [family("threads", "gauge", "Threads that serve, each with a mob: figures are those of all", server.threads)]),
    family("max_connections", "gauge", "The most connections at a time", options.maxConnections),
    family("max_lag_bytes", "gauge", "How far behind a connection may be", options.maxLag),
    ...own,
    ...ofFeeds(stats),
    ...ofBus(stats),
    histogram("loop_delay_seconds", "How late timers were, because the process was busy", loopDelays, 1000),
    ...(usage
      ? [
        family("resident_memory_bytes", "gauge", "Memory of the process", usage.residentBytes),
        family("heap_bytes", "gauge", "Memory that objects of the program use", usage.heapBytes),
        family("cpu_seconds", "counter", "Processor time of the process", usage.cpuSeconds),
        family("start_time_seconds", "gauge", "When the process started, since 1970", usage.startTime / 1000),
      ].map((each) => ({ ...each, name: each.name.replace("mobcast_", "process_") }))
      : []),
  ];
}

/** The families of one row of the stats table. */
function ofStat(name: keyof typeof STATS, stat: Stat, stats: MobStats): Family[] {
  const { kind, unit, about, metric = snake(name) } = stat;
  if (name === "closed") {
    return [{
      ...labelled("closed", "counter", about),
      samples: samplesBy("reason", Object.entries(stats.closed), "_total"),
    }];
  }
  if (name === "connections") {
    const rows = stats.listeners.map(({ url, connections }) => [url ?? "mob.join()", connections] as const);
    return [{ ...labelled("connections", "gauge", about), samples: samplesBy("listener", rows, "") }];
  }
  if (name === "listeners") {
    return [family("listeners", "gauge", about, stats.listeners.filter(({ url }) => url !== undefined).length)];
  }
  const value = stats[name];
  if (kind === "histogram") {
    const [base, divisor] = unit === "ms" ? ["seconds", 1000] as const : [unit, 1] as const;
    return [histogram(`${metric}_${base}`, about, value as Histogram, divisor)];
  }
  if (typeof value === "number") return [family(unit === "bytes" ? `${metric}_bytes` : metric, kind, about, value)];
  const count = value as Count;
  // The bytes of the lag are the sum of the histogram of that name.
  if (kind === "gauge") return [family(`${metric}_frames`, kind, `${about}: frames`, count.frames)];
  return counted("", metric, kind, about, count);
}

/** The two families of a pair of frames and bytes. */
function counted(prefix: string, metric: string, kind: "counter" | "gauge", about: string, count: Count): Family[] {
  return [
    family(`${prefix}frames_${metric}`, kind, `${about}: frames`, count.frames),
    family(`${prefix}${metric}_bytes`, kind, `${about}: bytes, headers included`, count.bytes),
  ];
}

/** The families of the bus; none where there is none. */
function ofBus({ bus }: MobStats): Family[] {
  if (bus === undefined) return [];
  return (Object.keys(BUS_STATS) as (keyof typeof BUS_STATS)[]).flatMap((name): Family[] => {
    const { unit, about, metric = snake(name), ...row } = BUS_STATS[name];
    const kind = row.kind as "counter" | "gauge";
    const value = bus[name];
    if (name === "state") return [family("bus_joined", kind, about, value === "joined" ? 1 : 0, { bus: bus.name })];
    if (typeof value === "object") return counted("bus_", metric, kind, about, value);
    const [base, divisor] = unit === "ms" ? ["_seconds", 1000] as const : ["", 1] as const;
    return [family(`bus_${metric}${base}`, kind, about, Number(value) / divisor)];
  });
}

/** The families of the feeds, each with a sample for each framing. */
function ofFeeds({ feeds }: MobStats): Family[] {
  const rows = (value: (feed: MobStats["feeds"][number]) => number) =>
    feeds.map((feed) => [feed.framing, value(feed)] as const);
  const { connections, published, logBytes } = FEED_STATS;
  const family = (name: string, { kind, about }: Stat, value: (feed: MobStats["feeds"][number]) => number): Family => {
    const type = kind as "counter" | "gauge";
    return {
      ...labelled(name, type, about),
      samples: samplesBy("framing", rows(value), type === "counter" ? "_total" : ""),
    };
  };
  return [
    family("feed_connections", connections, (feed) => feed.connections),
    family(
      "feed_frames_published",
      { ...published, about: `${published.about}: frames` },
      (feed) => feed.published.frames,
    ),
    family(
      "feed_published_bytes",
      { ...published, about: `${published.about}: bytes` },
      (feed) => feed.published.bytes,
    ),
    family("feed_log_bytes", logBytes, (feed) => feed.logBytes),
  ];
}

/** A family of one sample. */
function family(
  name: string,
  type: "counter" | "gauge" | "info",
  help: string,
  value: number,
  labels: Sample["labels"] = {},
): Family {
  const suffix = type === "counter" ? "_total" : type === "info" ? "_info" : "";
  return { ...labelled(name, type, help), samples: [{ suffix, labels, value }] };
}

function labelled(name: string, type: Family["type"], help: string): Omit<Family, "samples"> {
  const unit = (["bytes", "seconds"] as const).find((each) => name.endsWith(`_${each}`));
  return { name: `mobcast_${name}`, type, unit, help };
}

function samplesBy(label: string, rows: readonly (readonly [string, number])[], suffix: string): Sample[] {
  return rows.map(([key, value]) => ({ suffix, labels: { [label]: key }, value }));
}

/** A histogram, its values divided to make base units of them. The buckets of both formats count from the smallest value on. */
function histogram(name: string, help: string, { bounds, counts, count, sum }: Histogram, divisor: number): Family {
  let within = 0;
  const buckets = [...bounds, Infinity].map((bound, index): Sample => {
    within += counts[index]!;
    return { suffix: "_bucket", labels: { le: number(bound / divisor) }, value: within };
  });
  const totals = [["_sum", sum / divisor], ["_count", count]] as const;
  return {
    ...labelled(name, "histogram", help),
    samples: [...buckets, ...totals.map(([suffix, value]) => ({ suffix, labels: {}, value }))],
  };
}

/** `accept_failures` for `acceptFailures`. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

// --- text ---

function linesOf({ name, type, unit, help, samples }: Family, open: boolean): string[] {
  // The format of Prometheus has no type for information, and names a counter with its suffix.
  const shown = open ? name : `${name}${type === "counter" ? "_total" : type === "info" ? "_info" : ""}`;
  return [
    `# HELP ${shown} ${help}.`,
    `# TYPE ${shown} ${!open && type === "info" ? "gauge" : type}`,
    ...(open && unit ? [`# UNIT ${shown} ${unit}`] : []),
    ...samples.map(({ suffix, labels, value }) => `${name}${suffix}${labelText(labels)} ${number(value)}`),
  ];
}

function labelText(labels: Sample["labels"]): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(value: string): string {
  return value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
}

function number(value: number): string {
  return value === Infinity ? "+Inf" : String(value);
}
