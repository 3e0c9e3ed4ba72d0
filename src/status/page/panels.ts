/**
 * The figures, the distributions and the small tables.
 *
 * @module
 */

import { quantity, roundAge, roundCount, roundRate, roundSize, roundTime } from "../figures.ts";
import { histogramSince, quantile, type Rates } from "../rates.ts";
import type { StatusReport } from "../report.ts";
import { CLOSE_REASONS, type CloseReason, type Histogram } from "../stats.ts";
import type { Look } from "../verdict.ts";
import { byId, fillBars, fillRows, keep, make, setText } from "./dom.ts";

/** The four figures. */
export function showFigures({ report, list }: Look, rates: Rates | undefined): void {
  const { stats, options } = report;
  const a = (name: string, figure: string, more: string): void => {
    setText(byId(name), figure);
    setText(byId(`${name}-more`), more);
  };
  a(
    "deliveries",
    rates ? roundRate(rates.deliveredFrames) : "–",
    [
      ...(rates ? [`${roundSize(rates.deliveredBytes)}/s`] : []),
      `${roundCount(stats.delivered.frames)} in all`,
    ].join(", "),
  );
  a(
    "frames",
    rates ? roundRate(rates.publishedFrames) : "–",
    [
      ...(rates ? [`${roundSize(rates.publishedBytes)}/s`] : []),
      `${roundCount(stats.published.frames)} in all`,
    ].join(", "),
  );
  const coming = stats.unauthenticated + stats.handshakes;
  a(
    "count",
    roundCount(stats.connections),
    [
      `of at most ${roundCount(options.maxConnections)}`,
      ...(coming > 0 ? [`${roundCount(coming)} coming in`] : []),
    ].join(", "),
  );
  const furthest = Math.max(0, ...list.connections.map(({ lag }) => lag.bytes));
  a("lag", roundSize(stats.lag.bytes), `the furthest ${roundSize(furthest)} of ${roundSize(options.maxLag)}`);
}

/** The listeners and feeds. */
export function showListeners({ stats }: StatusReport): void {
  const bars = stats.listeners.map(({ url, connections }) => ({
    label: url ?? "in the process",
    count: connections,
    text: roundCount(connections),
  }));
  fillBars(byId("listeners"), bars);
  const feeds = stats.feeds.map(({ framing, connections, published, logBytes }) => [
    framing,
    roundCount(connections),
    roundSize(published.bytes),
    roundSize(logBytes),
  ]);
  fillRows(byId("feeds"), feeds);
}

/** The distributions of lag, tick durations and delays; `past` is a report of a minute ago. */
export function showDistributions({ stats, loopDelays }: StatusReport, past: StatusReport | undefined): void {
  fillBars(byId("lags"), barsOf(stats.lagSizes, (bytes) => bytes === 0 ? "none" : plainSize(bytes)));
  const time = (milliseconds: number): string =>
    milliseconds >= 1000 ? `${milliseconds / 1000} s` : `${milliseconds} ms`;
  const both: [string, string, Histogram][] = [
    ["ticks", "No tick in this minute", histogramSince(stats.tickDurations, past?.stats.tickDurations)],
    ["delays", "Not measured yet", histogramSince(loopDelays, past?.loopDelays)],
  ];
  for (const [name, none, histogram] of both) {
    fillBars(byId(name), barsOf(histogram, time));
    setText(byId(`${name}-more`), shares(histogram) ?? none);
  }
}

/** What half and all but one in a hundred are within. */
function shares(histogram: Histogram): string | undefined {
  const [half, most] = [quantile(histogram, 0.5), quantile(histogram, 0.99)];
  if (half === undefined || most === undefined) return undefined;
  const last = histogram.bounds.at(-1)!;
  const within = (bound: number): string =>
    bound === Infinity ? `over ${roundTime(last)}` : `up to ${roundTime(bound)}`;
  return `Half ${within(half)}, 99 % ${within(most)}`;
}

