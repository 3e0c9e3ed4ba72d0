/**
 * Mutation: plants each mutant in a copy of the project and runs the simulation there, until it fails.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { ROOT } from "../helpers/command_line.ts";
import { type Mutant, MUTANTS } from "./mutants.ts";

/** Seeds within which a mutant must be found. */
export const SEEDS = 2000;

/** A mutant that hangs the simulation is found, too: in so many milliseconds it runs all seeds by far. */
const PATIENCE = 120_000;

/** How a mutant was found. */
export interface Found {
  readonly mutant: Mutant;
  /** By which rule, and after how many seeds; `undefined`: it was not. */
  readonly by: string | undefined;
}

/** A file with a mutant in it. Throws when the line is not there, or not once: then the mutant must be mended. */
export function plant({ about, file, find, put }: Mutant): string {
  const source = readFileSync(join(ROOT, file), "utf8");
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new Error(`Cannot plant "${about}": ${JSON.stringify(find)} is ${parts.length - 1} times in ${file}`);
  }
  return parts.join(put);
}

/** Makes a copy of what the simulation needs. Whoever asked for it removes it. */
export function copyProject(): string {
  const copy = mkdtempSync(join(tmpdir(), "mobcast-mutants-"));
  for (const name of ["src", "adapters", "test/simulation", "test/helpers", "package.json", "tsconfig.json"]) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** Runs the simulation in a copy, until it fails or all seeds have run. */
function hunt(copy: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const script = ["--import", "tsx", "test/simulation/hunt.ts", `${SEEDS}`];
    const child = spawn(process.execPath, script, { cwd: copy, stdio: ["ignore", "pipe", "ignore"] });
    let told = "";
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, PATIENCE);
    child.stdout.setEncoding("utf8").on("data", (text: string) => told += text);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve(hung ? "it hangs" : code === 0 ? undefined : told.trim() || `exit code ${code}`);
    });
  });
}

/** Plants the mutants one after another in copies of their own, two at a time on two cores. */
export async function huntMutants(mutants: readonly Mutant[], tell: (found: Found) => void): Promise<Found[]> {
  const waiting = [...mutants];
  const all: Found[] = [];
  const work = async (): Promise<void> => {
    const copy = copyProject();
    try {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const path = join(copy, mutant.file);
        const healthy = readFileSync(path, "utf8");
        writeFileSync(path, plant(mutant));
        const found = { mutant, by: await hunt(copy) };
        writeFileSync(path, healthy);
        all.push(found);
        tell(found);
      }
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return all;
}

/** Runs all mutants and tells of each. Says whether all were found. */
export async function runMutants(): Promise<boolean> {
  const found = await huntMutants(MUTANTS, ({ mutant, by }) => {
    console.log(`${by === undefined ? "SURVIVES" : "found"}  ${mutant.about} (${mutant.file})${by ? `: ${by}` : ""}`);
  });
  const survivors = found.filter(({ by }) => by === undefined).length;
  console.log(`${found.length - survivors} of ${found.length} mutants found within ${SEEDS} seeds each`);
  return survivors === 0;
}
