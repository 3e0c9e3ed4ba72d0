/** The limit of open files: that a mob knows it, and stays below it, in processes that have a small one. */

import { test } from "node:test";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { connect, type ConnectOptions } from "../../mod.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { pause, within } from "../helpers/wait.ts";

const { name } = await runtimeAdapter();
const root = new URL("../../", import.meta.url);
const LIMIT = 200;
/** What is kept for everything that is no connection. */
const RESERVE = 32;
const LIMITED = { timeout: 60_000, skip: !existsSync("/proc/self/limits") };

/** The adapter's capacity, how many clients a mob with it accepts, and whether it accepts one afterwards. */
const PROGRAM = `
  const { runtimeAdapter } = await import(${JSON.stringify(new URL("adapters/runtime.ts", root).href)});
  const adapter = await runtimeAdapter();
  const { Mob } = await import(${JSON.stringify(new URL("src/server/mob.ts", root).href)});
  const mob = new Mob(adapter, {});
  let inside = 0;
  try {
    while (true) { mob.join(); inside++; }
  } catch {}
  console.log(JSON.stringify([adapter.capacity, inside]));
  (globalThis.process ?? Deno).exit(0);
`;

/** A server that prints where it listens, takes all descriptors at a line of input or gives them back, and ends with its input. */
const SERVER = `
  const { serve } = await import(${JSON.stringify(new URL("mod.ts", root).href)});
  const { default: process } = await import("node:process");
  const mob = await serve({ listen: ["tcp://127.0.0.1:0", "tls://127.0.0.1:0", "unix://DIRECTORY/socket"], tls: TLS, status: "http://127.0.0.1:0" });
  const { closeSync, openSync } = await import("node:fs");
  const taken = [];
  const take = () => {
    try {
      while (true) taken.push(openSync("/dev/null"));
    } catch {}
  };
  process.stdin.on("data", () => {
    if (taken.length === 0) take();
    else taken.splice(0).forEach((file) => closeSync(file));
    console.log(JSON.stringify(taken.length));
  }).on("end", () => process.exit(0));
  console.log(JSON.stringify([...mob.urls, mob.statusUrl]));
`;

/** Starts a program with a limit of open files that it cannot raise; it is gone at the end. */
function start(program: string, deno: readonly string[] = ["-A"]): ChildProcess & Disposable {
  const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
  const file = join(directory, "program.mjs");
  writeFileSync(file, program);
  const command = name === "deno"
    ? ["run", ...deno, "--no-lock", "--import-map", "test/import_map.offline.json", file]
    : name === "bun"
    ? [file]
    : ["--import", "./test/helpers/typescript.mjs", file];
  const args = ["-c", `ulimit -n ${LIMIT} && exec "$@"`, "sh", process.execPath, ...command];
  const child = spawn("sh", args, { cwd: fileURLToPath(root), stdio: ["pipe", "pipe", "inherit"] });
  return Object.assign(child, {
    [Symbol.dispose]() {
      child.kill("SIGKILL");
      rmSync(directory, { recursive: true });
    },
  });
}

/** A server under the limit, its next line, and what its certificates are to be trusted by. It is gone at the end. */
interface LimitedServer extends Disposable {
  readonly child: ChildProcess;
  readonly ca: string;
  next(): Promise<unknown>;
}

