/**
 * Hunting: plants each mutant in a copy of the project and runs what must find it there.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { type BuildContext, context } from "esbuild";
import { ROOT, type RuntimeName } from "../helpers/command_line.ts";
import { SHORT_BUN, SHORT_DENO, SHORT_NODE } from "../helpers/short_process.mjs";
import { type Mutant, plant, type Proof } from "./mutant.ts";

/** Seeds within which the simulation must find a mutant. */
export const SEEDS = 2000;

/** Milliseconds without a word after which a simulation may hang, which finds a mutant as well: a word takes 0.1 s, the first 0.5 s. */
const SILENCE = 4_000;

/** It hangs when it has had this much of a processor meanwhile, in milliseconds: on a busy machine it has hardly any. */
const BUSY = 3_000;

/** It hangs in any case after so many silences. */
const SILENCES = 30;

/** The longest that a proof may take without a bug, in milliseconds. */
const LONGEST_PROOF = 120_000;

/** How long the tests of a proof may take with a bug: tests that wait for what never comes have long limits of their own. */
function patience(healthy: number): number {
  return 20_000 + 5 * healthy;
}

/** How long the tests of a proof may take with a bug before it is asked how long they take without. */
const TRUSTED = 30_000;

/** How a mutant was found. */
export interface Found {
  readonly mutant: Mutant;
  /** By which rule or on which runtimes; `undefined`: it was not. */
  readonly by: string | undefined;
}

/** The command that runs the tests of one file on a runtime; with a pattern, only those whose names match. */
const TESTS: Readonly<Record<RuntimeName, (file: string, named?: string) => string[]>> = {
  // A test that fails may leave open what keeps the process alive (the flag needs Node 20.14).
  node: (file, named) => [
    ...SHORT_NODE,
    "--test-force-exit",
    ...(named ? [`--test-name-pattern=${named}`] : []),
    file,
  ],
  bun: (file, named) => ["bun", "test", "--timeout", "20000", ...(named ? ["-t", named] : []), `./${file}`],
  deno: (file, named) => [
    ...["deno", "test", ...SHORT_DENO],
    ...(named ? ["--filter", `/${named}/`] : []),
    file,
  ],
};

/** Makes a copy of what the tests need. The caller removes it. */
export function copyProject(): string {
  const copy = mkdtempSync(join(tmpdir(), "mobcast-mutants-"));
  const names = [
    "src",
    "adapters",
    "test",
    "mod.ts",
    "core.ts",
    "status.ts",
    "nats.ts",
    "package.json",
    "tsconfig.json",
    "deno.json",
    "README.md",
  ];
  for (const name of names) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** How a command ended in a copy. */
interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly hung: boolean;
}

/** When a command is ended: after so many milliseconds without a word, or in all. */
type Limit = { readonly silence: number } | { readonly total: number };

/** How long a process has had a processor, in milliseconds; where the system does not tell, as long as it wants. */
function processorTime(pid: number): number {
  try {
    // Hundredths of a second in user and system mode, behind the name in brackets.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/, "").split(" ");
    return 10 * (Number(fields[12]) + Number(fields[13]));
  } catch {
    return performance.now();
  }
}

/** Runs a command in a copy, with all that it starts, until it ends or is over its limit. */
function run([command, ...args]: readonly string[], copy: string, limit: Limit): Promise<Run> {
  const PATH = `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`;
  return new Promise((resolve, reject) => {
    // One round of the soak shows a leak.
    const env = { ...process.env, ...SHORT_BUN, PATH, SOAK_MINUTES: "0" };
    const options = { cwd: copy, env, detached: true } as const;
    const child = spawn(command!, args, { ...options, stdio: ["ignore", "pipe", "ignore"] });
    let output = "";
    let hung = false;
    // Its whole group: the runtimes are started by scripts, and tests start processes of their own.
    const end = (): void => {
      hung = true;
      process.kill(-child.pid!, "SIGKILL");
    };
    let timer: ReturnType<typeof setTimeout>;
    const watch = (before = processorTime(child.pid!), silences = 1): void => {
      if (!("silence" in limit)) return void (timer = setTimeout(end, limit.total));
      timer = setTimeout(() => {
        if (silences < SILENCES && processorTime(child.pid!) - before < BUSY) watch(before, silences + 1);
        else end();
      }, limit.silence);
    };
    watch();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (!("silence" in limit)) return;
      clearTimeout(timer);
      watch();
    });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output, hung });
    });
  });
}

/** The simulation in one file, which starts in a tenth of the time that the loader needs for its sources. */
const BUNDLE = "simulation.mjs";

/** What bundles the simulation of each copy: only what has changed since the last time is read again. */
const bundlers: Map<string, Promise<BuildContext>> = new Map();

