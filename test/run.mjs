// Runs the same test files on Node, Bun and Deno, and stops at the first runtime that fails.
// Usage: node test/run.mjs [node] [bun] [deno] [PART-OF-A-FILE-NAME ...]
// Files run side by side, each in a process of its own or, when they are short, several in one; those of the next runtime
// begin when none of this one wait. What a process writes is shown when it ends, under a line that names its files and
// whether they passed.

import { spawn } from "node:child_process";
import { generateKeyPair } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { compile } from "./helpers/typescript_hooks.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Bun's own limit is 5 s, less than a load test needs on a busy machine. */
const TEST_MS = 60_000;
/** A process that runs for longer hangs, and is killed. Node 20 and Deno have no limit of their own. */
const FILE_MS = 600_000;
/** How many processes run at once: a test waits about as long as it works. */
const LANES = Number(process.env.TEST_LANES ?? availableParallelism() + 2);
/** Short files share a process, up to so many seconds together: to start one takes as long as many of them run. */
const BATCH_SECONDS = 5;

/** Seconds that long files take, roughly: they start first. The others take half a second. */
const SECONDS = {
  "simulation/simulation.test.ts": 40,
  "end_to_end/scenarios.test.ts": 27,
  "conformance/adapter.test.ts": 25,
  "unit/tls.test.ts": 12,
  "unit/http_server.test.ts": 8,
  "end_to_end/user_types.test.ts": 10,
  "conformance/memory.test.ts": 9,
  "runtime_bugs/shapes.test.ts": 8,
  "end_to_end/runtime_pairs.test.ts": 8,
  "end_to_end/cli.test.ts": 7,
  "end_to_end/status_listener.test.ts": 4,
  "end_to_end/examples.test.ts": 6,
  "end_to_end/output.test.ts": 6,
  "end_to_end/tls_sessions.test.ts": 6,
  "unit/cli.test.ts": 6,
  "unit/cli_listeners.test.ts": 6,
  "end_to_end/stopped.test.ts": 5,
  "end_to_end/bench_generator.test.ts": 4,
  "end_to_end/bundles.test.ts": 4,
  "end_to_end/file_limit.test.ts": 4,
  "end_to_end/browser.test.ts": 15,
  "end_to_end/status_page.test.ts": 10,
  "end_to_end/websocket_client.test.ts": 4,
  "end_to_end/websocket_drivers.test.ts": 4,
  "end_to_end/one_mob.test.ts": 4,
  "unit/send_queue.test.ts": 4,
  "conformance/websocket.test.ts": 6,
  "end_to_end/websocket_attacks.test.ts": 6,
  "simulation/sweep.test.ts": 2,
  "simulation/work.test.ts": 2,
  "unit/connect_timeout.test.ts": 2,
};

/** How many keys a process has for certificates without making one. */
const KEYS = 10;

/** Files that begin with their runtime and take no place of another, since they wait and hardly work. */
const BESIDE = ["end_to_end/soak.test.ts"];

/** Files that run after all others, those of the runtimes at once, and why. All other bounds on time hold on a machine ten times as busy. */
const ALONE = {
  "end_to_end/stopped.test.ts":
    "servers are stopped by signals, and which clients are in time is a matter of two seconds",
};

const commands = {
  node: ["node", "--import", "./test/helpers/typescript.mjs", "--test-reporter=spec", "test/helpers/several.mjs"],
  bun: ["bun", "test", "--timeout", `${TEST_MS}`],
  // JSR is not needed this way: the map resolves @std/assert to test/std-assert. It replaces all imports of deno.json, and
  // what it resolves must not get into deno.lock. `npm run check` checks the types.
  deno: [
    "deno",
    "test",
    "-A",
    "--no-check",
    "--no-lock",
    "--import-map",
    "test/import_map.offline.json",
  ],
};

/** How each runtime tells how many tests passed: a process that tells nothing has run none. */
const PASSED = { node: /^ℹ pass (\d+)$/m, bun: /^ *(\d+) pass$/m, deno: /\| (\d+) passed \|/ };

const args = process.argv.slice(2);
const named = args.filter((arg) => Object.hasOwn(commands, arg));
const parts = args.filter((arg) => !Object.hasOwn(commands, arg));
const runtimes = named.length > 0 ? named : Object.keys(commands);

const files = readdirSync(join(root, "test"), { recursive: true })
  .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .sort();

if (files.length === 0) {
  console.error(`no test file matches ${parts.join(" ")}`);
  process.exit(2);
}

const secondsOf = (file) => SECONDS[file] ?? 0.5;

/** What runs in one process each, the longest first. */
function batchesOf(files) {
  const batches = [];
  let last = { files: [], seconds: Infinity };
  for (const file of files.toSorted((one, other) => secondsOf(other) - secondsOf(one))) {
    const seconds = secondsOf(file);
    if (last.seconds + seconds > BATCH_SECONDS) batches.push(last = { files: [], seconds: 0 });
    last.files.push(file);
    last.seconds += seconds;
  }
  return batches.map(({ files }) => files);
}

/** What a runtime gets by its environment: Node 20 has a WebSocket, but only when asked for it. */
const extraEnv = (runtime) => {
  const options = `${process.env.NODE_OPTIONS ?? ""} --experimental-websocket`;
  return runtime === "node" && process.versions.node.startsWith("20.") ? { NODE_OPTIONS: options } : {};
};

// The runtimes are devDependencies: theirs come before any other of the same name.
const env = {
  ...process.env,
  PATH: join(root, "node_modules", ".bin") + delimiter + process.env.PATH,
};

const windows = process.platform === "win32";
const running = new Set();

