/** Tables: medians and ranges of what was measured, as Markdown. */

import type { Measurement } from "./measure.ts";
import type { Shape } from "./shapes.ts";

/** All measurements of a row in a shape, or why there are none. */
export interface Entry {
  readonly row: string;
  readonly measurements: Measurement[];
  failure?: string;
}

/** All entries of a shape. */
export interface Section {
  readonly shape: Shape;
  readonly entries: readonly Entry[];
}

/** A column: its title, the figure in it, and how that is written. */
interface Column {
  readonly title: string;
  readonly figure: string;
  readonly format: (value: number) => string;
}

const fixed = (digits: number) => (value: number): string => value.toFixed(digits);
const percent = (value: number): string => `${Math.round(value * 100)} %`;
const millions = (value: number): string =>
  value < 1e5 ? Math.round(value).toLocaleString("en") : `${(value / 1e6).toFixed(value < 1e6 ? 2 : 1)} M`;
const micro = (value: number): string => value.toFixed(value < 1 ? 4 : 2);
const milli = (value: number): string => value.toFixed(value < 10 ? 2 : 0);

/** A share of waiting for a processor from which on it is noted. */
const STARVED = 0.1;

const LOAD_COLUMNS: readonly Column[] = [
  { title: "deliveries/s", figure: "deliveries", format: millions },
  { title: "µs a delivery", figure: "processor", format: micro },
  { title: "server busy", figure: "busy", format: percent },
  { title: "load busy", figure: "loadBusy", format: percent },
  { title: "p50 ms", figure: "p50", format: milli },
  { title: "p99 ms", figure: "p99", format: milli },
  { title: "p99.9 ms", figure: "p999", format: milli },
  { title: "memory MiB", figure: "memory", format: fixed(0) },
];

const COLUMNS: Readonly<Record<Shape["kind"], readonly Column[]>> = {
  closed: LOAD_COLUMNS,
  open: LOAD_COLUMNS,
  join: [
    { title: "all joined after ms", figure: "joined", format: fixed(0) },
    { title: "memory MiB", figure: "memory", format: fixed(0) },
  ],
  idle: [
    { title: "µs an event", figure: "processor", format: fixed(2) },
    { title: "events/s", figure: "events", format: fixed(0) },
    { title: "server busy", figure: "busy", format: percent },
    { title: "KiB a connection", figure: "perConnection", format: fixed(1) },
    { title: "all let go after ms", figure: "drained", format: fixed(0) },
  ],
  churn: [
    { title: "came and left/s", figure: "churned", format: fixed(0) },
    ...LOAD_COLUMNS.filter(({ figure }) => figure !== "processor" && figure !== "loadBusy"),
  ],
  small: [
    ...LOAD_COLUMNS.filter(({ figure }) => !["processor", "loadBusy", "p999"].includes(figure)),
    { title: "in all MiB", figure: "peak", format: fixed(0) },
    { title: "let the stuck one go", figure: "letGo", format: (value) => value === 1 ? "yes" : "no" },
  ],
  start: [{ title: "first byte after ms", figure: "start", format: fixed(0) }],
};

const STORM_COLUMNS: readonly Column[] = [
  { title: "all in after ms", figure: "stormed", format: fixed(0) },
  { title: "others' p50 ms", figure: "p50", format: milli },
  { title: "others' p99 ms", figure: "p99", format: milli },
  { title: "others' p99.9 ms", figure: "p999", format: milli },
  { title: "memory MiB", figure: "memory", format: fixed(0) },
];

/** The median of a figure, and its range. */
export function spread(entry: Entry, figure: string): { median: number; low: number; high: number } | undefined {
  const values = entry.measurements.map(({ figures }) => figures[figure])
    .filter((value): value is number => value !== undefined && Number.isFinite(value))
    .sort((one, other) => one - other);
  if (values.length === 0) return undefined;
  const middle = values.length >> 1;
  const median = values.length % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
  return { median, low: values[0]!, high: values.at(-1)! };
}

