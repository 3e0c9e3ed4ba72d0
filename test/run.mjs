// Runs the same test files on Node, Bun and Deno, and stops at the first runtime that fails.
// Usage: node test/run.mjs [node] [bun] [deno] [PART-OF-A-FILE-NAME ...]
// Files run side by side, each in a process of its own or, when they are short, several in one; those of the next runtime
// begin when none of this one wait. What a process writes is shown when it ends, under a line that names its files and
// whether they passed. What fails beside others runs once more alone, and is told at the end in any case.

import { spawn } from "node:child_process";
import { generateKeyPair } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";
import { promisify, stripVTControlCharacters } from "node:util";
import { batchesOf, endOf, failedIn, slowOf, workOf } from "./helpers/run_report.mjs";
import { SHORT_BUN, SHORT_DENO, SHORT_NODE } from "./helpers/short_process.mjs";
import { compile } from "./helpers/typescript_hooks.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Bun's own limit is 5 s, less than a load test needs on a busy machine. */
const TEST_MS = 60_000;
/** A process that runs for longer hangs, and is killed: so many times what the table says, or so many seconds. Node 20 and Deno have no limit of their own. */
const HANGS = { times: 5, seconds: 150 };
/** So many processes of a runtime that failed beside others run again, alone: what fails in more is broken, and not held up by them. */
const MOST_AGAIN = 3;
/** How many processes run at once: a test waits longer than it works, and with two more than cores a core stood idle for a quarter of the time. */
const LANES = Number(process.env.TEST_LANES ?? availableParallelism() + 4);
/** Short files share a process, up to so many seconds together: to start one takes as long as many of them run. */
const BATCH_SECONDS = 10;

/** A file that takes so long begins before those of other runtimes. */
const EARLY_SECONDS = 100;

/**
 * Seconds that long files take beside others, on all runtimes or on each: they start first. The others take half a second. What
 * is far from true is told at the end of a run.
 */