/** Ends a process and all that it started. */
function kill(child) {
  try {
    if (windows) child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    for (const child of running) kill(child);
    process.exit(1);
  });
}

/** Which of the files that share a process have failed, as far as the runtime tells. */
function failedIn(text, files) {
  // Bun has a section for each file; Node and Deno list what failed at the end.
  const sections = text.split(/^test\/(\S+\.test\.ts):$/m);
  const list = text.split(/^(?: ERRORS | FAILURES |✖ failing tests:)$/m).slice(1).join();
  const failed = files.filter((file) => {
    const at = sections.indexOf(file);
    return list.includes(`test/${file}`) || (at > 0 && /^\(fail\)|^error: /m.test(sections[at + 1]));
  });
  return failed.length > 0 ? failed : files;
}

/** Runs files in a process. Resolves to whether they failed, how many tests passed, what was written, and a title. */
function run(runtime, files, show) {
  const [command, ...options] = commands[runtime];
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, [...options, ...files.map((file) => `./test/${file}`)], {
      cwd: root,
      env: { ...env, ...extraEnv(runtime) },
      stdio: ["ignore", "pipe", "pipe"],
      detached: !windows,
      shell: windows,
    });
    running.add(child);
    let output = "";
    let late = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
        show?.(text);
      });
    }
    const timer = setTimeout(() => {
      late = true;
      kill(child);
    }, FILE_MS);
    let over = false;
    const end = (problem) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      running.delete(child);
      kill(child);
      const text = stripVTControlCharacters(output);
      const passed = PASSED[runtime].exec(text)?.[1];
      const wrong = problem ?? (passed === undefined ? "no tests were run" : undefined);
      const names = (wrong === undefined ? files : failedIn(text, files)).join(", ");
      const how = wrong === undefined ? "passed" : `FAILED (${wrong})`;
      const title = `--- ${how} on ${runtime} in ${((Date.now() - started) / 1000).toFixed(1)} s: ${names}`;
      resolve({ failed: wrong !== undefined, passed: Number(passed ?? 0), output, title });
    };
    child.on("error", (error) => end(error.message));
    child.on("exit", (code, signal) => {
      const problem = late
        ? `it hangs: killed after ${FILE_MS / 1000} s`
        : code === 0
        ? undefined
        : signal ?? `exit code ${code}`;
      child.on("close", () => end(problem));
      // What it has left behind may hold its output open.
      setTimeout(() => end(problem), 1000).unref();
    });
  });
}

const only = (list) => files.filter((file) => list.includes(file));

/** The files of a runtime, and what came of them. */
const suites = runtimes.map((runtime) => ({
  runtime,
  beside: only(BESIDE).map((file) => [file]),
  side: batchesOf(files.filter((file) => !BESIDE.includes(file) && !Object.hasOwn(ALONE, file))),
  alone: only(Object.keys(ALONE)).map((file) => [file]),
  /** How many processes are left before the files that run alone. */
  left: 0,
  passed: 0,
  failures: [],
}));
const live = suites.flatMap(({ beside, side, alone }) => [...beside, ...side, ...alone]).length === 1;

/** Runs files of a runtime. */
async function runOf(suite, files) {
  const { title, output, passed, failed } = await run(
    suite.runtime,
    files,
    live ? (text) => process.stdout.write(text) : undefined,
  );
  console.log(`\n${title}${live ? "" : `\n${output.trimEnd()}`}`);
  suite.passed += passed;
  if (failed) suite.failures.push(title);
}

/** Says what has come of a runtime. Ends when it has failed. */
function conclude({ runtime, failures, passed, started }) {
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  if (failures.length === 0) return console.log(`\n=== ${passed} tests passed on ${runtime} in ${seconds} s`);
  console.error(`\n${failures.join("\n")}\n=== tests failed on ${runtime} after ${seconds} s`);
  for (const child of running) kill(child);
  process.exit(1);
}

const waiting = suites.flatMap((suite) => suite.side.map((files) => ({ suite, files })));
const besides = [];

/** Begins with a runtime when its first files begin. */
function begin(suite) {
  if (suite.started !== undefined) return;
  suite.started = Date.now();
  suite.left = suite.beside.length + suite.side.length;
  console.log(`\n=== ${files.length} test files on ${suite.runtime}`);
  for (const files of suite.beside) besides.push(counted(suite, files));
}

/** Runs files, and stops after the last of a runtime when some have failed. */
async function counted(suite, files) {
  await runOf(suite, files);
  if (--suite.left === 0 && suite.failures.length > 0) conclude(suite);
}

async function lane() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    begin(next.suite);
    await counted(next.suite, next.files);
  }
}

// What many processes need is made once: keys for certificates, each of which takes a tenth of a second or three, and for
// Node the files without their types.
if (waiting.length > 1) {
  const folder = mkdtempSync(join(tmpdir(), "mobcast-keys-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  env.TEST_KEYS = join(folder, "keys.json");
  const options = { modulusLength: 2048, privateKeyEncoding: { type: "pkcs8", format: "pem" } };
  const pairs = await Promise.all(Array.from({ length: KEYS }, () => promisify(generateKeyPair)("rsa", options)));
  writeFileSync(env.TEST_KEYS, JSON.stringify(pairs.map(({ privateKey }) => privateKey)), { mode: 0o600 });
}
if (runtimes.includes("node")) await compile(["src", "adapters", "test"].map((folder) => join(root, folder)));
await Promise.all(Array.from({ length: LANES }, lane));
suites.forEach(begin);
await Promise.all(besides);
await Promise.all(suites.map(async (suite) => {
  for (const files of suite.alone) await runOf(suite, files);
  conclude(suite);
}));
