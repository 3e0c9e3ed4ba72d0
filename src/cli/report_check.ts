/**
 * The check of what a status answers: it comes from the network, and perhaps from another version or another program.
 *
 * @module
 */

import type { ConnectionList, StatusReport } from "../status/report.ts";

/** What a value looks like: an example of its type, a list with an example of what is in it, or fields that have to be there. */
type Shape = string | number | readonly Shape[] | { readonly [field: string]: Shape };

const COUNT: Shape = { bytes: 0, frames: 0 };
const HISTOGRAM: Shape = { bounds: [0], counts: [0], count: 0, sum: 0 };

/** What is used of a report: a newer version may say more. */
const REPORT: Shape = {
  server: { version: "", runtime: "", state: "" },
  options: { maxLag: 0, slowConsumer: "", stallTimeout: 0, maxConnections: 0 },
  stats: {
    received: COUNT,
    delivered: COUNT,
    skipped: COUNT,
    lag: COUNT,
    replayed: COUNT,
    published: COUNT,
    undelivered: COUNT,
    withheld: COUNT,
    connections: 0,
    unauthenticated: 0,
    handshakes: 0,
    joined: 0,
    closed: {},
    listeners: [{ connections: 0 }],
    lagSizes: HISTOGRAM,
    feeds: [{ framing: "", connections: 0, published: COUNT, logBytes: 0 }],
    hookFailures: 0,
    bufferedAmount: 0,
    pings: 0,
    staleEvents: 0,
    acceptFailures: 0,
    ticks: 0,
    tickDurations: HISTOGRAM,
    writes: 0,
    logBytes: 0,
    receiveBytes: 0,
  },
  loopDelays: HISTOGRAM,
  now: 0,
};

const LIST: Shape = {
  total: 0,
  now: 0,
  connections: [{
    token: "",
    remoteAddress: "",
    age: 0,
    received: COUNT,
    delivered: COUNT,
    skipped: COUNT,
    lag: COUNT,
    receiveBytes: 0,
  }],
};

/** What is used of a bus, where there is one. */
const BUS: Shape = {
  name: "",
  state: "",
  awayFor: 0,
  sequence: 0,
  sent: COUNT,
  returned: COUNT,
  inFlight: COUNT,
  lost: COUNT,
  received: COUNT,
  missedBatches: 0,
  gaps: 0,
  restarts: 0,
  resent: 0,
  repeated: 0,
  refused: 0,
};

/** The report that a value is; `undefined` when it is none. */
export function asReport(value: unknown): StatusReport | undefined {
  if (!isLike(value, REPORT)) return undefined;
  const report = value as StatusReport;
  const { server: { threads = 0 }, stats: { bus } } = report;
  return isLike(threads, 0) && (bus === undefined || isLike(bus, BUS)) ? report : undefined;
}

/** The list of connections that a value is; `undefined` when it is none. */
export function asList(value: unknown): ConnectionList | undefined {
  return isLike(value, LIST) ? value as ConnectionList : undefined;
}

function isLike(value: unknown, shape: Shape): boolean {
  if (typeof shape !== "object") return typeof value === typeof shape;
  if (Array.isArray(shape)) return Array.isArray(value) && value.every((each) => isLike(each, shape[0]));
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(shape).every(([field, its]) => isLike((value as Record<string, unknown>)[field], its));
}