async function bundle(copy: string): Promise<void> {
  const bundler = bundlers.get(copy) ?? context({
    absWorkingDir: copy,
    entryPoints: ["test/simulation/soak.ts"],
    outfile: BUNDLE,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
  bundlers.set(copy, bundler);
  await (await bundler).rebuild();
}

/** Removes a copy, and what bundles its simulation. */
async function removeCopy(copy: string): Promise<void> {
  await (await bundlers.get(copy))?.dispose();
  bundlers.delete(copy);
  rmSync(copy, { recursive: true, force: true });
}

/** Runs the simulation in a copy, until it fails or all seeds have run. Returns which rule was broken. */
async function simulate(copy: string): Promise<string | undefined> {
  await bundle(copy);
  const { code, output, hung } = await run(["node", BUNDLE, `${SEEDS}`], copy, { silence: SILENCE });
  if (hung) return "it hangs";
  return code === 0 ? undefined : output.trim().split("\n").at(-1) || `exit code ${code}`;
}

/** What Node and Deno say when no test ran: the name matches none, or all of them are skipped here. Bun fails then. */
const NONE_RAN = /^(# |ℹ )pass 0$|\b0 passed/m;

/** What is said of tests that did not just fail. */
const HANGS = "(it hangs)";
const NO_TEST = "(no test ran)";

/** Runs tests in a copy, for so many milliseconds at most. Says on which of the runtimes they fail. */
async function failing({ on, tests, named }: Proof, copy: string, total: number): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const runtime of on) {
    const { code, hung, output } = await run(TESTS[runtime](tests, named), copy, { total });
    if (hung || code !== 0) failed.push(hung ? `${runtime} ${HANGS}` : runtime);
    else if (NONE_RAN.test(output)) failed.push(`${runtime} ${NO_TEST}`);
  }
  return failed;
}

/** Hunts one mutant, which is in the copy, with so much time for its proof. */
async function hunt(
  { proof }: Mutant,
  copy: string,
  total: number,
): Promise<{ by: string | undefined; hung: boolean }> {
  if (proof === undefined) return { by: await simulate(copy), hung: false };
  const failed = await failing(proof, copy, total);
  if (failed.length < proof.on.length) return { by: undefined, hung: false };
  const ran = `${proof.named ?? proof.tests} on ${failed.join(", ")}`;
  if (failed.some((how) => how.endsWith(NO_TEST))) throw new Error(`Cannot hunt: ${proof.tests}, ${ran}`);
  return { by: ran, hung: failed.some((how) => how.endsWith(HANGS)) };
}

/** How many copies of the project there are: more than cores, since tests wait for half of their time and longer. */
const COPIES = availableParallelism() + 3;

/** Does the work in copies of the project, one thing after another in each. */
async function inCopies<Work>(work: readonly Work[], act: (work: Work, copy: string) => Promise<void>): Promise<void> {
  const waiting = [...work];
  await Promise.all(Array.from({ length: Math.min(COPIES, work.length) }, async () => {
    const copy = copyProject();
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await act(next, copy);
    } finally {
      await removeCopy(copy);
    }
  }));
}

/** How long a proof takes without a bug, in milliseconds. Throws when it fails then: it would find anything. */
async function healthyTime(proof: Proof, copy: string): Promise<number> {
  const began = performance.now();
  const failed = await failing(proof, copy, LONGEST_PROOF);
  if (failed.length === 0) return performance.now() - began;
  throw new Error(`Cannot hunt: ${proof.tests}, ${proof.named ?? "all"}, fails without a bug on ${failed.join(", ")}`);
}

/** What takes longest comes first: programs, then other tests, then the simulation. */
function rank({ proof }: Mutant): number {
  return proof === undefined ? 2 : proof.tests.includes("end_to_end") ? 0 : 1;
}

/**
 * Plants the mutants one after another, and reports for each how it was found. A proof is run without a bug first, or it could
 * be one that always fails; of those that are `trusted` only when one hangs, to know how long it may take.
 */
export async function huntMutants(
  mutants: readonly Mutant[],
  tell: (found: Found) => void,
  trusted: (proof: Proof) => boolean = () => false,
): Promise<Found[]> {
  const times = new Map<string, Promise<number>>();
  const timeOf = (proof: Proof, copy: string): Promise<number> => {
    const key = JSON.stringify(proof);
    const time = times.get(key) ?? healthyTime(proof, copy);
    times.set(key, time);
    return time;
  };
  const all: Found[] = [];
  await inCopies(mutants.toSorted((one, other) => rank(one) - rank(other)), async (mutant, copy) => {
    const { proof } = mutant;
    const trusts = proof === undefined || trusted(proof);
    let total = trusts ? TRUSTED : patience(await timeOf(proof, copy));
    const path = join(copy, mutant.file);
    const healthy = readFileSync(path, "utf8");
    const planted = async (): ReturnType<typeof hunt> => {
      writeFileSync(path, plant(mutant));
      const how = await hunt(mutant, copy, total);
      writeFileSync(path, healthy);
      return how;
    };
    let how = await planted();
    if (how.hung && trusts) {
      total = patience(await timeOf(proof!, copy));
      if (total > TRUSTED) how = await planted();
    }
    const found = { mutant, by: how.by };
    all.push(found);
    tell(found);
  });
  return all;
}

/** Runs mutants and reports each. Returns whether all were found. */
export async function runMutants(
  mutants: readonly Mutant[],
  trusted?: (proof: Proof) => boolean,
): Promise<boolean> {
  const found = await huntMutants(mutants, ({ mutant, by }) => {
    console.log(`${by === undefined ? "SURVIVES" : "found"}  ${mutant.why} (${mutant.file})${by ? `: ${by}` : ""}`);
  }, trusted);
  const survivors = found.filter(({ by }) => by === undefined).length;
  console.log(`${found.length - survivors} of ${found.length} mutants found`);
  return survivors === 0;
}
