/**
 * The counters of a mob, over the connections of now and those that have left.
 *
 * @module
 */

import type { Count } from "../broadcast/subscriber.ts";
import type { Publisher } from "../broadcast/publisher.ts";
import type { Connection } from "./connection.ts";
import type { Listener } from "./listener.ts";
import type { Slab } from "../reactor/slab.ts";
import { DURATION_BOUNDS, HistogramCounter, LAG_BOUNDS } from "../status/histogram.ts";
import { type CloseReason, type DeliveryCounts, type FeedStats, type MobStats, noneClosed } from "../status/stats.ts";

/** Counts what no connection counts for itself, and adds up the counts of all connections. */
export class Counters {
  /** Connections that have ever joined. */
  joined = 0;
  /** Events for connections that were gone. */
  staleEvents = 0;
  /** How long ticks took, in milliseconds. */
  readonly tickDurations: HistogramCounter = new HistogramCounter(DURATION_BOUNDS);
  readonly #left: Record<CloseReason, number> = noneClosed();
  /** The counts of all that have left: their lag is what was never delivered. */
  readonly #departed: Totals = noTotals();
  #pings = 0;
  #gone = 0;

  /** Connections now, without a walk. */
  get connections(): number {
    return this.joined - this.#gone;
  }

  /** A connection ended before it joined. */
  rejected(reason: CloseReason): void {
    this.#left[reason]++;
  }

  /** A connection left, with these counts. */
  closed(connection: Connection, reason: CloseReason, counts: DeliveryCounts): void {
    this.#left[reason]++;
    this.#pings += connection.pings;
    this.#gone++;
    addCounts(this.#departed, counts);
  }

  /** Everything that is counted. Walks all connections: for people, not for every tick. */
  stats(
    slab: Slab<Connection>,
    listeners: readonly Listener[],
    publisher: Publisher<Connection>,
    others: OtherStats,
  ): MobStats {
    const totals = noTotals();
    addCounts(totals, { ...this.#departed, lag: noCount() });
    let pings = this.#pings;
    let unauthenticated = 0;
    const lagSizes = new HistogramCounter(LAG_BOUNDS);
    const byListener = new Map<Listener | undefined, number>(listeners.map((listener) => [listener, 0]));
    for (const connection of slab.values()) {
      if (connection.phase === "handshaking") unauthenticated++;
      if (!connection.joined) continue;
      const counts = deliveryCounts(connection);
      addCounts(totals, counts);
      lagSizes.add(counts.lag.bytes);
      byListener.set(connection.listener, (byListener.get(connection.listener) ?? 0) + 1);
      pings += connection.pings;
    }
    return {
      ...totals,
      undelivered: { ...this.#departed.lag },
      connections: this.connections,
      unauthenticated,
      joined: this.joined,
      closed: { ...this.#left },
      published: { ...publisher.published },
      listeners: Array.from(byListener, ([listener, connections]) => ({ url: listener?.url, connections })),
      lagSizes: lagSizes.histogram,
      feeds: publisher.feeds.map(feedStats),
      pings,
      staleEvents: this.staleEvents,
      ...others,
      ticks: this.tickDurations.count,
      tickDurations: this.tickDurations.histogram,
      writes: publisher.writes,
      logBytes: publisher.retainedBytes,
    };
  }
}

/** What is counted elsewhere. */
export type OtherStats = Pick<
  MobStats,
  "handshakes" | "acceptFailures" | "receiveBytes" | "withheld" | "hookFailures" | "bufferedAmount" | "bus"
>;

/** The connections that have joined. */
export function* joinedIn(slab: Slab<Connection>): Iterable<Connection> {
  for (const connection of slab.values()) if (connection.joined) yield connection;
}

/** The counts of one feed. */
function feedStats(feed: Publisher<Connection>["feeds"][number]): FeedStats {
  return {
    framing: feed.kind.name as FeedStats["framing"],
    connections: feed.subscribers,
    published: { frames: feed.log.frames + feed.uncarried, bytes: feed.log.end + feed.uncarriedBytes },
    logBytes: feed.log.retainedBytes,
  };
}

/** The counts of one connection. Frames are counted here, not when they are written. */
export function deliveryCounts(connection: Connection): DeliveryCounts {
  const { cursor, remainder, remainderFrames, skippedAt, delivery, feed } = connection;
  const end = feed.endFor(connection);
  const framesAtEnd = feed.framesAtEndFor(connection);
  const skipping = delivery === "skipping";
  const framesSkipped = connection.framesSkipped + (skipping ? framesAtEnd - skippedAt : 0);
  // The log may have dropped the cursor of a connection that has everything or is skipping: the log is not asked.
  const framesAtCursor = skipping || cursor === end ? framesAtEnd : feed.log.framesBefore(cursor);
  const lagFrames = framesAtEnd - framesAtCursor + (remainder ? remainderFrames : 0);
  const inStream = framesAtEnd - connection.framesAtStart;
  const uncarried = uncarriedFor(connection);
  return {
    received: { frames: connection.framesReceived, bytes: connection.bytesReceived },
    delivered: { frames: inStream - framesSkipped - lagFrames, bytes: connection.bytesDelivered },
    skipped: { frames: framesSkipped + uncarried.frames, bytes: bytesSkipped(connection) },
    lag: { frames: lagFrames, bytes: feed.lag(connection) },
    replayed: { frames: connection.framesReplayed, bytes: connection.bytesReplayed },
  };
}

/** The bytes that the connection missed. */
export function bytesSkipped(connection: Connection): number {
  const { bytesSkipped, delivery, cursor, feed } = connection;
  const skipping = delivery === "skipping" ? feed.endFor(connection) - cursor : 0;
  return bytesSkipped + skipping + uncarriedFor(connection).bytes;
}

/** Frames of the connection's stream that its feed could not carry. */
function uncarriedFor({ until, uncarried, uncarriedBytes, feed }: Connection): Count {
  const open = until === Infinity;
  return {
    frames: uncarried + (open ? feed.uncarried : 0),
    bytes: uncarriedBytes + (open ? feed.uncarriedBytes : 0),
  };
}

const KINDS = ["received", "delivered", "skipped", "lag", "replayed"] as const;

type Totals = { [Name in keyof DeliveryCounts]: Count };

function noTotals(): Totals {
  return Object.fromEntries(KINDS.map((kind) => [kind, noCount()])) as unknown as Totals;
}

function noCount(): Count {
  return { frames: 0, bytes: 0 };
}

function addCounts(to: Totals, counts: DeliveryCounts): void {
  for (const kind of KINDS) {
    to[kind].frames += counts[kind].frames;
    to[kind].bytes += counts[kind].bytes;
  }
}