const SECONDS = {
  "simulation/simulation.test.ts": { node: 20, bun: 13, deno: 120 },
  "end_to_end/soak.test.ts": 72,
  "end_to_end/bus_cluster.test.ts": { node: 55, bun: 0.5, deno: 0.5 },
  "end_to_end/check.test.ts": { node: 25, bun: 5, deno: 5 },
  "simulation/bus_worlds.test.ts": { node: 10, bun: 5, deno: 45 },
  "conformance/adapter.test.ts": 43,
  "end_to_end/scenarios.test.ts": 36,
  "end_to_end/threads.test.ts": { node: 1, bun: 26, deno: 30 },
  "end_to_end/browser.test.ts": 24,
  "end_to_end/doc_commands.test.ts": { node: 24, bun: 0.5, deno: 0.5 },
  "end_to_end/bus_mobs.test.ts": 23,
  "end_to_end/file_limit.test.ts": { node: 12, bun: 5, deno: 20 },
  "unit/nats_stream.test.ts": 18,
  "end_to_end/bus_command.test.ts": 19,
  "runtime_bugs/shapes.test.ts": 19,
  "end_to_end/bundles.test.ts": 18,
  "end_to_end/status_page.test.ts": 18,
  "conformance/websocket.test.ts": 13,
  "end_to_end/cli.test.ts": 13,
  "end_to_end/bus_engine.test.ts": 13,
  "end_to_end/bus_terms.test.ts": 13,
  "unit/tls_attacks.test.ts": 13,
  "end_to_end/user_types.test.ts": { node: 13, bun: 0.5, deno: 0.5 },
  "end_to_end/examples.test.ts": 12,
  "conformance/memory.test.ts": 11,
  "end_to_end/output.test.ts": 11,
  "end_to_end/websocket_client.test.ts": 10,
  "unit/shared_channel.test.ts": 10,
  "end_to_end/bench_generator.test.ts": 9,
  "end_to_end/resume_on_bus.test.ts": 8,
  "unit/cli_bench.test.ts": 8,
  "unit/dialing.test.ts": 8,
  "unit/tls_certificates.test.ts": 8,
  "unit/send_queue.test.ts": 8,
  "end_to_end/packaging.test.ts": 7,
  "end_to_end/prometheus.test.ts": 7,
  "end_to_end/runtime_pairs.test.ts": 7,
  "unit/cli_listeners.test.ts": 7,
  "unit/stream_channel_faults.test.ts": 7,
  "end_to_end/stopped.test.ts": 6,
  "end_to_end/tls_sessions.test.ts": 6,
  "end_to_end/websocket_drivers.test.ts": 6,
  "unit/resume.test.ts": 6,
  "end_to_end/monitoring.test.ts": 5,
  "end_to_end/one_mob.test.ts": 5,
  "end_to_end/websocket_attacks.test.ts": 5,
  "unit/resuming_client.test.ts": 5,
  "end_to_end/foreign_programs.test.ts": 4,
  "unit/cli_completion.test.ts": 4,
  "unit/http_limits.test.ts": 4,
  "unit/http_tls.test.ts": 4,
  "unit/connect_timeout.test.ts": 4,
  "unit/options.test.ts": 4,
  "end_to_end/status_listener.test.ts": 3,
  "unit/common_offsets.test.ts": 3,
  "unit/common_offsets_random.test.ts": 3,
  "unit/secret.test.ts": 3,
  "simulation/sweep.test.ts": 3,
  "simulation/work.test.ts": 3,
  "unit/decoder.test.ts": 3,
  "unit/doc_examples.test.ts": 3,
  "unit/load.test.ts": 3,
  "unit/mob.test.ts": 3,
  "unit/websocket_memory.test.ts": 3,
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
  node: [...SHORT_NODE, "--test-reporter=spec", "test/helpers/several.mjs"],
  bun: ["bun", "test", "--timeout", `${TEST_MS}`],
  deno: ["deno", "test", ...SHORT_DENO],
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

const secondsOf = (file, runtime) => SECONDS[file]?.[runtime] ?? SECONDS[file] ?? 0.5;
const saidOf = (runtime, files) => files.reduce((sum, file) => sum + secondsOf(file, runtime), 0);

/** What a runtime gets by its environment. Node 20 has a WebSocket, but only when asked for it. */
const extraEnv = (runtime) => {
  if (runtime === "bun") return SHORT_BUN;
  const options = `${process.env.NODE_OPTIONS ?? ""} --experimental-websocket`;
  return runtime === "node" && process.versions.node.startsWith("20.") ? { NODE_OPTIONS: options } : {};
};

// The runtimes are devDependencies: theirs come before any other of the same name.
const env = {
  ...process.env,
  PATH: join(root, "node_modules", ".bin") + delimiter + process.env.PATH,
};

const windows = process.platform === "win32";

/** Runs a command, and writes to another pipe how long processors worked for it and for all that it has waited for. */
const TIMED = '"$@" 3>&-; code=$?; times >&3; exit $code';

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

/** Runs files in a process. Resolves to those that failed, how many tests passed, what was written, times, and a title. */
function run(runtime, files, show) {
  const longest = Math.max(HANGS.seconds, HANGS.times * saidOf(runtime, files));
  const [command, ...options] = commands[runtime];
  const started = Date.now();
  return new Promise((resolve) => {
    const line = [command, ...options, ...files.map((file) => `./test/${file}`)];
    const [program, ...words] = windows ? line : ["/bin/sh", "-c", TIMED, "sh", ...line];
    const child = spawn(program, words, {
      cwd: root,
      env: { ...env, ...extraEnv(runtime) },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
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
    let times = "";
    child.stdio[3].setEncoding("utf8").on("data", (text) => times += text);
    const timer = setTimeout(() => {
      late = true;
      kill(child);
    }, 1000 * longest);
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
      const culprits = wrong === undefined ? [] : failedIn(text, files);
      const names = (wrong === undefined ? files : culprits).join(", ");
      const how = wrong === undefined ? "passed" : `FAILED (${wrong})`;
      const [seconds, work] = [(Date.now() - started) / 1000, workOf(times)];
      const took = `${seconds.toFixed(1)} s${windows ? "" : `, ${work.toFixed(1)} s of a processor`}`;
      const title = `--- ${how} on ${runtime} in ${took}: ${names}`;
      resolve({ culprits, passed: Number(passed ?? 0), output, text, title, seconds, work });
    };
    child.on("error", (error) => end(error.message));
    child.on("exit", (code, signal) => {
      const problem = late
        ? `it hangs: killed after ${longest} s`
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
  side: batchesOf(
    files.filter((file) => !BESIDE.includes(file) && !Object.hasOwn(ALONE, file)),
    (file) => secondsOf(file, runtime),
    BATCH_SECONDS,
  ),
  alone: only(Object.keys(ALONE)).map((file) => [file]),
  /** How many processes are left before the files that run alone. */
  left: 0,
  passed: 0,
  work: 0,
  failures: [],
  /** What failed beside others, and passed alone. */
  unsteady: [],
  /** How long its processes took, and how long the table says. */
  runs: [],
}));
const live = suites.flatMap(({ beside, side, alone }) => [...beside, ...side, ...alone]).length === 1;

/** Runs files of a runtime. Resolves to what failed, if something did. */
async function runOf(suite, files) {
  const { title, output, text, passed, culprits, seconds, work } = await run(
    suite.runtime,
    files,
    live ? (text) => process.stdout.write(text) : undefined,
  );
  console.log(`\n${title}${live ? "" : `\n${output.trimEnd()}`}`);
  suite.passed += passed;
  suite.work += work;
  suite.runs.push({ files: files.join(", "), seconds, said: saidOf(suite.runtime, files) });
  if (culprits.length === 0) return undefined;
  const failure = { title, end: endOf(text, files), culprits };
  suite.failures.push(failure);
  return failure;
}

/** Whether more failed than what ran beside it may have held up. */
const isBroken = ({ failures }) => failures.length > (live ? 0 : MOST_AGAIN);

/** Runs once more, with nothing beside it, what failed beside others. */
async function again(suite) {
  for (const failure of suite.failures.splice(0)) {
    if (await runOf(suite, failure.culprits) === undefined) suite.unsteady.push(failure);
  }
}

/** Says what has come of a runtime. Ends when it has failed: what failed is shown again, since only the end of a log is read. */
function conclude({ runtime, failures, unsteady, passed, started, runs, work }) {
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  for (const { files, seconds, said } of slowOf(runs)) {
    console.log(`\nslow on ${runtime}: ${seconds.toFixed(0)} s, and SECONDS in test/run.mjs says ${said}: ${files}`);
  }
  if (!live) { for (const { title, end } of [...unsteady, ...failures]) console.error(`\n${title}\n${end}`); }
  for (const { culprits } of unsteady) {
    console.error(`\nunsteady on ${runtime}: failed beside others and passed alone: ${culprits.join(", ")}`);
  }
  const took = `${seconds} s${windows ? "" : `, ${work.toFixed(0)} s of a processor`}`;
  if (failures.length === 0) return console.log(`\n=== ${passed} tests passed on ${runtime} in ${took}`);
  console.error(`\n${failures.map(({ title }) => title).join("\n")}\n=== tests failed on ${runtime} after ${took}`);
  for (const child of running) kill(child);
  process.exit(1);
}

// What would end last of all if it began with its runtime begins before all others.
const isEarly = ({ suite, files }) => secondsOf(files[0], suite.runtime) >= EARLY_SECONDS;
const inOrder = suites.flatMap((suite) => suite.side.map((files) => ({ suite, files })));
const waiting = [...inOrder.filter(isEarly), ...inOrder.filter((batch) => !isEarly(batch))];
const besides = [];

/** Begins with a runtime when its first files begin; what runs beside them begins when it is the runtime's turn. */
function begin(suite, early = false) {
  if (suite.started === undefined) {
    suite.started = Date.now();
    suite.left = suite.beside.length + suite.side.length;
    console.log(`\n=== ${files.length} test files on ${suite.runtime}`);
  }
  if (early) return;
  for (const files of suite.beside.splice(0)) besides.push(counted(suite, files));
}

/** Runs files, and stops after the last of a runtime when it is broken. */
async function counted(suite, files) {
  await runOf(suite, files);
  if (--suite.left === 0 && isBroken(suite)) conclude(suite);
}

async function lane() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    begin(next.suite, isEarly(next));
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
suites.forEach((suite) => begin(suite));
await Promise.all(besides);
await Promise.all(suites.map(async (suite) => {
  for (const files of suite.alone) await runOf(suite, files);
}));
for (const suite of suites) {
  if (!isBroken(suite)) await again(suite);
  conclude(suite);
}
