/** The charts of the benchmark: they show what was measured. */

import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { drawCharts } from "../../bench/chart.ts";
import type { Section } from "../../bench/table.ts";

const folder = new URL("../../bench/results/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), "utf8");

function sectionOf(shape: string, figures: Readonly<Record<string, number>>, row = "mobcast node"): Section {
  const measurements = [{ figures, problems: [] }];
  return { shape: { name: shape } as Section["shape"], entries: [{ row, measurements }] };
}

test("the charts are those of the results: npm run charts draws them anew", () => {
  const { sections } = JSON.parse(read("results.json"));
  const charts = drawCharts(sections);
  assertEquals([...charts.keys()], ["throughput.svg", "delay.svg", "processor.svg", "memory.svg"]);
  for (const [file, svg] of charts) assert(svg === read(file), `${file} shows other results: npm run charts`);
});

test("a chart has the median beside the bar, in the unit of its question, and a color for dark pages", () => {
  const svg = drawCharts([sectionOf("closed-1000", { deliveries: 4.25e7 })]).get("throughput.svg")!;
  assertStringIncludes(svg, ">43<");
  assertStringIncludes(svg, ">mobcast node<");
  assertStringIncludes(svg, "<title>How many deliveries a second? (millions, one processor, 64 bytes)</title>");
  assertStringIncludes(svg, '[fill="#1f2328"]{fill:#f0f6fc}');
});

test("a chart of which nothing was measured is not drawn, and neither is a row of another family", () => {
  assertEquals([...drawCharts([sectionOf("start", { start: 1 })]).keys()], []);
  assertEquals([...drawCharts([sectionOf("closed-100", { deliveries: 1 }, "empty node")]).keys()], []);
});
