/** Worlds of several mobs on a bus: seeds hold, runs repeat, and recordings of what once failed hold. */

import { test } from "node:test";
import { readdirSync, readFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { seedsHold } from "./seeds_hold.ts";
import { WORLDS } from "./worlds.ts";

const { name: ours } = await runtimeAdapter();
const { record, replay } = WORLDS.bus!;

/** As with worlds of one mob: the traces are the same on all, and Deno is fastest. */
const SEEDS = ours === "deno"
  ? { world: "bus", from: 1, seeds: 500, processes: 0 }
  : { world: "bus", from: ours === "node" ? 1_000_001 : 2_000_001, seeds: 40, processes: 0 };

/** How many of the first seeds Node and Bun repeat, to compare their traces. */
const COMPARED = 50;

test(`${SEEDS.seeds} seeds of worlds with a bus hold`, { timeout: 400_000 }, () => seedsHold(ours, SEEDS, COMPARED));

test("a recording of several mobs repeats their run without the generator, also when it was kept as text", async () => {
  const hashes = new Set<string>();
  for (let seed = 1; seed <= 10; seed++) {
    const { recording, outcome } = await record(seed);
    const again = await replay(JSON.parse(JSON.stringify(recording)));
    assertEquals([again.hash, again.events], [outcome.hash, outcome.events], `seed ${seed}`);
    hashes.add(again.hash);
  }
  assertEquals(hashes.size, 10);
});

test("recordings of what once failed on a bus hold", async () => {
  const folder = new URL("./bus_recordings/", import.meta.url);
  const names = readdirSync(folder);
  assert(names.length > 0);
  for (const name of names) {
    const { violation } = await replay(JSON.parse(readFileSync(new URL(name, folder), "utf8")));
    assertEquals(violation, undefined, name);
  }
});
