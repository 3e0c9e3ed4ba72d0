/**
 * Status: what a mob says of itself to those who watch it, compared with the model: connections by listener, distributions,
 * sorted lists, and the text of the metrics.
 *
 * @module
 */

import { HistogramCounter } from "../../src/status/histogram.ts";
import { metricsText } from "../../src/status/metrics.ts";
import { CONNECTION_SORTS, type ConnectionSort, type ConnectionStats, type MobStats } from "../../src/status/stats.ts";
import type { Simulation } from "./simulation.ts";

/** Checks the stats against the list of connections, and one sorted part of it. `turn` is which sort. */
export function checkStatus(
  simulation: Simulation,
  stats: MobStats,
  rows: readonly ConnectionStats[],
  turn: number,
): void {
  const wrong = (what: string): void => simulation.violate("accounts", what);
  const { connections, lagSizes, lag, ticks, tickDurations, listeners } = stats;
  const byUrl = new Map<string | undefined, number>();
  for (const { listener } of rows) byUrl.set(listener, (byUrl.get(listener) ?? 0) + 1);
  for (const { url, connections } of listeners) {
    if (connections !== (byUrl.get(url) ?? 0)) wrong(`${url} has ${connections} connections, not ${byUrl.get(url)}`);
  }
  const sum = listeners.reduce((sum, each) => sum + each.connections, 0);
  if (sum !== connections || connections !== rows.length) wrong(`listeners have ${sum} of ${connections} connections`);
  const sizes = new HistogramCounter(lagSizes.bounds);
  for (const row of rows) sizes.add(row.lag.bytes);
  if (JSON.stringify(lagSizes) !== JSON.stringify(sizes.histogram) || lagSizes.sum !== lag.bytes) {
    wrong(`the lags are ${JSON.stringify(lagSizes)}, not ${JSON.stringify(sizes.histogram)}`);
  }
  for (const { counts, count } of [lagSizes, tickDurations]) {
    if (counts.reduce((sum, each) => sum + each, 0) !== count) wrong(`${counts} are not ${count}`);
  }
  if (tickDurations.count !== ticks) wrong(`${tickDurations.count} ticks have a duration, of ${ticks}`);
  const sort = CONNECTION_SORTS[turn % CONNECTION_SORTS.length]!;
  const due = sorted(rows, sort).slice(1, 4);
  const listed = places(simulation.mob.connections({ sort, limit: 3, offset: 1 }), sort);
  if (`${listed}` !== `${due}`) wrong(`sorted by ${sort} there are ${listed}, not ${due}`);
}

/** What each row is sorted by: the value, and the age. */
function places(rows: readonly ConnectionStats[], sort: ConnectionSort): string[] {
  return rows.map((row) => `${keyOf(row, sort)} ${row.age}`);
}

function sorted(rows: readonly ConnectionStats[], sort: ConnectionSort): string[] {
  return places([...rows].sort((one, other) => keyOf(other, sort) - keyOf(one, sort) || other.age - one.age), sort);
}

function keyOf(row: ConnectionStats, sort: ConnectionSort): number {
  const value = row[sort];
  return typeof value === "number" ? value : value.bytes;
}

/** Checks that the metrics say what the mob counts. */
export function checkMetrics(simulation: Simulation): void {
  const { mob, options, now } = simulation;
  const stats = mob.stats();
  const server = { version: "0", runtime: "none 0", state: mob.state };
  const { text } = metricsText({ server, options, stats, process: undefined, loopDelays: NO_DELAYS, now });
  const said = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, value] = /^(.*) (\S+)$/.exec(line)!;
    if (said.has(name!)) simulation.violate("accounts", `the metrics have ${name} twice`);
    said.set(name!, Number(value));
  }
  for (const [name, value] of due(stats)) {
    // Seconds are milliseconds divided.
    if (Math.abs((said.get(`mobcast_${name}`) ?? NaN) - value) <= 1e-9 * value) continue;
    simulation.violate("accounts", `mobcast_${name} is ${said.get(`mobcast_${name}`)}, not ${value}`);
  }
  if (said.get("mobcast_ready") !== (simulation.closing ? 0 : 1)) {
    simulation.violate("accounts", "mobcast_ready is wrong");
  }
}

const NO_DELAYS = new HistogramCounter([]).histogram;

/** The samples that there have to be, and what they are. */
function due(stats: MobStats): [name: string, value: number][] {
  const { published, received, delivered, skipped, undelivered, withheld, replayed, lag, lagSizes, tickDurations } =
    stats;
  const list: [string, number][] = [
    ["unauthenticated", stats.unauthenticated],
    ["handshakes", stats.handshakes],
    ["joined_total", stats.joined],
    ["hook_failures_total", stats.hookFailures],
    ["accept_failures_total", stats.acceptFailures],
    ["stale_events_total", stats.staleEvents],
    ["pings_total", stats.pings],
    ["ticks_total", stats.ticks],
    ["writes_total", stats.writes],
    ["buffered_bytes", stats.bufferedAmount],
    ["log_bytes", stats.logBytes],
    ["receive_bytes", stats.receiveBytes],
    ["lag_frames", lag.frames],
    ["lag_bytes_sum", lag.bytes],
    ["lag_bytes_count", stats.connections],
    ["tick_duration_seconds_count", stats.ticks],
    ["tick_duration_seconds_sum", tickDurations.sum / 1000],
    ["listeners", stats.listeners.filter(({ url }) => url !== undefined).length],
  ];
  for (
    const [name, { frames, bytes }] of Object.entries({
      published,
      received,
      delivered,
      skipped,
      undelivered,
      withheld,
      replayed,
    })
  ) {
    list.push([`frames_${name}_total`, frames], [`${name}_bytes_total`, bytes]);
  }
  for (const [reason, count] of Object.entries(stats.closed)) list.push([`closed_total{reason="${reason}"}`, count]);
  for (const { url = "mob.join()", connections } of stats.listeners) {
    list.push([`connections{listener="${url}"}`, connections]);
  }
  let within = 0;
  [...lagSizes.bounds, "+Inf"].forEach((bound, index) => {
    within += lagSizes.counts[index]!;
    list.push([`lag_bytes_bucket{le="${bound}"}`, within]);
  });
  for (const { framing, connections, published, logBytes } of stats.feeds) {
    const label = `{framing="${framing}"}`;
    list.push([`feed_connections${label}`, connections], [`feed_log_bytes${label}`, logBytes]);
    list.push([`feed_frames_published_total${label}`, published.frames]);
    list.push([`feed_published_bytes_total${label}`, published.bytes]);
  }
  return list;
}