function barsOf({ bounds, counts }: Histogram, words: (bound: number) => string): Parameters<typeof fillBars>[1] {
  return counts.map((count, index) => ({
    label: index < bounds.length
      ? `${bounds[index] === 0 ? "" : "≤ "}${words(bounds[index]!)}`
      : `> ${words(bounds.at(-1)!)}`,
    count,
    text: count === 0 ? "" : roundCount(count),
  }));
}

/** A size that is a whole number of its unit. */
function plainSize(bytes: number): string {
  return roundSize(bytes).replace(".0 ", " ");
}

/** What connections ended for; `past` is a report of a minute ago. */
export function showClosed({ stats }: StatusReport, past: StatusReport | undefined): void {
  const rows = (Object.entries(stats.closed) as [CloseReason, number][])
    .filter(([, count]) => count > 0)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, count]) => [
      [reason, CLOSE_REASONS[reason] ?? ""] as const,
      past ? roundCount(Math.max(0, count - past.stats.closed[reason])) : "",
      roundCount(count),
    ]);
  fillRows(byId("closed"), rows);
  byId("none-closed").hidden = rows.length > 0;
  byId("closed").parentElement!.hidden = rows.length === 0;
}

/** What the process uses. */
export function showProcess(report: StatusReport, rates: Rates | undefined): void {
  const { server, stats } = report;
  const usage = report.process;
  setText(
    byId("program"),
    [
      `${server.version} on ${server.runtime}`,
      ...(server.threads ? [`${server.threads} threads`] : []),
      ...(usage ? [`process ${usage.pid}`, `up ${roundAge(usage.uptime)}`] : []),
    ].join(" · "),
  );
  const pairs: [string, string][] = [
    ...(usage
      ? [
        ["Memory of the process", roundSize(usage.residentBytes)],
        ["Heap", roundSize(usage.heapBytes)],
        ["Processor", rates?.cpu === undefined ? "" : `${Math.round(rates.cpu * 100)} % of one core`],
      ] as [string, string][]
      : []),
    ["Log", roundSize(stats.logBytes)],
    ["Receive buffers", roundSize(stats.receiveBytes)],
    ["Taken by publish(), not yet published", roundSize(stats.bufferedAmount)],
    ["Ticks a second", rates ? roundRate(rates.ticks) : ""],
    ["Joined since the start", quantity(stats.joined, "connection")],
    ["Withheld by onMessage", quantity(stats.withheld.frames, "frame")],
    ["Hooks that failed", roundCount(stats.hookFailures)],
    ["Accepts that failed", roundCount(stats.acceptFailures)],
  ];
  showPairs("process", pairs);
}

/** The bus, where there is one. */
export function showBus({ stats: { bus } }: StatusReport): void {
  byId("bus-card").hidden = bus === undefined;
  if (bus === undefined) return;
  const both = ({ frames, bytes }: typeof bus.sent): string => `${quantity(frames, "frame")}, ${roundSize(bytes)}`;
  showPairs("bus", [
    ["Name", bus.name],
    ["State", bus.state === "joined" ? bus.state : `${bus.state} for ${roundAge(bus.awayFor)}`],
    ["Sequence", roundCount(bus.sequence)],
    ["Sent", both(bus.sent)],
    ["On its way", both(bus.inFlight)],
    ["Never back", both(bus.lost)],
    ["From other mobs", both(bus.received)],
    ["Gaps", roundCount(bus.gaps)],
    ["Began anew", quantity(bus.restarts, "time")],
    ["Refused", quantity(bus.refused, "message")],
  ]);
}

function showPairs(id: string, pairs: readonly [string, string][]): void {
  const create = ([name]: [string, string]): Element => make("div", {}, make("dt", {}, name), make("dd"));
  keep(byId(id), pairs, ([name]) => name, create, (element, [, text]) => setText(element.lastElementChild!, text));
}
