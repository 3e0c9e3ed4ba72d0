/**
 * Determinism: the same seeds have the same traces on Node, Bun and Deno.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT, type RuntimeName, RUNTIMES } from "../helpers/command_line.ts";
import { SHORT_DENO, SHORT_NODE } from "../helpers/short_process.mjs";

/** The command that runs the simulation on each runtime. */
const COMMANDS: Readonly<Record<RuntimeName, readonly string[]>> = {
  node: SHORT_NODE,
  bun: [join(ROOT, "node_modules/.bin/bun"), "run"],
  deno: [join(ROOT, "node_modules/.bin/deno"), "run", ...SHORT_DENO],
};

/** The digest of the traces of some seeds on a runtime. Rejects when it prints anything else. */
export function digestOn(runtime: RuntimeName, from: number, seeds: number, world = "mob"): Promise<string> {
  const [command, ...args] = COMMANDS[runtime];
  const asked = ["test/simulation/run.ts", "--digest", "--from", `${from}`, "--seeds", `${seeds}`, "--processes", "0"];
  if (world === "bus") asked.push("--bus");
  return new Promise((resolve, reject) => {
    const child = spawn(command!, [...args, ...asked], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => output += text);
    child.on("error", reject);
    child.on("close", (code) => {
      const digest = output.trim();
      if (code === 0 && /^[0-9a-f]{8}$/.test(digest)) resolve(digest);
      else reject(new Error(`Cannot simulate on ${runtime}: exit code ${code}, it printed ${JSON.stringify(digest)}`));
    });
  });
}

/** Runs the same seeds on the three runtimes. Returns whether they agree. */
export async function compareRuntimes(
  seeds: number,
  tell: (line: string) => void,
  world = "mob",
): Promise<boolean> {
  const digests: string[] = [];
  for (const runtime of RUNTIMES) {
    const digest = await digestOn(runtime, 1, seeds, world);
    tell(`${runtime.padEnd(4)} ${digest}`);
    digests.push(digest);
  }
  const agree = new Set(digests).size === 1;
  tell(agree ? `${seeds} seeds, the same traces on all` : "the traces differ");
  return agree;
}
