/**
 * The charts of the README and of docs/benchmarks.md, one picture a question: `npm run charts` draws them anew from
 * bench/results/results.json. ECharts draws them, as SVG and without a browser. The colors of texts and lines follow the page's.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { BarChart, CustomChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { type Section, spread } from "./table.ts";

use([BarChart, CustomChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** What a chart shows of a shape. */
interface Panel {
  readonly shape: string;
  readonly about: string;
  /** The figures that are drawn over each other, the largest first. */
  readonly figures: readonly string[];
}

/** A picture. */
interface Chart {
  readonly file: string;
  readonly question: string;
  readonly note: string;
  readonly panels: readonly Panel[];
  /** Which rows are drawn: the families of bench/rows.ts, by the first word of a row's name. */
  readonly rows: RegExp;
  /** Powers of ten along the axis. */
  readonly logarithmic: boolean;
  /** From what was measured to the unit of the chart. */
  readonly scale: number;
  /** The names of the figures, where there are several. */
  readonly legend?: readonly string[];
}

const ALL = /^(?!walk|idle|empty|old)/;
const digits = (value: number): string => Number(value.toPrecision(2)).toLocaleString("en");
const CONTROLS =
  "limit: the smallest server that batches the same way, on bare sockets. naive: a write for each frame.";

const CHARTS: readonly Chart[] = [
  {
    file: "throughput",
    question: "How many deliveries a second? (millions, one processor, 64 bytes)",
    note: `${CONTROLS} nats had both processors.`,
    panels: [
      { shape: "closed-100", about: "100 clients", figures: ["deliveries"] },
      { shape: "closed-1000", about: "1,000 clients", figures: ["deliveries"] },
    ],
    rows: ALL,
    logarithmic: false,
    scale: 1e-6,
  },
  {
    file: "delay",
    question: "How late is a frame? (milliseconds, powers of ten; 1,000 clients all talk)",
    note: `${CONTROLS} Some of the others did not deliver all: see the table.`,
    panels: [
      { shape: "room-1000x5", about: "5 million deliveries a second offered", figures: ["p99", "p50"] },
      { shape: "room-1000x20", about: "20 million deliveries a second offered", figures: ["p99", "p50"] },
    ],
    rows: ALL,
    logarithmic: true,
    scale: 1,
    legend: ["99 of 100 are earlier", "half are earlier"],
  },
  {
    file: "processor",
    question: "What does a delivery cost? (nanoseconds of processor time, powers of ten)",
    note: CONTROLS,
    panels: [
      { shape: "closed-100", about: "100 clients", figures: ["processor"] },
      { shape: "closed-1000", about: "1,000 clients", figures: ["processor"] },
    ],
    rows: ALL,
    logarithmic: true,
    scale: 1000,
  },
  {
    file: "memory",
    question: "What does an idle connection cost? (KiB of memory)",
    note:
      "idle: the smallest server on bare sockets. walk: the same, and it looks at all connections each time one is ready.",
    panels: [
      { shape: "idle-1000", about: "1,000 connections", figures: ["perConnection"] },
      { shape: "idle-10000", about: "10,000 connections", figures: ["perConnection"] },
    ],
    rows: /^(mobcast|idle|walk)/,
    logarithmic: false,
    scale: 1,
  },
];

const COLORS: Readonly<Record<string, string>> = {
  mobcast: "#2f81f7",
  limit: "#8b949e",
  idle: "#8b949e",
  naive: "#d97706",
};
const OTHER = "#8b5cf6";

/** Colors that another one replaces on a dark page. */
const INK = { text: "#1f2328", dim: "#59636e", line: "#d1d9e0" };
const DARK = { text: "#f0f6fc", dim: "#9198a1", line: "#3d444d" };

const FONT = "system-ui, sans-serif";
const WIDTH = 900;
const ROW = 26;
const BOTTOM = 30;

/** Where the bars begin: under the question, the legend if there is one, and what a panel shows. */
const topOf = ({ legend }: Chart): number => legend ? 78 : 56;

/** A row of a panel: the spread of each of its figures, in the panel's order. */
interface Bar {
  readonly name: string;
  readonly spreads: readonly Spread[];
}

/** Draws all charts of which something was measured: by the names of their files. */
export function drawCharts(sections: readonly Section[]): Map<string, string> {
  return new Map(CHARTS.flatMap((chart) => {
    const svg = draw(chart, sections);
    return svg === undefined ? [] : [[`${chart.file}.svg`, svg]];
  }));
}

function draw(chart: Chart, sections: readonly Section[]): string | undefined {
  const panels = chart.panels.flatMap((panel) => {
    const section = sections.find(({ shape }) => shape.name === panel.shape);
    const bars = section ? barsOf(section, chart, panel) : [];
    return bars.length > 0 ? [{ ...panel, bars }] : [];
  });
  if (panels.length === 0) return undefined;
  const height = topOf(chart) + ROW * Math.max(...panels.map(({ bars }) => bars.length)) + BOTTOM;
  const picture = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  picture.setOption(optionOf(chart, panels, height));
  const svg = picture.renderToSVGString();
  picture.dispose();
  return withPageColors(svg, chart.question);
}

function barsOf(section: Section, chart: Chart, { figures }: Panel): Bar[] {
  return section.entries.filter(({ row }) => chart.rows.test(row))
    .map((entry) => ({ name: entry.row, spreads: figures.map((figure) => scaled(spread(entry, figure), chart.scale)) }))
    // A server that delivers hardly anything has no figure that says something.
    .filter(({ spreads }) => spreads.some((found) => found !== undefined && found.median > 0))
    .reverse();
}

type Spread = ReturnType<typeof spread>;

function scaled(found: Spread, scale: number): Spread {
  return found && { median: found.median * scale, low: found.low * scale, high: found.high * scale };
}

