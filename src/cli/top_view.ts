/**
 * The view of `top`: what is known of a server, as lines of a screen of any size.
 *
 * @module
 */

import { busWords, runtimeWords } from "../status/bus_words.ts";
import { quantity, roundAge, roundCount, roundRate, roundSize, roundTime } from "../status/figures.ts";
import { histogramSince, quantile } from "../status/rates.ts";
import type { ReportedEvent } from "../status/report.ts";
import type { ConnectionSort, Histogram } from "../status/stats.ts";
import type { Verdict } from "../status/verdict.ts";
import { cell, columnsOf, fit, wrap } from "./columns.ts";
import { type Line, lineOf, type Span } from "./full_screen.ts";
import { oneLine } from "./session.ts";
import type { Lost, Seen, WatchedConnection } from "./status_watch.ts";

/** What the person has chosen, and the room that there is. */
export interface View {
  /** The URL of the status. */
  readonly url: string;
  /** What the connections are sorted by. */
  readonly sort: ConnectionSort;
  /** How many connections are scrolled away. */
  readonly offset: number;
  /** Whether the figures stand still. */
  readonly isPaused: boolean;
  /** Why nothing is known at the moment, and for how long, in milliseconds. */
  readonly lost: Pick<Lost, "reason"> & { readonly lasted: number } | undefined;
  /** The size of the screen. */
  readonly columns: number;
  readonly rows: number;
  /** Whether keys are read, which the last line tells then. */
  readonly hasKeys: boolean;
}

/** The fewest lines for connections. */
const FEWEST = 3;

/** Rows from which there is room for what is not needed. */
const ROOMY = 24;

/** Rows up to which each one counts. */
const TIGHT = 12;

/** How many events are shown where there is room. */
const EVENTS = 4;

/** The lines of the screen, and how many of them are connections. */
export function viewOf(seen: Seen, view: View): { readonly lines: readonly Line[]; readonly listed: number } {
  const top = [titleOf(seen, view), ...wordsOf(seen, view)];
  const foot = view.hasKeys ? [keysOf(view)] : [];
  let room = view.rows - top.length - foot.length - 1 - FEWEST;
  const take = (lines: readonly Line[]): readonly Line[] => {
    const taken = lines.slice(0, Math.max(0, room));
    room -= taken.length;
    return taken;
  };
  const middle = [...take(figuresOf(seen, view))];
  if (view.rows >= ROOMY) {
    middle.push(...take([...busOf(seen, view), ...listenersOf(seen), ...endsOf(seen), lineOf("")]));
  }
  const events = view.rows >= ROOMY + 2 * EVENTS ? take(eventsOf(seen, EVENTS)) : [];
  const listed = Math.max(0, room + FEWEST);
  const table = tableOf(seen, view, listed);
  const lines = [...top, ...middle, ...table];
  if (!view.hasKeys) return { lines: [...lines, ...events], listed };
  const blank = view.rows - lines.length - events.length - foot.length;
  return { lines: [...lines, ...Array<Line>(Math.max(0, blank)).fill([]), ...events, ...foot], listed };
}

// --- the head ---

/** What the screen begins with. */
const NAME = "mobcast";

function titleOf({ report: { server, process: usage } }: Seen, { url, isPaused, columns }: View): Line {
  const mark: Span[] = isPaused ? [{ text: " paused ", style: "reverse" }, { text: " ", style: "plain" }] : [];
  const place = oneLine(url).replace(/^http:\/\/(.*)\/$/, "$1");
  const state = server.state === "open" ? "" : `${oneLine(server.state)}, `;
  const up = usage === undefined ? state.replace(", ", "") : `${state}up ${roundAge(usage.uptime)}`;
  const version = oneLine(server.version);
  // Which server it is comes first: there may be several on a screen.
  const room = columns - (isPaused ? 9 : 0) - NAME.length - columnsOf(place) - 4;
  const about = [`${version} on ${oneLine(runtimeWords(server))}, ${up}`, `${version}, ${up}`, up];
  return [
    ...mark,
    { text: NAME, style: "bold" },
    { text: `  ${place}`, style: "plain" },
    { text: `  ${about.find((text) => columnsOf(text) <= room) ?? up}`, style: "dim" },
  ];
}

