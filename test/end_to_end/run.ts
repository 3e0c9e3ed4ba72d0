/** Runs scenarios and prints their figures: `npm run scenarios -- [NAME ...] [--runtime node|bun|deno] [--short] [--minutes N]`. */

import process from "node:process";
import { parseArgs } from "node:util";
import { type RuntimeName, RUNTIMES } from "../helpers/command_line.ts";
import type { Row, Scenario, Size } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { soakOf } from "./soak.ts";

/** What was asked for. */
interface Task {
  readonly scenarios: readonly Scenario[];
  readonly runtimes: readonly RuntimeName[];
  readonly size: Size;
}

/** Understands the arguments. Throws when they ask for what there is not. */
function understand(args: string[]): Task {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      runtime: { type: "string", multiple: true },
      short: { type: "boolean", default: false },
      minutes: { type: "string" },
    },
  });
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0)) {
    throw new Error(`Cannot soak for ${values.minutes} minutes, give a number`);
  }
  const scenarios = positionals.map((name) => {
    const found = SCENARIOS.find((scenario) => scenario.name === name);
    if (found === undefined) throw new Error(`no scenario ${name}: there are ${SCENARIOS.map(({ name }) => name)}`);
    return found.name === "soak" ? soakOf(minutes) : found;
  });
  const runtimes = (values.runtime ?? []).map((name) => {
    const found = RUNTIMES.find((runtime) => runtime === name);
    if (found === undefined) throw new Error(`no runtime ${name}: there are ${RUNTIMES}`);
    return found;
  });
  return {
    scenarios: scenarios.length > 0 ? scenarios : SCENARIOS,
    runtimes: runtimes.length > 0 ? runtimes : RUNTIMES,
    size: values.short ? "short" : "long",
  };
}

/** One row as one line: the same columns in each row of a scenario. */
function format(runtime: RuntimeName, { label, figures, problems }: Row): string {
  const cells = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  const verdict = problems.length === 0 ? "PASS" : "FAIL";
  return [
    `${verdict} ${runtime.padEnd(4)} ${label.padEnd(28)} ${cells.join(", ")}`,
    ...problems.map((text) => `     ${text}`),
  ]
    .join("\n");
}

/** Runs the scenarios that were asked for. Returns whether all of them passed. */
async function runAll({ scenarios, runtimes, size }: Task): Promise<boolean> {
  let passed = true;
  const show = (runtime: RuntimeName, row: Row): void => {
    passed &&= row.problems.length === 0;
    console.log(format(runtime, row));
  };
  for (const { name, about, run } of scenarios) {
    console.log(`\n${name}: ${about}`);
    for (const runtime of runtimes) {
      try {
        for await (const row of run(runtime, size)) show(runtime, row);
      } catch (error) {
        show(runtime, { label: name, figures: {}, problems: [error instanceof Error ? error.stack! : String(error)] });
      }
    }
  }
  return passed;
}

try {
  process.exitCode = await runAll(understand(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  console.error(`scenarios: ${(error as Error).message}`);
  process.exitCode = 2;
}
