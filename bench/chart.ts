/** The chart of the README: deliveries a second, as bars, in an image that scales and has colors for dark pages. */

import { type Section, spread } from "./table.ts";

/** The shapes that are drawn, side by side. */
const DRAWN: readonly string[] = ["closed-100", "closed-1000"];

/** What is drawn, in its color. */
const COLOURS: Readonly<Record<string, string>> = {
  mobcast: "#2f81f7",
  limit: "#9aa4b0",
  naive: "#d97706",
  client: "#8b5cf6",
};

const WIDTH = 900;
const PANEL = 430;
const LABEL = 105;
const ROW = 22;
const TOP = 62;
/** Room for the figure after the longest bar. */
const FIGURE = 62;

/** One bar, with the range of its measurements. */
interface Bar {
  readonly name: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Draws the chart as SVG; `undefined` when nothing was measured that it shows. */
export function drawChart(sections: readonly Section[]): string | undefined {
  const panels = DRAWN.flatMap((name) => sections.filter(({ shape }) => shape.name === name))
    .map((section) => ({ about: section.shape.about.replace("closed loop: ", ""), bars: barsOf(section) }))
    .filter(({ bars }) => bars.length > 0);
  if (panels.length === 0) return undefined;
  const most = Math.max(...panels.flatMap(({ bars }) => bars.map(({ high }) => high)));
  const height = TOP + ROW * Math.max(...panels.map(({ bars }) => bars.length)) + 26;
  const body = panels.map(({ about, bars }, index) => drawPanel(about, bars, most, index * (PANEL + 40)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
    'font-family="system-ui, sans-serif" font-size="12" role="img">',
    "<title>Deliveries a second, closed loop</title>",
    "<style>text{fill:#1f2328}.dim{fill:#59636e}.range{stroke:#1f2328}" +
    "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.dim{fill:#9198a1}.range{stroke:#f0f6fc}}</style>",
    '<text x="0" y="16" font-size="15" font-weight="600">Million deliveries a second, closed loop</text>',
    ...body,
    `<text class="dim" x="0" y="${
      height - 6
    }">limit: the smallest server that batches the same way, on bare sockets. ` +
    "naive: a write for each frame and client. Lines: the range of all runs.</text>",
    "</svg>",
    "",
  ].join("\n");
}

function barsOf({ entries }: Section): Bar[] {
  return entries.flatMap((entry) => {
    const found = spread(entry, "deliveries");
    return found === undefined ? [] : [{ name: entry.row, ...found }];
  });
}

function drawPanel(about: string, bars: readonly Bar[], most: number, left: number): string {
  const scale = (PANEL - LABEL - FIGURE) / most;
  const lines = bars.map(({ name, median, low, high }, index) => {
    const y = TOP + index * ROW;
    const start = left + LABEL;
    const color = COLOURS[name.split(" ")[0]!] ?? COLOURS["client"]!;
    const at = (value: number): string => (start + value * scale).toFixed(1);
    const range = high > low ? `<path class="range" d="M${at(low)} ${y + 7}H${at(high)}"/>` : "";
    return `<text x="${start - 8}" y="${y + 12}" text-anchor="end">${name}</text>` +
      `<rect x="${start}" y="${y}" width="${
        Math.max(1, median * scale).toFixed(1)
      }" height="15" rx="2" fill="${color}"/>` +
      `${range}<text x="${(start + high * scale + 6).toFixed(1)}" y="${y + 12}">${figure(median)}</text>`;
  });
  return [`<text class="dim" x="${left}" y="42">${about}</text>`, ...lines].join("\n");
}

function figure(deliveries: number): string {
  return (deliveries / 1e6).toFixed(deliveries < 1e6 ? 2 : 1);
}