function wordsOf({ words: { sentences } }: Seen, { lost, columns, rows }: View): Line[] {
  if (lost !== undefined) {
    const text = `No connection for ${roundAge(lost.lasted)}, trying again: ${oneLine(lost.reason)}`;
    return wrap(text, columns, 2).map((each) => lineOf(cell(each, columns), "reverse"));
  }
  const most = rows >= ROOMY ? 3 : rows > TIGHT ? 2 : 1;
  const shown = sentences.slice(0, most);
  return shown.flatMap(({ text, level }) => {
    const lines = wrap(oneLine(text), columns, rows > TIGHT && (shown.length === 1 || columns < 60) ? 2 : 1);
    return lines.map((each) => lineOf(each, level === "ok" ? "plain" : "bold"));
  });
}

/** The columns of a figure with its name, and of the space before the next. */
const FIGURE = 20;

/** How many figures may stand in a line: lines are full. */
const PER_LINE = [6, 4, 3, 2];

function figuresOf({ report, rates, past }: Seen, { columns }: View): Line[] {
  const { stats, process: usage, loopDelays, options } = report;
  const a = (rate: number | undefined, round: (value: number) => string = roundRate): string =>
    rate === undefined ? "-" : `${round(rate)}/s`;
  const ticks = histogramSince(stats.tickDurations, past?.stats.tickDurations);
  const late = histogramSince(loopDelays, past?.loopDelays);
  const figures: (readonly [string, string])[] = [
    ["delivered", a(rates?.deliveredFrames)],
    ["frames", a(rates?.publishedFrames)],
    ["out", a(rates?.deliveredBytes, roundSize)],
    ["in", a(rates?.receivedBytes, roundSize)],
    ["connections", roundCount(stats.connections)],
    ["lag", roundSize(stats.lag.bytes)],
    options.slowConsumer === "skip" ? ["skipped", a(rates?.skippedFrames)] : ["log", roundSize(stats.logBytes)],
    ["memory", usage === undefined ? "-" : roundSize(usage.residentBytes)],
    ["tick p50", within(ticks, 0.5)],
    ["tick p99", within(ticks, 0.99)],
    ["loop p99", within(late, 0.99)],
    ["processor", rates?.cpu === undefined ? "-" : `${Math.round(rates.cpu * 100)} %`],
  ];
  const perLine = PER_LINE.find((count) => count * FIGURE <= columns) ?? 1;
  const width = Math.floor(columns / perLine);
  const lines = figures.length / perLine;
  return Array.from(
    { length: lines },
    (_, line) =>
      figures.slice(line * perLine, (line + 1) * perLine).flatMap(([name, value]): Span[] => [
        { text: `${name} `, style: "dim" },
        { text: `${cell(value, width - name.length - 2)} `, style: "bold" },
      ]),
  );
}

/** The time within which a share of the values lies: `≤ 2.5 ms`. */
export function within(histogram: Histogram, share: number): string {
  const bound = quantile(histogram, share);
  if (bound === undefined) return "-";
  return bound === Infinity ? `> ${roundTime(histogram.bounds.at(-1) ?? 0)}` : `≤ ${roundTime(bound)}`;
}

function listenersOf({ report: { stats: { listeners } } }: Seen): Line[] {
  if (listeners.length < 2) return [];
  const parts = listeners.map(({ url, connections }) => `${oneLine(url ?? "mob.join()")} ${roundCount(connections)}`);
  return [[{ text: "listeners ", style: "dim" }, { text: parts.join(", "), style: "plain" }]];
}

function busOf({ report: { stats: { bus } } }: Seen, { columns }: View): Line[] {
  if (bus === undefined) return [];
  return [[{ text: "bus ", style: "dim" }, { text: fit(oneLine(busWords(bus)), columns - 4), style: "plain" }]];
}

function endsOf({ report: { stats: { closed } } }: Seen): Line[] {
  const ended = Object.entries(closed).filter(([, count]) => count > 0);
  if (ended.length === 0) return [];
  const parts = ended.sort(([, one], [, other]) => other - one).map(([reason, count]) =>
    `${roundCount(count)} ${oneLine(reason)}`
  );
  return [[{ text: "ended ", style: "dim" }, { text: parts.join(", "), style: "plain" }]];
}

