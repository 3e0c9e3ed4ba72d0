/**
 * The page of a mob: it opens a line to the server, and shows what comes.
 *
 * @module
 */

import type { ConnectionList, StatusReport } from "../report.ts";
import type { ConnectionSort } from "../stats.ts";
import { type Level, type Look, verdictsOf } from "../verdict.ts";
import { type Words, wordsOf } from "../words.ts";
import { Chart, timeOf } from "./chart.ts";
import { byId, make, setAttribute, setText } from "./dom.ts";
import { showEvents } from "./events.ts";
import { History, type Sample } from "./history.ts";
import { fetchConnections, openLine } from "./live.ts";
import { showBus, showClosed, showDistributions, showFigures, showListeners, showProcess } from "./panels.ts";
import { listenToSorting, showConnections } from "./table.ts";

/** How many addresses of connections are remembered, for the log. */
const ADDRESSES = 2000;

/** Of how many reports the events wait while the page is paused or hidden. */
const UNTOLD = 100;

const MARKS: Readonly<Record<Level, readonly [mark: string, badge: string]>> = {
  ok: ["✓", "ok"],
  warning: ["!", "attention"],
  trouble: ["✕", "trouble"],
};

const history = new History();
const addresses = new Map<string, string>();
let sort: ConnectionSort = "lag";
let paused = false;
let awaySince: number | undefined;
/** Tells of what happened while the page was paused or hidden. */
const untold: (() => void)[] = [];
/** What a screen reader was told last. */
let told = "";
/** The last look, and the list in the order that a person chose. */
let last: { readonly look: Look; readonly list: ConnectionList } | undefined;

const tell = (text: string): void => setText(byId("reading"), text);
const deliveries = new Chart(byId("chart-deliveries"), "Deliveries a second", tell);
const frames = new Chart(byId("chart-frames"), "Frames a second", tell);

openLine({ onReport, onOpen: () => history.restart(), onAway });
listenToSorting((chosen) => {
  sort = chosen;
  if (last) void fetchConnections(sort).then((list) => show({ look: last!.look, list }, true), () => {});
});
byId("pause").addEventListener("click", () => {
  paused = !paused;
  setText(byId("pause"), paused ? "Go on" : "Pause");
  setAttribute(byId("pause"), "aria-pressed", `${paused}`);
  showLink();
  if (!paused && last) show(last, true);
});
document.addEventListener("visibilitychange", () => {
  if (last) show(last);
});

async function onReport(report: StatusReport): Promise<void> {
  const at = Date.now();
  try {
    const list = await fetchConnections("lag");
    const look = { report, list };
    history.add(look, at);
    for (const { token, remoteAddress } of list.connections) addresses.set(token, remoteAddress);
    for (const token of addresses.keys()) if (addresses.size > ADDRESSES) addresses.delete(token);
    untold.push(() =>
      showEvents(report.events ?? [], (time) => at - (report.now - time), (token) => addresses.get(token))
    );
    if (untold.length > UNTOLD) untold.shift();
    awaySince = undefined;
    show({ look, list: sort === "lag" ? list : await fetchConnections(sort) });
  } catch (error) {
    // When the server went away in between, the line tells of it.
    if (!(error instanceof TypeError)) setText(byId("headline"), `Cannot list the connections: ${error}.`);
  }
}

/** The line broke, or could not be opened again. */
function onAway(): void {
  awaySince ??= Date.now();
  history.restart();
  const text = `No connection to the server since ${timeOf(awaySince)}, trying again.`;
  setText(byId("headline"), text);
  const shown = history.samples.at(-1);
  byId("more").replaceChildren(...(shown ? [make("li", {}, `What is below was so at ${timeOf(shown.at)}.`)] : []));
  setText(byId("mark"), "?");
  setText(byId("badge"), "away");
  setAttribute(document.body, "data-level", "away");
  sayOnce("away", text);
  showLink();
}

function showLink(): void {
  const link = awaySince !== undefined ? "away" : paused ? "paused" : "live";
  setAttribute(document.body, "data-link", link);
  const samples = history.samples.at(-1);
  setText(
    byId("link"),
    link === "away" ? "no connection" : link === "paused" && samples ? `paused at ${timeOf(samples.at)}` : link,
  );
}

function show(now: NonNullable<typeof last>, anyway = false): void {
  last = now;
  const sample = history.samples.at(-1);
  if (awaySince !== undefined || sample === undefined || document.hidden || (paused && !anyway)) return;
  for (const tellOfEvents of untold.splice(0)) tellOfEvents();
  const { look, list } = now;
  const words = wordsOf(look, history.earlier, history.ago(10_000));
  showWords(words, look.report);
  showFigures(look, sample.rates);
  const chosen = { report: look.report, list };
  const verdicts = list === look.list ? words.verdicts : verdictsOf(chosen, history.earlier);
  showConnections(chosen, verdicts, history, sort === "lag");
  showListeners(look.report);
  showDistributions(look.report, history.ago(60_000));
  showClosed(look.report, history.ago(60_000));
  showBus(look.report);
  showProcess(look.report, sample.rates);
  const line = (value: (rates: NonNullable<Sample["rates"]>) => number): Parameters<Chart["draw"]>[0] =>
    history.samples.map(({ at, rates }) => ({ at, value: rates && value(rates) }));
  deliveries.draw(line((rates) => rates.deliveredFrames), sample.at, history.span);
  frames.draw(line((rates) => rates.publishedFrames), sample.at, history.span);
  showLink();
  beat();
}

function showWords({ level, sentences }: Words, { server }: StatusReport): void {
  const [first, ...others] = sentences;
  setAttribute(document.body, "data-level", level);
  setText(byId("headline"), first!.text);
  byId("more").replaceChildren(...others.map((other) => make("li", { "data-level": other.level }, other.text)));
  const [mark, badge] = MARKS[level];
  setText(byId("mark"), mark);
  setText(byId("badge"), server.state === "open" ? badge : server.state);
  setText(document.querySelector("title")!, level === "ok" ? "mobcast" : `${mark} mobcast: ${badge}`);
  sayOnce(sentences.map(({ about }) => about).join(), sentences.map(({ text }) => text).join(" "));
}

/** Lets screen readers say what is new: not each second how the figures in it change. */
function sayOnce(about: string, text: string): void {
  if (about === told) return;
  told = about;
  setText(byId("said"), text);
}

function beat(): void {
  const pulse = byId("pulse");
  pulse.classList.remove("beat");
  // The animation begins anew only after a layout without it.
  void pulse.offsetWidth;
  pulse.classList.add("beat");
}
