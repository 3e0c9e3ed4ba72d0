/**
 * The connections: what is pending for each, and what will happen to it.
 *
 * @module
 */

import { roundAge, roundCount, roundSize } from "../figures.ts";
import type { ConnectionList, ListedConnection } from "../report.ts";
import type { StatusOptions } from "../source.ts";
import type { ConnectionSort } from "../stats.ts";
import type { Look, Verdict } from "../verdict.ts";
import { byId, keep, make, makeSvg, setAttribute, setText } from "./dom.ts";
import type { History } from "./history.ts";

/** What a sparkline is drawn in. */
const [WIDTH, HEIGHT, LOOKS] = [60, 20, 60];

/** How many connections are listed at least, if there are so many. */
const FEWEST = 8;

const STALLED = "When it takes nothing for";

/** What happens to a connection that is over `maxLag` behind, or takes nothing for `stallTimeout`. */
const POLICIES: Readonly<Record<StatusOptions["slowConsumer"], (lag: string, time: string) => string>> = {
  disconnect: (lag, time) => `A connection that is over ${lag} behind, or takes nothing for ${time}, is disconnected.`,
  skip: (lag, time) =>
    `A connection that is over ${lag} behind misses frames until it reads again. ${STALLED} ${time}, it is disconnected.`,
  block: (lag, time) =>
    `A connection that is over ${lag} behind holds all others back until it reads again. ${STALLED} ${time}, it is disconnected.`,
};

/** A connection, what will happen to it, and how it was a few seconds ago. */
interface Row {
  readonly connection: ListedConnection;
  readonly verdict: Verdict;
  readonly rate: number | undefined;
  readonly lags: readonly number[];
  readonly maxLag: number;
}

/** Lets a person choose what comes first. */
export function listenToSorting(change: (sort: ConnectionSort) => void): void {
  const heads = [...document.querySelectorAll("[data-sort]")];
  for (const head of heads) {
    head.querySelector("button")!.addEventListener("click", () => {
      for (const other of heads) setAttribute(other, "aria-sort", other === head ? "descending" : undefined);
      change(head.getAttribute("data-sort") as ConnectionSort);
    });
  }
}

/** Shows connections with their verdicts, which are in the same order. */
export function showConnections(look: Look, verdicts: readonly Verdict[], history: History, isLag: boolean): void {
  const { list, report: { options: { maxLag, slowConsumer, stallTimeout } } } = look;
  const all = list.connections.map((connection, index): Row => ({
    connection,
    verdict: verdicts[index]!,
    rate: rateOf(connection, list, history.earlier?.list),
    lags: history.lagsOf(connection.token),
    maxLag,
  }));
  // Those that are not behind are only listed to show what that looks like, unless a person has asked for them.
  const rows = all.filter(({ verdict }, index) => index < FEWEST || !isLag || verdict.fate !== "current");
  const shown = rows.length;
  const which = isLag && list.connections[0]?.lag.bytes
    ? `the ${roundCount(shown)} furthest behind`
    : roundCount(shown);
  setText(byId("listed"), shown < list.total ? `${which} of ${roundCount(list.total)}` : "");
  setText(byId("policy"), POLICIES[slowConsumer](roundSize(maxLag), roundAge(stallTimeout)));
  byId("none").hidden = shown > 0;
  byId("list").hidden = shown === 0;
  keep(byId("list").querySelector("tbody")!, rows, ({ connection }) => connection.token, createRow, updateRow);
}

/** Bytes a second that were delivered to it lately. */
function rateOf(connection: ListedConnection, { now }: ConnectionList, before?: ConnectionList): number | undefined {
  const prior = before?.connections.find(({ token }) => token === connection.token);
  const seconds = before ? (now - before.now) / 1000 : 0;
  if (!prior || seconds <= 0) return undefined;
  return Math.max(0, connection.delivered.bytes - prior.delivered.bytes) / seconds;
}

function createRow(): Element {
  const spark = makeSvg("svg", {
    class: "spark",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
  }, makeSvg("path", {}));
  const numbers = Array.from({ length: 5 }, () => make("td", { role: "cell", class: "number" }));
  return make(
    "tr",
    { role: "row" },
    make("th", { role: "rowheader", scope: "row", class: "client" }, make("span"), " ", make("small")),
    make("td", { role: "cell", class: "lag" }, make("div", {}, spark, make("span"))),
    make("td", { role: "cell", class: "verdict" }),
    ...numbers,
  );
}

function updateRow(element: Element, { connection, verdict, rate, lags, maxLag }: Row): void {
  const [client, lag, what, ...numbers] = [...element.children];
  setAttribute(element, "data-level", verdict.level);
  setText(client!.children[0]!, connection.remoteAddress);
  setText(client!.children[1]!, connection.token);
  const [spark, size] = [...lag!.firstElementChild!.children];
  setText(size!, roundSize(connection.lag.bytes));
  setAttribute(spark!, "aria-label", sparkWords(lags));
  setAttribute(spark!.firstElementChild!, "d", sparkPath(lags, maxLag));
  setText(what!, verdict.text);
  const texts = [
    rate === undefined ? "" : roundSize(rate),
    roundSize(connection.delivered.bytes),
    roundSize(connection.received.bytes),
    connection.skipped.frames === 0 ? "" : `${roundCount(connection.skipped.frames)} frames`,
    `${roundAge(connection.age)} ago`,
  ];
  texts.forEach((text, index) => setText(numbers[index]!, text));
}

/** Its upper edge is `maxLag`. */
function sparkPath(lags: readonly number[], maxLag: number): string {
  const points = lags.map((lag, index) => {
    const x = WIDTH - (Math.min(LOOKS, lags.length) - 1 - index) * WIDTH / (LOOKS - 1);
    const y = HEIGHT - 1 - (HEIGHT - 2) * Math.min(1, lag / maxLag);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return points.length === 0 ? "" : `M${points.join("L")}`;
}

function sparkWords(lags: readonly number[]): string {
  return `Its lag in the last ${lags.length} s: from ${roundSize(Math.min(...lags))} to ${
    roundSize(Math.max(...lags))
  }`;
}
