/**
 * Rates: what happened between two reports of the same mob, a second.
 *
 * @module
 */

import type { StatusReport } from "./report.ts";
import { CLOSE_REASONS, type CloseReason, type Histogram } from "./stats.ts";

/** How much went on between two reports. All are a second, except `seconds` and `closed`. */
export interface Rates {
  /** How long it was. */
  readonly seconds: number;
  /** Frames that came from connections. */
  readonly receivedFrames: number;
  /** Their bytes. */
  readonly receivedBytes: number;
  /** Frames that were published. */
  readonly publishedFrames: number;
  /** Their bytes. */
  readonly publishedBytes: number;
  /** Frames that were delivered, each counted once for every connection. */
  readonly deliveredFrames: number;
  /** Their bytes. */
  readonly deliveredBytes: number;
  /** Frames that connections missed. */
  readonly skippedFrames: number;
  /** Connections that joined. */
  readonly joined: number;
  /** Ticks. */
  readonly ticks: number;
  /** Share of one processor that the process used; `undefined` where that is not known. */
  readonly cpu: number | undefined;
  /** How many connections ended, by reason: a count, not a rate. */
  readonly closed: Readonly<Record<CloseReason, number>>;
}

/** Reports that are closer together, in milliseconds, say nothing of a rate. */
const CLOSEST = 50;

/**
 * The rates between two reports; `undefined` when there is no earlier one, or it is of another process: counters began
 * anew. No rate is ever negative.
 */
export function ratesOf(report: StatusReport, before: StatusReport | undefined): Rates | undefined {
  if (before === undefined || !isSameRun(report, before)) return undefined;
  const milliseconds = report.now - before.now;
  if (milliseconds < CLOSEST) return undefined;
  const seconds = milliseconds / 1000;
  const a = (now: number, earlier: number): number => Math.max(0, now - earlier) / seconds;
  const [{ stats }, { stats: old }] = [report, before];
  const [usage, oldUsage] = [report.process, before.process];
  return {
    seconds,
    receivedFrames: a(stats.received.frames, old.received.frames),
    receivedBytes: a(stats.received.bytes, old.received.bytes),
    publishedFrames: a(stats.published.frames, old.published.frames),
    publishedBytes: a(stats.published.bytes, old.published.bytes),
    deliveredFrames: a(stats.delivered.frames, old.delivered.frames),
    deliveredBytes: a(stats.delivered.bytes, old.delivered.bytes),
    skippedFrames: a(stats.skipped.frames, old.skipped.frames),
    joined: a(stats.joined, old.joined),
    ticks: a(stats.ticks, old.ticks),
    cpu: usage && oldUsage && a(usage.cpuSeconds, oldUsage.cpuSeconds),
    closed: closedSince(report, before),
  };
}

/** When the same process is said to have started, in milliseconds, may differ: clocks are set. */
const START_SLACK = 2000;

/** Whether two reports, the second of which came first, are of one run of one mob. */
export function isSameRun(report: StatusReport, before: StatusReport): boolean {
  const [{ stats, now }, { stats: old }] = [report, before];
  return isSameProcess(report.process, before.process) && now >= before.now && stats.joined >= old.joined &&
    stats.ticks >= old.ticks && stats.published.frames >= old.published.frames;
}

function isSameProcess(usage: StatusReport["process"], before: StatusReport["process"]): boolean {
  if (usage === undefined || before === undefined) return usage === before;
  return usage.pid === before.pid && usage.uptime >= before.uptime &&
    Math.abs(usage.startTime - before.startTime) <= START_SLACK;
}

function closedSince({ stats }: StatusReport, before: StatusReport): Record<CloseReason, number> {
  const reasons = Object.keys(CLOSE_REASONS) as CloseReason[];
  const counts = reasons.map((reason) => [
    reason,
    Math.max(0, (stats.closed[reason] ?? 0) - (before.stats.closed[reason] ?? 0)),
  ]);
  return Object.fromEntries(counts) as Record<CloseReason, number>;
}

/** The values that came into a histogram between two moments; all of them when there is no earlier moment. */
export function histogramSince(histogram: Histogram, before: Histogram | undefined): Histogram {
  // It may have begun anew: delays are measured only while they are watched.
  if (before === undefined || before.count > histogram.count) return histogram;
  return {
    bounds: histogram.bounds,
    counts: histogram.counts.map((count, index) => Math.max(0, count - (before.counts[index] ?? 0))),
    count: histogram.count - before.count,
    sum: Math.max(0, histogram.sum - before.sum),
  };
}

/**
 * The bound within which this share of the values lies: 0.5 is the median, 1 the largest. `Infinity`: above all bounds;
 * `undefined`: there are no values.
 */
export function quantile(histogram: Histogram, share: number): number | undefined {
  let missing = Math.max(1, Math.ceil(histogram.count * share));
  if (histogram.count === 0) return undefined;
  for (const [index, count] of histogram.counts.entries()) {
    missing -= count;
    if (missing <= 0) return histogram.bounds[index] ?? Infinity;
  }
  return Infinity;
}
