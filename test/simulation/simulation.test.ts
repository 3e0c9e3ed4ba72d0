/** Seeds hold, runs repeat, failures shrink, and mutants are found. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { CORE } from "../mutants/core.ts";
import { SHORT_NODE } from "../helpers/short_process.mjs";
import { copyProject } from "../mutants/hunting.ts";
import { mutantsOf, plant } from "../mutants/mutant.ts";
import { Generator } from "./choices.ts";
import { MARK_NAMES, Marks } from "./marks.ts";
import { record, replay, runSeed } from "./run_seed.ts";
import { seedsHold } from "./seeds_hold.ts";

const { name: ours } = await runtimeAdapter();

/** The same traces on all engines, so all need not run all seeds: Deno is fastest. Each has some of its own. */
const SEEDS = ours === "deno"
  ? { from: 1, seeds: 4000, processes: 0 }
  : { from: ours === "node" ? 1_000_001 : 2_000_001, seeds: 250, processes: 0 };

/** How many of what is the same on all: the rest is enough on Deno. */
const some = (all: number): number => ours === "deno" ? all : all / 5;

/** How many of the first seeds Node and Bun repeat, to compare their traces. */
const COMPARED = 500;

// The rarest state is in one of a thousand seeds.
test(`${SEEDS.seeds} seeds hold`, { timeout: 400_000 }, () => seedsHold(ours, SEEDS, COMPARED));

/** The marks of frames that come in pieces. */
const PIECES = MARK_NAMES.filter((mark) => /piece/.test(mark));

test("a few worlds with large frames have frames in pieces, of two and more and over several segments", {
  skip: ours === "deno" ? false : "the traces are the same on all: on Deno",
}, async () => {
  const marks = new Marks(PIECES);
  let worlds = 0;
  for (let seed = 1; worlds < 200 && marks.missing.length > 0; seed++) {
    if (new Generator(seed).settings.options.maxFrame! < 1500) continue;
    worlds++;
    marks.add((await runSeed(seed)).marks);
  }
  assertEquals([PIECES.length, marks.missing], [6, []]);
});

test("a recording repeats its run without the generator, also when it was kept as text", async () => {
  for (let seed = 1; seed <= some(50); seed++) {
    const { recording, outcome } = await record(seed);
    const again = await replay(JSON.parse(JSON.stringify(recording)));
    assertEquals([again.hash, again.events], [outcome.hash, outcome.events], `seed ${seed}`);
  }
});

test("different seeds make different runs", async () => {
  const hashes = new Set<string>();
  const seeds = some(100);
  for (let seed = 1; seed <= seeds; seed++) hashes.add((await record(seed)).outcome.hash);
  assertEquals(hashes.size, seeds);
});

/** Runs the command in a copy of the project, on this machine's Node: there is only one command. */
function simulate(copy: string, ...args: string[]): { stdout: string; status: number | null } {
  const [node, ...options] = SHORT_NODE;
  return spawnSync(node!, [...options, "test/simulation/run.ts", ...args], {
    cwd: copy,
    encoding: "utf8",
    timeout: 100_000,
  });
}

test("a planted bug is found, shrunk to a few lines and replayed by the command that is printed", {
  timeout: 120_000,
  skip: ours === "node" ? false : "the command is the same on all: it runs on Node",
}, () => {
  const copy = copyProject();
  try {
    const mutant = mutantsOf(CORE).find(({ why }) => why === "the remainder of a partial write is lost")!;
    writeFileSync(join(copy, mutant.file), plant(mutant));
    const { stdout, status } = simulate(copy, "--seeds", "20");
    assertEquals(status, 1, stdout);
    const [, before, after] = /seed \d+: (\d+) steps, shrunk to (\d+)/.exec(stdout) ?? [];
    assertLess(Number(after), 20, stdout);
    assertLess(Number(after), Number(before));
    const [, path] = /again: npm run sim -- --replay (\S+)/.exec(stdout) ?? [];
    const again = simulate(copy, "--replay", path!);
    assertEquals(again.status, 1);
    assertMatch(again.stdout, /FAILED: /);
    assertLess(again.stdout.split("\n").length, 60);
    // Without the bug the same recording holds.
    writeFileSync(join(copy, mutant.file), readFileSync(new URL(`../../${mutant.file}`, import.meta.url)));
    assertEquals(simulate(copy, "--replay", path!).status, 0);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

test("recordings of what once failed hold", async () => {
  const folder = new URL("./recordings/", import.meta.url);
  const names = readdirSync(folder);
  assert(names.length > 0);
  for (const name of names) {
    const { violation } = await replay(JSON.parse(readFileSync(new URL(name, folder), "utf8")));
    assertEquals(violation, undefined, name);
  }
});
