/**
 * The command `stats`: how a server is, once.
 *
 * @module
 */

import { busWords, runtimeWords } from "../status/bus_words.ts";
import { quantity, roundAge, roundCount, roundSize, roundTime } from "../status/figures.ts";
import { quantile } from "../status/rates.ts";
import type { StatusReport } from "../status/report.ts";
import type { Histogram } from "../status/stats.ts";
import type { BusStats } from "../bus/bus_stats.ts";
import type { Count } from "../broadcast/subscriber.ts";
import { escapeJson } from "./sanitize.ts";
import { oneLine, type Session } from "./session.ts";
import { openStatus, type StatusFlags } from "./status_flags.ts";

/** The options of `stats`. */
export interface StatsFlags extends StatusFlags {
  /** Whether the report is printed as it is. */
  readonly json: boolean;
}

/** Prints how a server is. */
export async function runStats(session: Session, url: string, flags: StatsFlags): Promise<number> {
  const { terminal: { stdout }, stop } = session;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  stop.addEventListener("abort", end, { once: true });
  const client = await openStatus(session, url, flags, ending.signal);
  try {
    await stdout.write(flags.json ? `${escapeJson((await client.text()).trim())}\n` : tell(await client.report()));
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  }
  return 0;
}

type Row = readonly [name: string, value: string];

/** A report in groups, a value a line. */
export function tell(report: StatusReport): string {
  const groups = groupsOf(report);
  const width = Math.max(...groups.flatMap(([, rows]) => rows.map(([name]) => name.length)));
  return groups.map(([title, rows]) => {
    const lines = rows.map(([name, value]) => `  ${oneLine(name).padEnd(width)}  ${oneLine(value)}\n`);
    return `${title}\n${lines.join("")}`;
  }).join("\n");
}

function groupsOf({ server, options, stats, process: usage, loopDelays }: StatusReport): [string, Row[]][] {
  const { closed } = stats;
  const ended = Object.entries(closed).filter(([, count]) => count > 0);
  const endings = ended.reduce((sum, [, count]) => sum + count, 0);
  return [
    ["Server", [
      ["version", `mobcast ${server.version} on ${runtimeWords(server)}`],
      ["state", server.state],
      ...(usage === undefined ? [] : [
        ["process", `${usage.pid}, up ${roundAge(usage.uptime)}`],
        ["memory", `${roundSize(usage.residentBytes)}, of which objects ${roundSize(usage.heapBytes)}`],
        ["processor time", roundTime(usage.cpuSeconds * 1000)],
      ] as const),
    ]],
    ["Connections", [
      ["now", `${roundCount(stats.connections)} of at most ${roundCount(options.maxConnections)}`],
      ...stats.listeners.map(({ url, connections }): Row => [`  ${url ?? "mob.join()"}`, roundCount(connections)]),
      ["not joined yet", roundCount(stats.unauthenticated)],
      ["TLS handshakes", roundCount(stats.handshakes)],
      ["ever joined", roundCount(stats.joined)],
      ["ended", roundCount(endings)],
      ...ended.map(([reason, count]): Row => [`  ${reason}`, roundCount(count)]),
      ["failed accepts", roundCount(stats.acceptFailures)],
    ]],
    ["Messages", [
      ["received", counted(stats.received)],
      ["published", counted(stats.published)],
      ["delivered", counted(stats.delivered)],
      ["skipped", counted(stats.skipped)],
      ["replayed", counted(stats.replayed)],
      ["withheld", counted(stats.withheld)],
      ["undelivered", counted(stats.undelivered)],
      ["pings", roundCount(stats.pings)],
      ["failed hooks", roundCount(stats.hookFailures)],
      ...stats.feeds.map((feed): Row => [
        `feed ${feed.framing}`,
        `${roundCount(feed.connections)} connections, ${counted(feed.published)}, log ${roundSize(feed.logBytes)}`,
      ]),
    ]],
    ["Behind", [
      ["lag of all", counted(stats.lag)],
      ["lag of each", spread(stats.lagSizes, roundSize)],
      ["limit", limitOf(options)],
    ]],
    ...(stats.bus === undefined ? [] : [["Bus", busRows(stats.bus)] as [string, Row[]]]),
    ["Memory", [
      ["log", roundSize(stats.logBytes)],
      ["receive buffers", roundSize(stats.receiveBytes)],
      ["taken by publish()", roundSize(stats.bufferedAmount)],
    ]],
    ["Work", [
      ["ticks", roundCount(stats.ticks)],
      ["tick duration", spread(stats.tickDurations, roundTime)],
      ["event loop delay", spread(loopDelays, roundTime)],
      ["writes", roundCount(stats.writes)],
      ["stale events", roundCount(stats.staleEvents)],
    ]],
  ];
}

function busRows(bus: BusStats): Row[] {
  return [
    ["now", busWords(bus)],
    ...(bus.whyAway === undefined ? [] : [["away", bus.whyAway]] as const),
    ["sent", counted(bus.sent)],
    ["returned", counted(bus.returned)],
    ["lost", counted(bus.lost)],
    ["from other mobs", counted(bus.received)],
    ["missed batches", roundCount(bus.missedBatches)],
    ["began anew", quantity(bus.restarts, "time")],
    ["sent again", quantity(bus.resent, "message")],
    ["dropped", `${roundCount(bus.repeated)} repeated, ${roundCount(bus.refused)} refused`],
  ];
}

function counted({ frames, bytes }: Count): string {
  return `${roundCount(frames)} ${frames === 1 ? "frame" : "frames"}, ${roundSize(bytes)}`;
}

const SHARES = [[0.5, "half"], [0.99, "99 %"], [1, "all"]] as const;

/** Within which bounds the values lie: `half ≤ 0.1 ms, 99 % ≤ 1 ms, all ≤ 10 ms`. */
function spread(histogram: Histogram, round: (value: number) => string): string {
  if (histogram.count === 0) return "not measured";
  return SHARES.map(([share, name]) => {
    const bound = quantile(histogram, share)!;
    return bound === Infinity ? `${name} > ${round(histogram.bounds.at(-1) ?? 0)}` : `${name} ≤ ${round(bound)}`;
  }).join(", ");
}

/** What happens to a connection that is behind: `disconnected over 16 MiB, or when it takes nothing for 30 s`. */
function limitOf({ slowConsumer, maxLag, stallTimeout }: StatusReport["options"]): string {
  const over = `over ${roundSize(maxLag)}`;
  const stalled = `when it takes nothing for ${roundAge(stallTimeout)}`;
  if (slowConsumer === "skip") return `misses frames ${over}, is disconnected ${stalled}`;
  if (slowConsumer === "block") return `all others wait ${over}, is disconnected ${stalled}`;
  return `is disconnected ${over}, or ${stalled}`;
}
