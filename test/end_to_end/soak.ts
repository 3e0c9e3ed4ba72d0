/** Churn of every kind leaves nothing behind, and the clients that stay receive everything once, in one order. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT, type RuntimeName } from "../helpers/command_line.ts";
import type { Row, Scenario } from "./scenario.ts";

/** How long it churns by default, in minutes. */
const MINUTES = { long: 1, short: 0.05 } as const;

/** The share of a core that it takes: in the tests other files run meanwhile. */
const SHARE = { long: 0.25, short: 0.12 } as const;

/** The longest that a soak takes over its time, in milliseconds. */
const SURPLUS = 90_000;

const PROGRAM = "test/end_to_end/soak_program.ts";

/** What runs the program, with leave to collect garbage. */
function commandOf(runtime: RuntimeName): string[] {
  const bin = (name: string): string => join(ROOT, "node_modules", ".bin", name);
  if (runtime === "bun") return [bin("bun"), "run"];
  if (runtime === "node") return ["node", "--expose-gc", "--import", "./test/helpers/typescript.mjs"];
  const map = ["--no-lock", "--import-map", "test/import_map.offline.json"];
  return [bin("deno"), "run", "-A", "--no-check", ...map, "--v8-flags=--expose-gc"];
}

/** Runs the program and returns what it says. */
function run(runtime: RuntimeName, minutes: number, share: number): Promise<Omit<Row, "label">> {
  const [command, ...args] = commandOf(runtime);
  const child = spawn(command!, [...args, PROGRAM, String(minutes), String(share)], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const written = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => written.stdout += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => written.stderr = (written.stderr + text).slice(-4000));
  const timer = setTimeout(() => child.kill("SIGKILL"), minutes * 60_000 + SURPLUS);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      try {
        resolve(JSON.parse(written.stdout));
      } catch {
        reject(new Error(`the soak ended with ${signal ?? code}: ${written.stdout}${written.stderr}`));
      }
    });
  });
}

/** A soak of so many minutes. */
export function soakOf(minutes?: number): Scenario {
  return {
    name: "soak",
    about: "churn of every kind: descriptors, handles, timers, listeners, memory and every list end where they began",
    async *run(runtime, size) {
      const time = minutes ?? MINUTES[size];
      yield { label: `${time} minutes of churn`, ...await run(runtime, time, SHARE[size]) };
    },
  };
}

/** See above, in the usual time. */
export const soak: Scenario = soakOf();
