/**
 * The list of connections, sorted, and as much of it as was asked for.
 *
 * @module
 */

import { type Checks, isOneOf, isWhole } from "../check.ts";
import type { Connection } from "./connection.ts";
import { bytesSkipped, deliveryCounts, joinedIn } from "./counters.ts";
import type { Slab } from "../reactor/slab.ts";
import { CONNECTION_SORTS, type ConnectionQuery, type ConnectionSort, type ConnectionStats } from "../status/stats.ts";
import type { Timeouts } from "./timeouts.ts";

/** What each part of a {@link ConnectionQuery} has to be. */
export const QUERY_CHECKS: Checks = {
  sort: /* @__PURE__ */ isOneOf(CONNECTION_SORTS),
  limit: /* @__PURE__ */ isWhole("connections", 0, Infinity),
  offset: /* @__PURE__ */ isWhole("connections", 0, Infinity),
};

/** The number that a list is sorted by, for each connection. */
const KEYS: { readonly [Sort in ConnectionSort]: (connection: Connection) => number } = {
  lag: (connection) => connection.feed.lag(connection),
  age: ({ since }) => -since,
  received: ({ bytesReceived }) => bytesReceived,
  delivered: ({ bytesDelivered }) => bytesDelivered,
  skipped: bytesSkipped,
  receiveBytes: ({ receiveBytes }) => receiveBytes,
};

/** A connection with its place in the order. */
interface Entry {
  readonly connection: Connection;
  readonly key: number;
}

/**
 * The connections that have joined, the largest first and the older of equals before the younger. Only the key is
 * computed of those that are not listed.
 */
export function listConnections(
  slab: Slab<Connection>,
  { sort = "lag", limit = Infinity, offset = 0 }: ConnectionQuery,
  now: number,
  timeouts: Timeouts,
): ConnectionStats[] {
  return firstOf(slab, KEYS[sort], offset + limit).slice(offset).map(({ connection }) =>
    statsOf(connection, now, timeouts)
  );
}

/** The first `most` of all connections, in order. */
function firstOf(slab: Slab<Connection>, keyOf: (connection: Connection) => number, most: number): Entry[] {
  const entries: Entry[] = [];
  // More than twice as many are cut to the first: each cut costs as much as it takes away.
  const room = Math.max(2 * most, 64);
  let least: Entry | undefined;
  for (const connection of joinedIn(slab)) {
    const key = keyOf(connection);
    if (least && (key < least.key || key === least.key && connection.since >= least.connection.since)) continue;
    entries.push({ connection, key });
    if (entries.length <= room) continue;
    least = cut(entries, most);
  }
  cut(entries, most);
  return entries;
}

/** Sorts the entries, and keeps the first `most`. Returns the last of them. */
function cut(entries: Entry[], most: number): Entry | undefined {
  // Stable: equals stay in the order of their slots.
  entries.sort((one, other) => other.key - one.key || one.connection.since - other.connection.since);
  if (entries.length > most) entries.length = most;
  return entries[most - 1];
}

function statsOf(connection: Connection, now: number, timeouts: Timeouts): ConnectionStats {
  const age = now - connection.since;
  const seconds = Math.max(age, 1) / 1000;
  return {
    token: connection.token,
    remoteAddress: connection.socket.remoteAddress,
    listener: connection.listener?.url,
    age,
    ...deliveryCounts(connection),
    receivedRate: connection.bytesReceived / seconds,
    deliveredRate: connection.bytesDelivered / seconds,
    paused: connection.paused,
    stallsIn: timeouts.stallsIn(connection),
    receiveBytes: connection.receiveBytes,
  };
}
