/**
 * The census: the accounts of a mob, over those who are here and those who were.
 *
 * @module
 */

import type { Broadcast } from "./broadcast.ts";
import type { Connection } from "./connection.ts";
import type { Slab } from "./slab.ts";
import {
  type Accounts,
  type CloseReason,
  type ConnectionStats,
  type MobStats,
  noneLeft,
  type Volume,
} from "./stats.ts";

/** Counts what no connection counts for itself, and adds up those that do. */
export class Census {
  /** Connections that ever joined. */
  joined = 0;
  /** Events for connections that were gone. */
  staleEvents = 0;
  /** Turns handled. */
  turns = 0;
  readonly #left: Record<CloseReason, number> = noneLeft();
  readonly #departed: Totals = noTotals();
  readonly #undelivered: Volume = { frames: 0, bytes: 0 };
  #pings = 0;

  /** Somebody was kept out. */
  keptOut(reason: CloseReason): void {
    this.#left[reason]++;
  }

  /** A connection left, with these accounts. */
  left(connection: Connection, reason: CloseReason, accounts: Accounts): void {
    this.#left[reason]++;
    this.#pings += connection.decoder.pings;
    addAccounts(this.#departed, accounts);
    addVolume(this.#undelivered, accounts.lag);
  }

  /** The accounts of everybody. Takes time in proportion to the connections: for people, not for every turn. */
  stats(slab: Slab<Connection>, broadcast: Broadcast, doors: DoorStats): MobStats {
    const totals = noTotals();
    addAccounts(totals, { ...this.#departed, lag: { frames: 0, bytes: 0 } });
    let pings = this.#pings;
    let connections = 0;
    for (const connection of members(slab)) {
      connections++;
      addAccounts(totals, accountsOf(connection, broadcast));
      pings += connection.decoder.pings;
    }
    return {
      ...totals,
      undelivered: { ...this.#undelivered },
      connections,
      strangers: slab.size - connections,
      joined: this.joined,
      left: { ...this.#left },
      published: { frames: broadcast.log.frames, bytes: broadcast.log.end },
      pings,
      staleEvents: this.staleEvents,
      ...doors,
      turns: this.turns,
      writes: broadcast.writes,
      logHeld: broadcast.log.held,
    };
  }

  /** Everybody who is here, the furthest behind first. */
  connections(slab: Slab<Connection>, broadcast: Broadcast, now: number): ConnectionStats[] {
    const list = Array.from(members(slab), (connection): ConnectionStats => {
      const age = now - connection.since;
      const seconds = Math.max(age, 1) / 1000;
      return {
        token: connection.token,
        peer: connection.socket.peer,
        age,
        ...accountsOf(connection, broadcast),
        inRate: connection.bytesIn / seconds,
        givenRate: connection.bytesGiven / seconds,
        paused: connection.paused,
      };
    });
    return list.sort((one, other) => other.lag.bytes - one.lag.bytes || other.age - one.age);
  }
}

/** What is counted at the doors. */
export type DoorStats = Pick<MobStats, "handshakes" | "acceptFailures">;

/** Everybody but strangers. */
function* members(slab: Slab<Connection>): Iterable<Connection> {
  for (const connection of slab.values()) if (connection.hearing === undefined) yield connection;
}

/** The accounts of one connection. Frames are counted when asked for, not when given. */
export function accountsOf(connection: Connection, broadcast: Broadcast): Accounts {
  const { cursor, remainder, adriftAt } = connection;
  const end = broadcast.endFor(connection);
  const framesAtEnd = broadcast.framesAtEndFor(connection);
  const adrift = adriftAt !== -1;
  const bytesSkipped = connection.bytesSkipped + (adrift ? end - cursor : 0);
  const framesSkipped = connection.framesSkipped + (adrift ? framesAtEnd - adriftAt : 0);
  // One that has everything, or is adrift, may have a cursor that the log has left behind: it is not asked.
  const framesAtCursor = adrift || cursor === end ? framesAtEnd : broadcast.log.framesBefore(cursor);
  const lagFrames = framesAtEnd - framesAtCursor + (remainder === undefined ? 0 : 1);
  const published = framesAtEnd - connection.framesAtJoin;
  return {
    in: { frames: connection.framesIn, bytes: connection.bytesIn },
    given: { frames: published - framesSkipped - lagFrames, bytes: connection.bytesGiven },
    skipped: { frames: framesSkipped, bytes: bytesSkipped },
    lag: { frames: lagFrames, bytes: broadcast.lag(connection) },
  };
}

type Totals = { [Name in keyof Accounts]: Volume };

function noTotals(): Totals {
  return {
    in: { frames: 0, bytes: 0 },
    given: { frames: 0, bytes: 0 },
    skipped: { frames: 0, bytes: 0 },
    lag: { frames: 0, bytes: 0 },
  };
}

function addAccounts(to: Totals, accounts: Accounts): void {
  addVolume(to.in, accounts.in);
  addVolume(to.given, accounts.given);
  addVolume(to.skipped, accounts.skipped);
  addVolume(to.lag, accounts.lag);
}

function addVolume(to: Volume, volume: Volume): void {
  to.frames += volume.frames;
  to.bytes += volume.bytes;
}
