/**
 * The status of a mob as log lines: its counters, and a table of its connections.
 *
 * @module
 */

import { logger } from "../logger.ts";
import type { LogFormat } from "./serve_flags.ts";
import type { Mob } from "../server/mob.ts";
import type { ConnectionStats, MobStats } from "../status/stats.ts";
import { formatToken } from "../contract/token.ts";
import { busWords } from "../status/bus_words.ts";
import { roundSize } from "../status/figures.ts";

/** The most connections that are listed, the furthest behind first. The others are counted. */
export const LISTED = 100;

/** The columns and their widths. */
const COLUMNS: readonly (readonly [string, number])[] = [
  ["client", 22],
  ["age", 9],
  ["lag", 11],
  ["received", 13],
  ["delivered", 13],
  ["skipped", 8],
  ["", 6],
];

/** Logs the main counters and a line for each connection, at level info: as an aligned table, or as one event. */
export function logStatus(mob: Mob, format: LogFormat): void {
  logStats(mob.stats(), mob.connections({ limit: LISTED }), format);
}

/** The same for numbers that are there: the connections are some of those that are counted. */
export function logStats(stats: MobStats, connections: readonly ConnectionStats[], format: LogFormat): void {
  if (format === "json") return logData(stats, connections);
  logger.info("{summary}", { summary: summarize(stats), ...stats });
  if (connections.length === 0) return;
  logger.info(toRow(COLUMNS.map(([name]) => name)));
  for (const connection of connections) {
    logger.info("{row}", { row: describeConnection(connection), ...connection, token: formatToken(connection.token) });
  }
  const more = stats.connections - connections.length;
  if (more > 0) logger.info("and {more} more", { more });
}

/** The same as one event, all of it in fields: numbers without units, in bytes and whole milliseconds. */
function logData(stats: MobStats, connections: readonly ConnectionStats[]): void {
  logger.info("Status: {connections} connections", {
    ...stats,
    connectionList: connections.map((connection) => ({
      ...connection,
      token: formatToken(connection.token),
      age: Math.round(connection.age),
      receivedRate: Math.round(connection.receivedRate),
      deliveredRate: Math.round(connection.deliveredRate),
    })),
    unlisted: stats.connections - connections.length,
  });
}

function summarize(stats: MobStats): string {
  const { connections, joined, published, delivered, skipped, lag, logBytes } = stats;
  const closed = Object.entries(stats.closed).filter(([, count]) => count > 0);
  return [
    `connections ${connections}, joined ${joined}`,
    `closed ${closed.length > 0 ? closed.flat().join(" ") : "none"}`,
    `published ${published.frames} frames ${roundSize(published.bytes)}`,
    `delivered ${roundSize(delivered.bytes)}`,
    `skipped ${roundSize(skipped.bytes)}`,
    `lag ${roundSize(lag.bytes)}`,
    `log ${roundSize(logBytes)}`,
    ...(stats.bus === undefined ? [] : [`bus ${busWords(stats.bus)}`]),
  ].join(", ");
}

function describeConnection(
  { remoteAddress, age, lag, receivedRate, deliveredRate, skipped, paused }: ConnectionStats,
): string {
  return toRow([
    remoteAddress,
    `${(age / 1000).toFixed(1)}s`,
    roundSize(lag.bytes),
    `${roundSize(receivedRate)}/s`,
    `${roundSize(deliveredRate)}/s`,
    `${skipped.frames}`,
    paused ? "paused" : "",
  ]);
}

function toRow(cells: readonly string[]): string {
  return cells.map((cell, index) => cell.padEnd(COLUMNS[index]![1])).join(" ").trimEnd();
}
