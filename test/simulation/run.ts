/**
 * Simulates: `npm run sim -- [--seeds N] [--from S] [--minutes M] [--seed N] [--replay FILE] [--mutants] [--runtimes N]`.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { SingleBar } from "cli-progress";
import { campaign, type Plan, type Result, type Tally } from "./campaign.ts";
import { compareRuntimes } from "./determinism.ts";
import { runMutants } from "../mutants/hunting.ts";
import { SETS } from "../mutants/sets.ts";
import { explain, marksTable, readRecording, summary, traceOf } from "./report.ts";
import { WORLDS } from "./worlds.ts";

/** Failures that are shrunk and printed; one defect fails many seeds. */
const EXPLAINED = 3;

const USAGE = `Usage: npm run sim -- [one of]
  --seeds N        runs N seeds (default 10000), from --from S (default 1), in --processes P (default: one a core)
  --minutes M      runs seeds for so long
  --seed N         runs one seed and prints its trace
  --replay FILE    runs a recorded run and prints its trace
  --mutants        plants bugs in a copy of the core, one at a time; each must be found
  --runtimes N     runs N seeds on Node, Bun and Deno; their traces must be the same
  --digest         prints one number for all traces of the seeds, and nothing else
With --bus, in worlds of several mobs on a bus.`;

const OPTIONS = {
  seeds: { type: "string" },
  from: { type: "string" },
  minutes: { type: "string" },
  processes: { type: "string" },
  seed: { type: "string" },
  replay: { type: "string" },
  runtimes: { type: "string" },
  mutants: { type: "boolean" },
  digest: { type: "boolean" },
  bus: { type: "boolean" },
  help: { type: "boolean" },
} as const;

/** A whole number from an option. Throws when it is none. */
function whole(name: string, text: string | undefined, standard: number): number {
  if (text === undefined) return standard;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0 || text.trim() === "") {
    throw new TypeError(`Cannot use --${name} ${text}: it is a whole number`);
  }
  return number;
}

/** Runs seeds with a progress bar, then prints the result. Returns whether all held. */
async function runSeeds(plan: Plan, seconds: number): Promise<boolean> {
  const started = performance.now();
  const world = WORLDS[plan.world ?? "mob"]!;
  const elapsed = (): number => (performance.now() - started) / 1000;
  const bar = new SingleBar({
    format: "[{bar}] {percentage}% | {seeds} seeds | {rate} events/s | {failures}",
    // Without a terminal, a line now and then.
    noTTYOutput: true,
    notTTYSchedule: 20_000,
  });
  bar.start(plan.seeds === Infinity ? seconds : plan.seeds, 0, { seeds: 0, rate: 0, failures: "0 failures" });
  const enough = (tally: Tally): boolean => {
    const rate = Math.round(tally.events / elapsed()).toLocaleString("en");
    const done = plan.seeds === Infinity ? Math.min(seconds, elapsed()) : tally.seeds;
    const found = tally.failures.slice(0, EXPLAINED).map(({ seed }) => ` ${seed}`);
    const failures = `${tally.failures.length} failures${found.length > 0 ? `: seed${found}` : ""}`;
    bar.update(done, { seeds: tally.seeds.toLocaleString("en"), rate, failures });
    return elapsed() >= seconds || tally.failures.length > 1000;
  };
  const result: Result = await campaign({ ...plan, enough }).finally(() => bar.stop());
  console.log(`\n${marksTable(world, result.marks.counts)}\n\n${summary(result, elapsed())}, digest ${result.digest}`);
  for (const failure of result.failures.slice(0, EXPLAINED)) {
    console.log(`\n${await explain(world, failure, "failures")}`);
  }
  if (result.failures.length > EXPLAINED) {
    console.log(`\nalso: ${result.failures.slice(EXPLAINED, 20).map(({ seed }) => `--seed ${seed}`).join(", ")}`);
  }
  const { missing } = result.marks;
  if (missing.length > 0) console.log(`\nnever reached: ${missing.join(", ")}`);
  // A short run need not reach the rarest states.
  return result.failures.length === 0 && (missing.length === 0 || result.seeds < 10_000);
}

async function main(args: string[]): Promise<boolean> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) {
    console.log(USAGE);
    return true;
  }
  if (values.mutants) return await runMutants(SETS.core!);
  const world = values.bus ? "bus" : "mob";
  if (values.runtimes !== undefined) {
    return await compareRuntimes(whole("runtimes", values.runtimes, 0), console.log, world);
  }
  if (values.seed !== undefined) {
    const { recording, outcome } = await WORLDS[world]!.record(whole("seed", values.seed, 1));
    console.log(await traceOf(recording, Infinity));
    return outcome.violation === undefined;
  }
  if (values.replay !== undefined) {
    const trace = await traceOf(readRecording(values.replay), Infinity);
    console.log(trace);
    return !trace.includes("FAILED: ");
  }
  const minutes = whole("minutes", values.minutes, 0);
  const plan: Plan = {
    world,
    from: whole("from", values.from, 1),
    seeds: minutes > 0 ? Infinity : whole("seeds", values.seeds, 10_000),
    processes: whole("processes", values.processes, availableParallelism()),
  };
  if (!values.digest) return await runSeeds(plan, minutes > 0 ? minutes * 60 : Infinity);
  const { digest, failures } = await campaign(plan);
  console.log(digest);
  return failures.length === 0;
}

try {
  process.exitCode = await main(process.argv.slice(2)) ? 0 : 1;
} catch (error) {
  if (!(error instanceof TypeError) || !error.message.startsWith("Cannot use")) throw error;
  console.error(`sim: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
