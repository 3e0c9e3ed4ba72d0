/** The page about sizes has the tables that belong to the measured results, and the arithmetic makes sense. */

import { test } from "node:test";
import { readFileSync } from "node:fs";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { filesOf, type Load, measuredOf, needOf, pageWith } from "../../bench/sizing.ts";

const { sections, page } = filesOf(new URL("../../", import.meta.url));
const load: Load = { name: "a frame a second", rate: 1, size: 92, within: 0.5 };
const measured = { runtime: "node", write: 9, byte: 0.01, event: 30, memory: 100, joins: 1000 };

test("docs/sizing.md has the tables of bench/results: npm run sizing writes them", () => {
  const text = readFileSync(page, "utf8");
  assertEquals(pageWith(text, sections), text);
});

test("what was measured is there for each runtime, and a missing shape is named", () => {
  assertEquals(measuredOf(sections).map(({ runtime }) => runtime), ["node", "bun", "deno"]);
  assertThrows(() => measuredOf([]), Error, "Cannot read processor of mobcast node in unbatched: run npm run bench");
  assertThrows(() => pageWith("# Sizing", sections), Error, "Cannot find the place of the tables");
});

test("a frame costs a write and its bytes, for each client", () => {
  // 9 µs and 100 bytes of 0.01 µs: 10 µs a client.
  const need = needOf(10_000, load, measured);
  assertEquals(need.mobs, 1);
  assertEquals(need.sweep.toFixed(9), "0.100000000");
  assertEquals(need.cores.toFixed(9), "0.100030000");
  assertEquals(need.network, 10_000 * (92 + 8 + 66) * 8);
  assertEquals([need.engine, need.memory, need.failover, need.restart], [0, 100, 10, 10]);
});

test("mobs are as many as the time, the core and the connections ask for", () => {
  assertEquals(needOf(10_001, load, measured).mobs, 2, "connections");
  assertEquals(needOf(10_000, { ...load, within: 0.03 }, measured).mobs, 4, "the time to write to all");
  assertEquals(needOf(10_000, { ...load, rate: 20 }, measured).mobs, 4, "a core that is half busy");
  const two = needOf(20_000, load, measured);
  assertEquals([two.engine, two.failover, two.restart], [2 * 100 * 8, 10, 10]);
});

test("a larger room never needs less", () => {
  let before = needOf(1, load, measured);
  for (let clients = 1; clients <= 1e6; clients = Math.ceil(clients * 1.7)) {
    const need = needOf(clients, load, measured);
    for (const name of ["mobs", "cores", "memory", "network"] as const) {
      assert(need[name] >= before[name], `${name} of ${clients}`);
    }
    before = need;
  }
});