// --- the connections ---

/** A column of the table. */
interface Column {
  readonly name: string;
  readonly width: number;
  readonly align: "left" | "right";
  text(connection: WatchedConnection): string;
}

/** The columns that are sorted by, wide enough for their largest values. */
const SORTED: Readonly<Record<ConnectionSort, Omit<Column, "align">>> = {
  lag: { name: "LAG", width: 10, text: ({ lag }) => roundSize(lag.bytes) },
  age: { name: "AGE", width: 10, text: ({ age }) => roundAge(age) },
  received: { name: "RECEIVED", width: 10, text: ({ received }) => roundSize(received.bytes) },
  delivered: { name: "DELIVERED", width: 10, text: ({ delivered }) => roundSize(delivered.bytes) },
  skipped: { name: "SKIPPED", width: 9, text: ({ skipped }) => roundCount(skipped.frames) },
  receiveBytes: { name: "MEMORY", width: 10, text: ({ receiveBytes }) => roundSize(receiveBytes) },
};

const RATES: readonly Omit<Column, "align">[] = [
  { name: "OUT/s", width: 10, text: (connection) => rateOf(connection.out) },
  { name: "IN/s", width: 10, text: (connection) => rateOf(connection.in) },
];

/** The columns of what is said of a connection: at least, and for whole sentences. */
const [WORDS, SENTENCES] = [20, 42];

function rateOf(rate: number | undefined): string {
  return rate === undefined ? "-" : roundSize(rate);
}

function tableOf({ connections, total }: Seen, { columns, sort, offset }: View, room: number): Line[] {
  const chosen = columnsFor(columns, sort);
  const used = chosen.reduce((sum, { width }) => sum + width + 1, 0);
  const says = Math.max(0, columns - used);
  const shown = connections.slice(0, room);
  const range = offset > 0 && shown.length > 0 ? ` ${offset + 1}-${offset + shown.length} of ${roundCount(total)}` : "";
  const head = chosen.map(({ name, width, align }, index) =>
    cell(index === 0 ? `${name}${range}` : name, width, align)
  );
  const header = lineOf(cell([...head, "STATE"].join(" "), columns), "reverse");
  if (shown.length === 0) {
    return [header, lineOf(total === 0 ? "no connections" : "no more connections", "dim")];
  }
  return [
    header,
    ...shown.map((connection): Line => {
      const cells = chosen.map(({ width, align, text }) => cell(text(connection), width, align));
      const { verdict } = connection;
      return [
        { text: `${cells.join(" ")} `, style: "plain" },
        { text: says > 0 ? sayOf(verdict, says) : "", style: verdict.level === "ok" ? "plain" : "bold" },
      ];
    }),
  ];
}

/** The columns that there is room for, those first that are needed most, in the order in which they are shown. */
function columnsFor(columns: number, sort: ConnectionSort): readonly Column[] {
  const name: Column = {
    name: "CONNECTION",
    width: columns < 60 ? 15 : 21,
    align: "left",
    text: nameOf,
  };
  const by: Column = { ...SORTED[sort], name: `${SORTED[sort].name}▼`, align: "right" };
  const listener: Column = {
    name: "LISTENER",
    width: 26,
    align: "left",
    text: (connection) => oneLine(connection.listener ?? "mob.join()"),
  };
  let left = columns - name.width - by.width - 2;
  const add = (column: Omit<Column, "align">, least: number): Column[] => {
    if (column === SORTED[sort] || left - column.width - 1 < least) return [];
    left -= column.width + 1;
    return [{ align: "right", ...column }];
  };
  const needed = [SORTED.lag, ...RATES, SORTED.age].flatMap((column) => add(column, WORDS));
  const more = [listener, SORTED.skipped, SORTED.receiveBytes].flatMap((column) => add(column, SENTENCES));
  const place = more.filter((column) => column.name === listener.name);
  return [name, ...place, by, ...needed, ...more.filter((column) => !place.includes(column))];
}

