/**
 * The counters: the accounts of a mob, over those who are here and those who were.
 *
 * @module
 */

import type { Feed } from "../broadcast/feed.ts";
import type { Connection } from "./connection.ts";
import type { Slab } from "../reactor/slab.ts";
import {
  type CloseReason,
  type ConnectionStats,
  type Count,
  type DeliveryCounts,
  type MobStats,
  noneClosed,
} from "./stats.ts";

/** Counts what no connection counts for itself, and adds up those that do. */
export class Counters {
  /** Connections that ever joined. */
  joined = 0;
  /** Events for connections that were gone. */
  staleEvents = 0;
  /** Ticks handled. */
  ticks = 0;
  readonly #left: Record<CloseReason, number> = noneClosed();
  readonly #departed: Totals = noTotals();
  readonly #undelivered: Count = { frames: 0, bytes: 0 };
  #pings = 0;

  /** Somebody was kept out. */
  rejected(reason: CloseReason): void {
    this.#left[reason]++;
  }

  /** A connection left, with these accounts. */
  closed(connection: Connection, reason: CloseReason, accounts: DeliveryCounts): void {
    this.#left[reason]++;
    this.#pings += connection.decoder.pings;
    addAccounts(this.#departed, accounts);
    addVolume(this.#undelivered, accounts.lag);
  }

  /** The accounts of everybody. Takes time in proportion to the connections: for people, not for every tick. */
  stats(slab: Slab<Connection>, broadcast: Feed, listeners: AdmissionStats): MobStats {
    const totals = noTotals();
    addAccounts(totals, { ...this.#departed, lag: { frames: 0, bytes: 0 } });
    let pings = this.#pings;
    let connections = 0;
    for (const connection of members(slab)) {
      connections++;
      addAccounts(totals, deliveryCounts(connection, broadcast));
      pings += connection.decoder.pings;
    }
    return {
      ...totals,
      undelivered: { ...this.#undelivered },
      connections,
      unauthenticated: slab.size - connections,
      joined: this.joined,
      closed: { ...this.#left },
      published: { frames: broadcast.log.frames, bytes: broadcast.log.end },
      pings,
      staleEvents: this.staleEvents,
      ...listeners,
      ticks: this.ticks,
      writes: broadcast.writes,
      logBytes: broadcast.log.retainedBytes,
    };
  }

  /** Everybody who is here, the furthest behind first. */
  connections(slab: Slab<Connection>, broadcast: Feed, now: number): ConnectionStats[] {
    const list = Array.from(members(slab), (connection): ConnectionStats => {
      const age = now - connection.since;
      const seconds = Math.max(age, 1) / 1000;
      return {
        token: connection.token,
        remoteAddress: connection.socket.remoteAddress,
        age,
        ...deliveryCounts(connection, broadcast),
        receivedRate: connection.bytesIn / seconds,
        deliveredRate: connection.bytesDelivered / seconds,
        paused: connection.paused,
      };
    });
    return list.sort((one, other) => other.lag.bytes - one.lag.bytes || other.age - one.age);
  }
}

/** What is counted at the listeners. */
export type AdmissionStats = Pick<MobStats, "handshakes" | "acceptFailures">;

/** Everybody but unauthenticated connections. */
function* members(slab: Slab<Connection>): Iterable<Connection> {
  for (const connection of slab.values()) if (connection.receiving === undefined) yield connection;
}

/** The accounts of one connection. Frames are counted when asked for, not when given. */
export function deliveryCounts(connection: Connection, broadcast: Feed): DeliveryCounts {
  const { cursor, remainder, skippingAt } = connection;
  const end = broadcast.endFor(connection);
  const framesAtEnd = broadcast.framesAtEndFor(connection);
  const skipping = skippingAt !== -1;
  const bytesSkipped = connection.bytesSkipped + (skipping ? end - cursor : 0);
  const framesSkipped = connection.framesSkipped + (skipping ? framesAtEnd - skippingAt : 0);
  // One that has everything, or is skipping, may have a cursor that the log has left behind: it is not asked.
  const framesAtCursor = skipping || cursor === end ? framesAtEnd : broadcast.log.framesBefore(cursor);
  const lagFrames = framesAtEnd - framesAtCursor + (remainder === undefined ? 0 : 1);
  const published = framesAtEnd - connection.framesAtJoin;
  return {
    received: { frames: connection.framesIn, bytes: connection.bytesIn },
    delivered: { frames: published - framesSkipped - lagFrames, bytes: connection.bytesDelivered },
    skipped: { frames: framesSkipped, bytes: bytesSkipped },
    lag: { frames: lagFrames, bytes: broadcast.lag(connection) },
  };
}

type Totals = { [Name in keyof DeliveryCounts]: Count };

function noTotals(): Totals {
  return {
    received: { frames: 0, bytes: 0 },
    delivered: { frames: 0, bytes: 0 },
    skipped: { frames: 0, bytes: 0 },
    lag: { frames: 0, bytes: 0 },
  };
}

function addAccounts(to: Totals, accounts: DeliveryCounts): void {
  addVolume(to.received, accounts.received);
  addVolume(to.delivered, accounts.delivered);
  addVolume(to.skipped, accounts.skipped);
  addVolume(to.lag, accounts.lag);
}

function addVolume(to: Count, volume: Count): void {
  to.frames += volume.frames;
  to.bytes += volume.bytes;
}