function cell(entry: Entry, { figure, format }: Column): string {
  const found = spread(entry, figure);
  if (found === undefined) return "";
  const median = format(found.median);
  const [low, high] = [format(found.low), format(found.high)];
  return low === high ? median : `${median} (${low} to ${high})`;
}

function note(entry: Entry): string {
  if (entry.failure !== undefined) return entry.failure;
  const notes = new Set(entry.measurements.flatMap(({ problems }) => problems));
  const bound = entry.measurements.filter(({ figures }) => figures["loadBound"] === 1).length;
  if (bound > 0) notes.add("the load was the bottleneck");
  const starved = spread(entry, "starved")?.median ?? 0;
  if (starved > STARVED) notes.add(`the machine was busy: ${percent(starved)} of the time waiting for a processor`);
  return [...notes].join(", ");
}

/** A column that compares processor time with that of another row of the same runtime, in the same run. */
interface Comparison {
  readonly title: string;
  /** The names that the other row can have. */
  readonly others: (runtime: string) => readonly string[];
}

const TLS_COMPARISONS: readonly Comparison[] = [
  { title: "to bare node:tls", others: (runtime) => [`bare tls ${runtime}`] },
  { title: "to the limit and AES", others: (runtime) => [`limit ${runtime} and AES`] },
  { title: "to the clear", others: (runtime) => [`mobcast ${runtime}`] },
];

const TO_BARE: Comparison = {
  title: "to bare sockets",
  others: (runtime) => [`limit ${runtime}`, `idle ${runtime}`],
};

const WEBSOCKET_COMPARISONS: readonly Comparison[] = [
  { title: "to u64", others: (runtime) => [`mobcast ${runtime}`] },
  { title: "to mobcast ws", others: (runtime) => [`mobcast ${runtime} ws`] },
];

const SCRAPED_COMPARISONS: readonly Comparison[] = [
  { title: "to unscraped", others: (runtime) => [`mobcast ${runtime}`] },
];

function comparisonsOf(shape: Shape): readonly Comparison[] {
  if (shape.kind === "join" || shape.kind === "start" || shape.kind === "churn" || shape.kind === "small") {
    return [];
  }
  if (shape.tls) return shape.kind === "closed" ? TLS_COMPARISONS : [];
  if (shape.kind === "closed" && shape.scraped) return SCRAPED_COMPARISONS;
  return shape.kind === "closed" && shape.websocket ? WEBSOCKET_COMPARISONS : [TO_BARE];
}

/** A section as a Markdown table. */
export function toMarkdown({ shape, entries }: Section): string {
  // Of idle connections only some shapes let them go in the end.
  const all = shape.kind === "open" && shape.storm !== undefined ? STORM_COLUMNS : COLUMNS[shape.kind];
  const columns = all.filter(({ figure }) =>
    figure !== "drained" || entries.some((entry) => spread(entry, figure) !== undefined)
  );
  const comparisons = comparisonsOf(shape);
  const titles = ["server", ...[...columns, ...comparisons].map(({ title }) => title), "notes"];
  const lines = entries.map((entry) => [
    entry.row,
    ...columns.map((column) => cell(entry, column)),
    ...comparisons.map((comparison) => ratio(entry, entries, comparison)),
    note(entry),
  ]);
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [`### ${shape.name}`, "", shape.about, "", row(titles), row(titles.map(() => "---")), ...lines.map(row), ""]
    .join("\n");
}

function ratio(entry: Entry, entries: readonly Entry[], { others }: Comparison): string {
  const runtime = /\b(node|bun|deno)\b/.exec(entry.row.toLowerCase())?.[0];
  const names = runtime === undefined ? [] : others(runtime);
  const found = entries.find(({ row }) => names.includes(row));
  const own = spread(entry, "processor")?.median;
  const other = found === undefined || found === entry ? undefined : spread(found, "processor")?.median;
  return own === undefined || other === undefined ? "" : `${(own / other).toFixed(2)}x`;
}
