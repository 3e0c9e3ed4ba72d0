/**
 * A campaign: many seeds, in as many processes as there are cores.
 *
 * @module
 */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Marks } from "./marks.ts";
import { WORLDS } from "./worlds.ts";

/** Seeds are handed out by so many, and their hashes are folded by so many: the digest does not depend on processes. */
const CHUNK = 50;

/** A seed that failed. */
export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly what: string;
}

/** What came of some seeds. */
export interface Tally {
  /** How many. */
  seeds: number;
  /** Events that were reported to cores. */
  events: number;
  readonly marks: Marks<string>;
  readonly failures: Failure[];
}

/** The result of a chunk, from its process. */
export interface ChunkDone {
  readonly chunk: number;
  readonly events: number;
  readonly counts: Marks<string>["counts"];
  readonly failures: readonly Failure[];
  readonly digest: number;
}

/** What is asked of a campaign. */
export interface Plan {
  /** The kind of their worlds. Default `mob`. */
  readonly world?: string;
  /** The first seed. */
  readonly from: number;
  /** How many; `Infinity`: until `enough` returns true. */
  readonly seeds: number;
  /** How many processes; 0: this one. */
  readonly processes: number;
  /** Called after each chunk; returns whether to stop. */
  readonly enough?: (tally: Tally) => boolean;
}

/** A tally, and one number for all traces together, the same on every engine. */
export interface Result extends Tally {
  readonly digest: string;
  /** The digest of its first seeds alone, of whole chunks, as a campaign of no more seeds has it. */
  digestOf(seeds: number): string;
}

/** Runs seeds. */
export async function campaign(plan: Plan): Promise<Result> {
  const chunks = Math.ceil(plan.seeds / CHUNK);
  const { world = "mob" } = plan;
  const tally: Tally = { seeds: 0, events: 0, marks: new Marks(Object.keys(WORLDS[world]!.marks)), failures: [] };
  const digests: number[] = [];
  let next = 0;
  let stopped = false;
  const take = (): Work | undefined => {
    if (stopped || next >= chunks) return undefined;
    const chunk = next++;
    return [chunk, plan.from + chunk * CHUNK, Math.min(CHUNK, plan.seeds - chunk * CHUNK), world];
  };
  const done = (result: ChunkDone, seeds: number): void => {
    tally.seeds += seeds;
    tally.events += result.events;
    tally.marks.add(result.counts);
    tally.failures.push(...result.failures);
    digests[result.chunk] = result.digest;
    if (plan.enough?.(tally)) stopped = true;
  };
  if (plan.processes === 0) {
    for (let work = take(); work !== undefined; work = take()) done(await runChunk(...work), work[2]);
  } else {
    await Promise.all(Array.from({ length: plan.processes }, () => inProcess(take, done)));
  }
  tally.failures.sort((one, other) => one.seed - other.seed);
  const digestOf = (seeds: number): string =>
    (digests.slice(0, Math.ceil(seeds / CHUNK)).reduce(fold, 0) >>> 0).toString(16).padStart(8, "0");
  return { ...tally, digest: digestOf(plan.seeds), digestOf };
}

/** A chunk: its number, its first seed, how many there are, and the kind of their worlds. */
export type Work = [chunk: number, from: number, count: number, world: string];

/** Runs the seeds of one chunk. */
export async function runChunk(...[chunk, from, count, world]: Work): Promise<ChunkDone> {
  const { marks: names, runSeed } = WORLDS[world]!;
  const marks = new Marks(Object.keys(names));
  const failures: Failure[] = [];
  let events = 0;
  let digest = 0;
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await runSeed(seed);
    events += outcome.events;
    marks.add(outcome.marks);
    digest = fold(digest, Number.parseInt(outcome.hash.slice(8), 16) ^ Number.parseInt(outcome.hash.slice(0, 8), 16));
    if (outcome.violation !== undefined) failures.push({ seed, ...outcome.violation });
  }
  return { chunk, events, counts: marks.counts, failures, digest };
}

/** Numbers into one, in their order. */
function fold(one: number, other: number): number {
  return Math.imul(one ^ other, 0x01000193) + (one >>> 15) | 0;
}

/** One process, which takes chunks until there are no more. Not a thread: on Node 20 those do not get the loader. */
function inProcess(
  take: () => Work | undefined,
  done: (result: ChunkDone, seeds: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)));
    let work: Work | undefined;
    const give = (): void => {
      work = take();
      if (work !== undefined) child.send(work);
      else child.disconnect();
    };
    child.on("message", (result) => {
      done(result as ChunkDone, work![2]);
      give();
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0 && work === undefined) resolve();
      else reject(new Error(`Cannot simulate seeds from ${work?.[1]} on: the process ended with ${code}`));
    });
    give();
  });
}