type DrawnPanel = Panel & { readonly bars: readonly Bar[] };

/** What ECharts is asked for. */
function optionOf(chart: Chart, panels: readonly DrawnPanel[], height: number): EChartsCoreOption {
  const share = WIDTH / panels.length;
  const right = chart.legend ? 122 : 44;
  const top = topOf(chart);
  const text = (size: number, color: string): object => ({ fontSize: size, color, fontWeight: "normal" });
  const most = Math.max(
    ...panels.flatMap(({ bars }) => bars.flatMap(({ spreads }) => spreads.map((each) => each?.high ?? 0))),
  );
  const least = Math.min(
    ...panels.flatMap(({ bars }) => bars.flatMap(({ spreads }) => spreads.map((each) => each?.low || Infinity))),
  );
  const start = 10 ** Math.floor(Math.log10(least));
  return {
    animation: false,
    textStyle: { fontFamily: FONT },
    title: [
      { text: chart.question, left: 0, top: 0, textStyle: { ...text(15, INK.text), fontWeight: "bold" } },
      ...panels.map(({ about }, at) => ({
        text: about,
        left: at * share + 102,
        top: top - 30,
        textStyle: text(12, INK.dim),
      })),
      { text: chart.note, left: 0, top: height - 20, textStyle: text(11, INK.dim) },
    ],
    legend: {
      show: chart.legend !== undefined,
      left: 0,
      top: 24,
      itemHeight: 10,
      itemGap: 40,
      textStyle: text(12, INK.dim),
      selectedMode: false,
    },
    grid: panels.map(({ bars }, at) => ({
      left: at * share + 102,
      width: share - 102 - right,
      top: top - 8,
      height: ROW * bars.length,
    })),
    xAxis: panels.map((_, at) => ({
      gridIndex: at,
      type: chart.logarithmic ? "log" : "value",
      min: chart.logarithmic ? start : 0,
      max: most,
      show: false,
    })),
    yAxis: panels.map(({ bars }, at) => ({
      gridIndex: at,
      type: "category",
      data: bars.map(({ name }) => name),
      axisLine: { lineStyle: { color: INK.line } },
      axisTick: { show: false },
      axisLabel: { ...text(12, INK.text), interval: 0 },
    })),
    series: panels.flatMap((panel, at) => seriesOf(chart, panel, at)),
  };
}

/** The bars of a panel, and what is written beside each. */
function seriesOf(chart: Chart, { bars, figures }: DrawnPanel, at: number): object[] {
  const axes = { xAxisIndex: at, yAxisIndex: at };
  const drawn = figures.map((_, which) => ({
    ...axes,
    type: "bar",
    name: chart.legend?.[which] ?? "",
    // Over each other: the next figure is always the smaller one.
    barGap: "-100%",
    barWidth: 15,
    itemStyle: { color: OTHER, opacity: which < figures.length - 1 ? 0.4 : 1, borderRadius: 2 },
    data: bars.map(({ name, spreads }) => ({
      value: spreads[which]?.median ?? "-",
      itemStyle: { color: COLORS[name.split(" ")[0]!] ?? OTHER },
    })),
  }));
  return [...drawn, besideBars(bars, axes, figures.length === 1)];
}

/** The medians beside each bar, and a line over it for the range of all runs where it has one figure. */
function besideBars(bars: readonly Bar[], axes: object, ranges: boolean): object {
  const drawn = bars.flatMap(({ spreads }, index) => {
    const [first] = spreads;
    if (!first) return [];
    const text = spreads.map((each) => each ? digits(each.median) : "").reverse().join(" and ");
    return [{ index, text, low: first.low, high: ranges ? first.high : first.median }];
  });
  return {
    ...axes,
    type: "custom",
    silent: true,
    data: drawn.map(({ low, high, index }) => [ranges ? low : high, index, high]),
    encode: { x: [0, 2], y: 1 },
    renderItem: ({ dataIndex }: { dataIndex: number }, api: Coordinates) => {
      const [from, y] = api.coord([api.value(0), api.value(1)]) as [number, number];
      const [to] = api.coord([api.value(2), api.value(1)]) as [number];
      const { text } = drawn[dataIndex]!;
      const style = { text, x: to + 7, y, verticalAlign: "middle", fill: INK.text, fontSize: 12, fontFamily: FONT };
      const line = {
        type: "line",
        shape: { x1: from, y1: y, x2: to, y2: y },
        style: { stroke: INK.text, lineWidth: 1 },
      };
      return { type: "group", children: [...(to > from ? [line] : []), { type: "text", style }] };
    },
  };
}

/** What ECharts hands to what draws a custom item. */
interface Coordinates {
  value(at: number): number;
  coord(point: readonly number[]): number[];
}

/** On a dark page texts and lines are light, and a reader that does not see the picture has its question. */
function withPageColors(svg: string, question: string): string {
  const rules = (["text", "dim", "line"] as const).flatMap((name) =>
    ["fill", "stroke"].map((kind) => `[${kind}="${INK[name]}"]{${kind}:${DARK[name]}}`)
  );
  const head = `<title>${question}</title><style>@media(prefers-color-scheme:dark){${rules.join("")}}</style>`;
  return `${svg.replace("<svg ", '<svg role="img" ').replace(">", `>${head}`)}\n`;
}

/** Draws the charts of a folder's results into it. */
export function writeCharts(folder: string, sections: readonly Section[]): void {
  for (const [file, svg] of drawCharts(sections)) writeFileSync(join(folder, file), svg);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.argv[2] ?? fileURLToPath(new URL("results", import.meta.url)));
  writeCharts(folder, JSON.parse(readFileSync(join(folder, "results.json"), "utf8")).sections);
}
