/**
 * The stats table: every number of `mob.stats()`, with its kind, its unit and its meaning. The metrics, the JSON of a status
 * listener, the tables of the command line and the documentation are made from it.
 *
 * @module
 */

import type { BusStats } from "../bus/bus_stats.ts";
import type { FeedStats, MobStats } from "./stats.ts";

/** One row of the table. */
export interface Stat {
  /** `counter`: it only grows. `gauge`: it is what it is now. `histogram`: how many values are within which bound. */
  readonly kind: "counter" | "gauge" | "histogram";
  /** What is counted. `frames and bytes` is a pair of both. */
  readonly unit: string;
  /** What it means, without a full stop. */
  readonly about: string;
  /** The name of its metric, without `mobcast_`, its unit and `_total`, where that is not made from its own name. */
  readonly metric?: string;
  /** What tells its values apart, where it has several. */
  readonly label?: "reason" | "listener" | "bus";
}

function row(kind: Stat["kind"], unit: string, about: string, more: Pick<Stat, "metric" | "label"> = {}): Stat {
  return { kind, unit, about, ...more };
}

/**
 * The stats table.
 *
 * @example
 * ```ts
 * import { STATS } from "mobcast/status";
 *
 * for (const [name, { kind, unit, about }] of Object.entries(STATS)) console.log(name, kind, unit, about);
 * ```
 */
export const STATS: { readonly [Name in Exclude<keyof MobStats, "feeds" | "bus">]: Stat } = {
  connections: row("gauge", "connections", "Connections now", { label: "listener" }),
  unauthenticated: row("gauge", "connections", "Connections that have not finished their handshake"),
  handshakes: row("gauge", "handshakes", "TLS handshakes under way"),
  joined: row("counter", "connections", "Connections that have ever joined"),
  closed: row("counter", "connections", "Connections that ended, by reason", { label: "reason" }),
  published: row("counter", "frames and bytes", "What was published, in the mob's own framing"),
  received: row("counter", "frames and bytes", "What was received from connections and published"),
  delivered: row("counter", "frames and bytes", "What the sockets of connections took"),
  skipped: row(
    "counter",
    "frames and bytes",
    "What connections missed: under skip, and their own frames under echo others",
  ),
  lag: row("gauge", "frames and bytes", "What is pending for connections"),
  replayed: row("counter", "frames and bytes", "What was published before a connection joined and goes to it"),
  lagSizes: row("histogram", "bytes", "What is pending for each connection", { metric: "lag" }),
  undelivered: row("counter", "frames and bytes", "What was pending for connections when they left"),
  withheld: row("counter", "frames and bytes", "What was not published because onMessage returned false or failed"),
  hookFailures: row("counter", "failures", "Hooks of the application that failed"),
  bufferedAmount: row("gauge", "bytes", "What publish() has taken and is not published yet", { metric: "buffered" }),
  pings: row("counter", "frames", "Frames without a payload, which are not published"),
  staleEvents: row("counter", "events", "Events dropped because their connection was gone"),
  acceptFailures: row("counter", "failures", "Accepts that failed"),
  ticks: row("counter", "ticks", "Ticks handled"),
  tickDurations: row("histogram", "ms", "How long ticks took", { metric: "tick_duration" }),
  writes: row("counter", "writes", "Calls of write on sockets"),
  logBytes: row("gauge", "bytes", "Memory that the logs hold", { metric: "log" }),
  receiveBytes: row("gauge", "bytes", "Memory that connections hold of what came and was not published", {
    metric: "receive",
  }),
  listeners: row("gauge", "listeners", "Open listeners"),
};

/** The same for each feed of `mob.stats()`. */
export const FEED_STATS: { readonly [Name in Exclude<keyof FeedStats, "framing">]: Stat } = {
  connections: row("gauge", "connections", "Connections that receive the feed"),
  published: row("counter", "frames and bytes", "What was published while the feed had connections or a history"),
  logBytes: row("gauge", "bytes", "Memory that the feed's log holds", { metric: "log" }),
};

/** The same for `bus` of `mob.stats()`, where a mob has one. Their metrics begin with `mobcast_bus_`. */
export const BUS_STATS: { readonly [Name in Exclude<keyof BusStats, "name" | "whyAway">]: Stat } = {
  state: row("gauge", "1 or 0", "Whether the mob has joined its bus, and the engine can be reached", {
    metric: "joined",
    label: "bus",
  }),
  awayFor: row("gauge", "ms", "For how long the bus has been away", { metric: "away" }),
  sequence: row("gauge", "messages", "The sequence of the last message that came"),
  sent: row("counter", "frames and bytes", "What connections and the application have sent, and went to the bus"),
  returned: row("counter", "frames and bytes", "What was sent, came back and was published"),
  inFlight: row("gauge", "frames and bytes", "What was sent and is on its way"),
  lost: row("counter", "frames and bytes", "What was sent and will never come back"),
  received: row("counter", "frames and bytes", "What came from other mobs, and was published"),
  missedBatches: row("counter", "batches", "Batches of other mobs that were missed, as far as their numbers tell"),
  gaps: row("counter", "gaps", "How many times something was missed"),
  restarts: row("counter", "restarts", "How many times the stream of the bus began anew"),
  resent: row("counter", "messages", "Messages that were sent again, since it was not known whether they were stored"),
  repeated: row("counter", "messages", "Messages that came a second time, and were dropped"),
  refused: row("counter", "messages", "Messages that were not of mobs of this bus, and were dropped"),
};
