// Runs the same test files on Node, Bun and Deno, one after another, and stops at the first that fails.
// Usage: node test/run.mjs [node] [bun] [deno] [PART-OF-A-FILE-NAME ...]
// A script and not a line in package.json because Node 20 knows no globs and Deno no time limit.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Bun's own limit is 5 s, less than a load test needs on a busy machine. */
const TEST_MS = 60_000;
/** Node 20 takes its limit for a test file as well as for a test. */
const FILE_MS = 300_000;
/** Deno has no limit at all, so the whole run has one. */
const RUN_MS = 900_000;

const commands = {
  node: [
    "node",
    "--import",
    "tsx",
    "--test",
    `--test-timeout=${FILE_MS}`,
    "--test-reporter=spec",
  ],
  bun: ["bun", "test", "--timeout", `${TEST_MS}`],
  // JSR is not needed this way: the map resolves @std/assert to test/std-assert. It replaces all imports of deno.json, and
  // what it resolves must not get into deno.lock.
  deno: [
    "deno",
    "test",
    "-A",
    "--no-lock",
    "--import-map",
    "test/import_map.offline.json",
  ],
};

const args = process.argv.slice(2);
const named = args.filter((arg) => Object.hasOwn(commands, arg));
const parts = args.filter((arg) => !Object.hasOwn(commands, arg));
const runtimes = named.length > 0 ? named : Object.keys(commands);

const files = readdirSync(join(root, "test"), { recursive: true })
  .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
  .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .map((name) => `./test/${name.replaceAll("\\", "/")}`)
  .sort();

if (files.length === 0) {
  console.error(`no test file matches ${parts.join(" ")}`);
  process.exit(2);
}

// The runtimes are devDependencies: theirs come before any other of the same name.
const env = {
  ...process.env,
  PATH: join(root, "node_modules", ".bin") + delimiter + process.env.PATH,
};

for (const runtime of runtimes) {
  const [command, ...options] = commands[runtime];
  console.log(`\n=== ${files.length} test files on ${runtime}`);
  const started = Date.now();
  const { status, signal, error } = spawnSync(command, [...options, ...files], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
    timeout: RUN_MS,
    killSignal: "SIGKILL",
    shell: process.platform === "win32",
  });
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (status !== 0) {
    console.error(
      `=== tests failed on ${runtime} after ${seconds} s: ${error?.message ?? signal ?? `exit code ${status}`}`,
    );
    process.exit(1);
  }
  console.log(`=== tests passed on ${runtime} in ${seconds} s`);
}