async function startServer(rights: readonly string[]): Promise<LimitedServer> {
  const authority = await makeAuthority("an authority");
  const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
  const program = SERVER.replace("TLS", JSON.stringify(await authority.issue())).replace("DIRECTORY", directory);
  const child = start(program, rights.includes("-A") ? rights : [...rights, ...rightsTo(directory)]);
  return {
    child,
    ca: authority.cert,
    next: linesOf(child),
    [Symbol.dispose]() {
      child[Symbol.dispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

/** The rights to a Unix socket in a directory. */
const rightsTo = (directory: string): string[] => [`--allow-read=${directory}`, `--allow-write=${directory}`];

/** The lines of its output, as JSON. */
function linesOf(child: ChildProcess): () => Promise<unknown> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async () => {
    const { value } = await within(lines.next(), "the process", 40_000);
    return JSON.parse(value ?? "null");
  };
}

async function underLimit(deno?: readonly string[]): Promise<unknown> {
  using child = start(PROGRAM, deno);
  return await linesOf(child)();
}

/** Makes so many idle connections, waits until no more are accepted, and ends them. */
async function flood(url: string, count: number, milliseconds = 700): Promise<void> {
  const { protocol, pathname, port } = new URL(url);
  const where = protocol === "unix:" ? { path: pathname } : { port: Number(port), host: "127.0.0.1" };
  const sockets = Array.from({ length: count }, () => connectTcp(where).on("error", () => {}).resume());
  // The kernel connects them, whether they are accepted or not.
  await pause(milliseconds);
  for (const socket of sockets) socket.destroy();
}

test("descriptors: a mob holds as many as fit under the limit of open files, and some are kept", LIMITED, async () => {
  assertEquals(await underLimit(), [LIMIT - RESERVE, LIMIT - RESERVE]);
});

test("descriptors: on Deno without permission to read, no question is asked and the limit is unknown", {
  ...LIMITED,
  // The other runtimes have no rights.
  skip: name !== "deno",
}, async () => {
  const [capacity, inside] = await underLimit(["--allow-net"]) as [unknown, number];
  assertEquals([capacity, inside], [null, 1024]);
});

/** Whether a client receives what it sends, or an answer of the status listener. */
async function isServed(url: string, options: ConnectOptions): Promise<boolean> {
  try {
    if (url.startsWith("http:")) {
      const answer = await fetch(new URL("/healthz", url), { signal: AbortSignal.timeout(2000) });
      await answer.body?.cancel();
      return answer.ok;
    }
    await using client = await connect(url, { ...options, connectTimeout: 2000, signal: AbortSignal.timeout(3000) });
    await client.send(new Uint8Array([1]));
    for await (const message of client) return message[0] === 1;
  } catch {
    // Not yet.
  }
  return false;
}

/** Fails if no client is served there, however often it comes: too early it is refused. */
async function assertServes(url: string, ca: string): Promise<void> {
  const options = url.startsWith("tls:") ? { tls: { ca } } : {};
  for (let tries = 1; !await isServed(url, options); tries++) {
    assert(tries < 10, `${url} serves no client`);
    await pause(200);
  }
}

// Without the right to read /proc, Deno does not know that there is a limit.
for (const rights of name === "deno" ? [["-A"], ["--allow-net", "--allow-env"]] : [[]]) {
  for (const scheme of ["tcp", "tls", "unix"]) {
    const flooded =
      `descriptors: a flood of ${scheme} connections over the limit shuts no client out for good ${rights}`;
    test(flooded, LIMITED, async () => {
      using server = await startServer(rights);
      const urls = await server.next() as string[];
      await flood(urls.find((url) => url.startsWith(scheme))!, 2.5 * LIMIT);
      for (const url of urls) await assertServes(url, server.ca);
    });
  }
}

for (const scheme of ["tcp", "tls", "unix", "http"]) {
  const short = `descriptors: a listener that could not accept for a moment accepts again: ${scheme}`;
  test(short, LIMITED, async () => {
    using server = await startServer(["-A"]);
    const urls = await server.next() as string[];
    const url = urls.find((url) => url.startsWith(scheme))!;
    // Shorter than any check of a listener for itself may take to come.
    for (let time = 0; time < 3; time++) {
      server.child.stdin!.write("take\n");
      assert(await server.next() as number > LIMIT / 4, "nothing is taken");
      await flood(url, 2, 50);
      server.child.stdin!.write("give\n");
      assertEquals(await server.next(), 0);
      await assertServes(url, server.ca);
    }
  });
}
