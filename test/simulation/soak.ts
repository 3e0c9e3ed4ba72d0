/** Runs seeds until one fails, and prints which rule it broke: for a mutant in a copy of the core. */

import process from "node:process";
import { runSeed } from "./run_seed.ts";

/** A line now and then shows that it does not hang. */
const WORD_EVERY = 20;

/**
 * Seeds that are tried first: each takes a few milliseconds and finds mutants that those before it do not. All but a few
 * are found by them. When the simulation changes they find no more than others do; then choose anew.
 */
const FIRST = [
  ...[837, 436, 208, 1158, 198, 178, 288, 240, 68, 280, 35, 316, 448, 106, 215, 279, 694, 235, 1148, 1317, 153, 72, 21],
  ...[407, 559, 4, 2, 158, 44, 79, 400, 1821, 88, 77],
  ...[249, 304, 421, 458, 487, 664, 22, 43, 86, 224],
];

const most = Number(process.argv[2]);
const seeds = [...FIRST, ...Array.from({ length: most }, (_, index) => index + 1)];
for (const [index, seed] of seeds.entries()) {
  if (index % WORD_EVERY === 0) console.log(`seed ${seed}`);
  const { violation } = await runSeed(seed);
  if (violation === undefined) continue;
  console.log(`seed ${seed}, ${violation.rule}: ${violation.what.split("\n")[0]}`);
  process.exit(1);
}