/** What a connection is called: those without an address of their own are told apart by their token. */
function nameOf({ remoteAddress, token }: WatchedConnection): string {
  const name = oneLine(remoteAddress);
  return name.includes(":") ? shortAddress(name) : `${name} ${oneLine(token)}`;
}

/** An address without what a long one has too much: its port tells more than its beginning. */
function shortAddress(address: string): string {
  return columnsOf(address) > 21 ? fit(address, 21, "end") : address;
}

/** What is said of a connection, in as many words as there is room for. */
function sayOf({ text, fate, in: when }: Verdict, room: number): string {
  const time = when === undefined ? "" : ` in ${roundAge(Math.max(1000, when))}`;
  const shorter: Readonly<Record<Verdict["fate"], readonly string[]>> = {
    current: [],
    behind: ["behind"],
    "catching-up": ["catching up"],
    leaving: ["leaves"],
    disconnect: [`disconnected${time}`, `cut off${time}`, `cut${time}`],
    miss: [`misses frames${time}`, `misses${time}`],
    missing: ["misses frames"],
    hold: [`holds all back${time}`, `holds${time}`],
    holding: ["holds all back"],
  };
  const fitting = [text, ...shorter[fate] ?? []].find((words) => columnsOf(words) <= room);
  return fitting ?? fit(shorter[fate]?.at(-1) ?? text, room);
}

// --- events and keys ---

function eventsOf({ events, report: { now } }: Seen, most: number): Line[] {
  return events.slice(-most).map((event): Line => [
    { text: `${roundAge(Math.max(0, now - event.at)).padStart(6)} ago  `, style: "dim" },
    { text: oneLine(tell(event)), style: "plain" },
  ]);
}

function tell(event: ReportedEvent): string {
  switch (event.type) {
    case "joined":
      return `${event.token} joined${event.listener === undefined ? "" : ` at ${event.listener}`}`;
    case "left": {
      const lag = event.lag > 0 ? `, ${roundSize(event.lag)} were pending` : "";
      return `${event.token} left: ${event.reason}${event.detail === undefined ? "" : ` (${event.detail})`}${lag}`;
    }
    case "slow":
      return `${event.token} is slow: ${roundSize(event.lag)} behind`;
    case "held-back":
      return `${event.token} holds all others back: ${roundSize(event.lag)} behind`;
    case "refused":
      return `a client was refused: ${event.reason} (${event.why})`;
    case "accept-failed":
      return `a listener could not accept: ${event.error}`;
    case "hook-failed":
      return `the hook ${event.hook} failed: ${event.error}`;
    case "gap":
      return `frames of the bus were missed: ${event.why}`;
    case "bus-away":
      return `the bus is away: ${event.why}`;
    case "bus-back":
      return "the bus is back";
    case "dropped":
      return `${quantity(event.count, "more event")}`;
    default:
      // A newer server has others.
      return (event as { type: string }).type;
  }
}

/** The keys, in as many words as there is room for. */
const KEYS: readonly (readonly (readonly [key: string, what: string])[])[] = [
  [
    ["s", "next sort"],
    ["l", "lag"],
    ["a", "age"],
    ["r", "received"],
    ["d", "delivered"],
    ["k", "skipped"],
    ["m", "memory"],
    ["p", "pause"],
    ["q", "quit"],
  ],
  [
    ["s", "sort"],
    ["l", "lag"],
    ["a", "age"],
    ["r", "in"],
    ["d", "out"],
    ["k", "skipped"],
    ["m", "memory"],
    ["p", "pause"],
    ["q", "quit"],
  ],
  [["s", "sort"], ["l a r d k m", "by"], ["p", "pause"], ["q", "quit"]],
];

function keysOf({ columns, isPaused }: View): Line {
  const lines = KEYS.map((keys) =>
    keys.flatMap(([key, what], index): Span[] => [
      { text: `${index === 0 ? "" : "  "}${key}`, style: "bold" },
      { text: ` ${key === "p" && isPaused ? "go on" : what}`, style: "dim" },
    ])
  );
  const width = (line: Line): number => line.reduce((sum, { text }) => sum + text.length, 0);
  return lines.find((line) => width(line) <= columns) ?? lines.at(-1)!;
}
