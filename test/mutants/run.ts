/**
 * Hunts mutants: `npm run mutants -- [--set core|server|adapters|tls|client|cli|load] [--sample] [PART-OF-WHY-OR-FILE ...]`.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { runMutants } from "./hunting.ts";
import { SETS } from "./sets.ts";

const USAGE = `Usage: npm run mutants -- [--set SET] [--sample] [PART ...]
  --set SET   only those of one set: ${Object.keys(SETS).join(", ")}
  --sample    only the few of each set, but for the core, that are tried each time
  PART        only those with this part in their description or file`;

async function main(args: string[]): Promise<boolean> {
  const { values, positionals } = parseArgs({
    args,
    options: { set: { type: "string" }, sample: { type: "boolean" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  const set = values.set === undefined ? Object.values(SETS).flat() : SETS[values.set];
  if (set === undefined || values.help) {
    console.error(USAGE);
    return values.help === true;
  }
  const asked = set
    .filter(({ sample }) => !values.sample || sample)
    .filter(({ why, file }) => positionals.length === 0 || positionals.some((part) => `${why} ${file}`.includes(part)));
  if (asked.length === 0) throw new TypeError(`Cannot hunt ${args.join(" ")}: there is no such mutant`);
  return await runMutants(asked);
}

process.exitCode = await main(process.argv.slice(2)) ? 0 : 1;
