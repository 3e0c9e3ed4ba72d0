/**
 * Hunts mutants: `npm run mutants -- [--set SET] [--sample [--round N]] [PART-OF-WHY-OR-FILE ...]`.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { runMutants } from "./hunting.ts";
import { sampleOf, SETS, trustedOf } from "./sets.ts";

const USAGE = `Usage: npm run mutants -- [--set SET | --sample [--round N]] [PART ...]
  --set SET   only those of one set: ${Object.keys(SETS).join(", ")}
  --sample    all of the core, and a few of each other set, others in the next round
  --round N    which few: by default a day is a round
  PART        only those with this part in their description or file`;

const DAY = 24 * 60 * 60 * 1000;

async function main(args: string[]): Promise<boolean> {
  const { values, positionals } = parseArgs({
    args,
    options: {
      set: { type: "string" },
      sample: { type: "boolean" },
      round: { type: "string", default: String(Math.floor(Date.now() / DAY)) },
      help: { type: "boolean" },
    },
    allowPositionals: true,
  });
  const round = Number(values.round);
  const set = values.sample
    ? sampleOf(round)
    : values.set === undefined
    ? Object.values(SETS).flat()
    : SETS[values.set];
  if (set === undefined || values.help || !Number.isSafeInteger(round)) {
    console.error(USAGE);
    return values.help === true;
  }
  if (values.sample) console.log(`the sample of round ${round}: again with --sample --round ${round}`);
  const asked = set
    .filter(({ why, file }) => positionals.length === 0 || positionals.some((part) => `${why} ${file}`.includes(part)));
  if (asked.length === 0) throw new TypeError(`Cannot hunt ${args.join(" ")}: there is no such mutant`);
  return await runMutants(asked, values.sample ? trustedOf(round) : undefined);
}

process.exitCode = await main(process.argv.slice(2)) ? 0 : 1;
