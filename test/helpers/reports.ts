/**
 * Reports of mobs that do not run: for tests of what is said about them.
 *
 * @module
 */

import type { BusStats } from "../../src/bus/bus_stats.ts";
import { DURATION_BOUNDS, LAG_BOUNDS } from "../../src/status/histogram.ts";
import type { ListedConnection, StatusReport } from "../../src/status/report.ts";
import type { MobState, StatusOptions } from "../../src/status/source.ts";
import {
  type CloseReason,
  type ConnectionStats,
  type Histogram,
  type MobStats,
  noneClosed,
} from "../../src/status/stats.ts";
import type { Look } from "../../src/status/verdict.ts";

/** A MiB. */
export const MIB: number = 2 ** 20;

/** What is different about a report. */
export interface ReportChanges {
  /** Milliseconds by the clock of the events, and since the start. */
  readonly now?: number;
  readonly pid?: number;
  readonly state?: MobState;
  readonly options?: Partial<StatusOptions>;
  readonly stats?: Partial<MobStats>;
  readonly closed?: Partial<Record<CloseReason, number>>;
  readonly loopDelays?: Histogram;
  readonly cpuSeconds?: number;
}

/** A histogram of these values. */
export function histogramOf(bounds: readonly number[], values: readonly number[]): Histogram {
  const counts = [...bounds.map(() => 0), 0];
  for (const value of values) {
    const index = bounds.findIndex((bound) => value <= bound);
    counts[index === -1 ? bounds.length : index]!++;
  }
  return { bounds, counts, count: values.length, sum: values.reduce((sum, value) => sum + value, 0) };
}

/** A report of a mob with 120 connections, of which none is behind, except for what is different. */
export function reportOf(changes: ReportChanges = {}): StatusReport {
  const { now = 100_000, pid = 4711, state = "open", options, stats, closed, loopDelays, cpuSeconds = now / 8000 } =
    changes;
  const none = { frames: 0, bytes: 0 };
  const connections = stats?.connections ?? 120;
  return {
    server: { version: "1.2.3", runtime: "node 24.1.0", state },
    options: {
      maxLag: 16 * MIB,
      slowConsumer: "disconnect",
      stallTimeout: 30_000,
      maxConnections: 1024,
      ...options,
    },
    stats: {
      bus: undefined,
      received: { frames: now, bytes: now * 64 },
      delivered: { frames: now * 120, bytes: now * 120 * 64 },
      skipped: none,
      lag: none,
      replayed: none,
      connections,
      unauthenticated: 0,
      handshakes: 0,
      joined: connections,
      closed: { ...noneClosed(), ...closed },
      undelivered: none,
      published: { frames: now, bytes: now * 64 },
      feeds: [{ framing: "u64", connections, published: { frames: now, bytes: now * 64 }, logBytes: 0 }],
      withheld: none,
      hookFailures: 0,
      bufferedAmount: 0,
      pings: 0,
      staleEvents: 0,
      acceptFailures: 0,
      ticks: Math.floor(now / 10),
      writes: now * 12,
      logBytes: 0,
      receiveBytes: 0,
      listeners: [{ url: "tcp://127.0.0.1:8080", connections }],
      lagSizes: histogramOf(LAG_BOUNDS, Array.from({ length: Math.min(connections, 10_000) }, () => 0)),
      tickDurations: histogramOf(DURATION_BOUNDS, []),
      ...stats,
    },
    process: {
      version: "24.1.0",
      pid,
      uptime: now,
      startTime: 1_800_000_000_000,
      residentBytes: 90 * MIB,
      heapBytes: 20 * MIB,
      cpuSeconds,
    },
    loopDelays: loopDelays ?? histogramOf(DURATION_BOUNDS, []),
    now,
  };
}

/** A bus in order, except for what is different. */
export function busOf(changes: Partial<BusStats> = {}): BusStats {
  const count = (frames: number): { frames: number; bytes: number } => ({ frames, bytes: frames * 64 });
  return {
    name: "chat",
    state: "joined",
    whyAway: undefined,
    awayFor: 0,
    sequence: 1204,
    sent: count(1000),
    returned: count(990),
    inFlight: count(7),
    lost: count(3),
    received: count(2000),
    missedBatches: 4,
    gaps: 1,
    restarts: 0,
    resent: 5,
    repeated: 6,
    refused: 8,
    ...changes,
  };
}

/** What is different about a connection. */
export interface ConnectionChanges extends Omit<Partial<ConnectionStats>, "token" | "lag" | "delivered" | "skipped"> {
  readonly token?: string;
  readonly lag?: number;
  readonly delivered?: number;
  readonly skipped?: number;
}

/** A connection of `10.0.0.NUMBER`, up to date, except for what is different. `lag` and the others are in bytes. */
export function connectionOf(number: number, changes: ConnectionChanges = {}): ListedConnection {
  const count = (bytes = 0): { frames: number; bytes: number } => ({ frames: Math.ceil(bytes / 64), bytes });
  const { lag, delivered, skipped, ...others } = changes;
  return {
    token: `${number}v1`,
    remoteAddress: `10.0.0.${number}:50123`,
    listener: "tcp://127.0.0.1:8080",
    age: 60_000,
    received: count(),
    replayed: count(),
    receivedRate: 0,
    deliveredRate: 0,
    paused: false,
    receiveBytes: 0,
    stallsIn: undefined,
    ...others,
    lag: count(lag),
    delivered: count(delivered),
    skipped: count(skipped),
  };
}

/** A look at such a mob, with these connections as the furthest behind. */
export function lookOf(changes: ReportChanges = {}, ...connections: readonly ListedConnection[]): Look {
  const report = reportOf(changes);
  const total = Math.max(report.stats.connections, connections.length);
  return { report, list: { total, now: report.now, connections } };
}
