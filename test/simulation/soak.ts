/** Runs seeds from 1 on until one fails, and prints which rule it broke: for a mutant in a copy of the core. */

import process from "node:process";
import { runSeed } from "./run_seed.ts";

/** A line now and then shows that it does not hang. */
const WORD_EVERY = 100;

const most = Number(process.argv[2]);
for (let seed = 1; seed <= most; seed++) {
  const { violation } = await runSeed(seed);
  if (seed % WORD_EVERY === 0) console.log(`seed ${seed}`);
  if (violation === undefined) continue;
  console.log(`seed ${seed}, ${violation.rule}: ${violation.what.split("\n")[0]}`);
  process.exit(1);
}
