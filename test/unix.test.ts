/** Doors through Unix sockets, on the runtime at hand: modes, addresses in use, what is left behind, abstract names. */

import { test } from "node:test";
import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runtimeAdapter } from "../adapters/runtime.ts";
import { connect } from "../src/client.ts";
import type { Mob } from "../src/mob.ts";
import { serve, type ServeOptions } from "../src/serve.ts";
import { bytesOf, textOf } from "./helpers/bytes.ts";
import { pause, rejection, within } from "./helpers/contract.ts";

const adapter = await runtimeAdapter();
const root = new URL("../", import.meta.url);

/** One case, with a directory of its own. */
function case_(fact: string, run: (directory: string) => Promise<void>): void {
  test(`unix: ${fact}`, { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
    try {
      await run(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

/** Fails unless a frame goes round. */
async function assertOpen(url: string): Promise<void> {
  await using peer = await connect(url);
  await peer.send(bytesOf("hello"));
  for await (const message of peer) {
    assertEquals(textOf(message), "hello");
    break;
  }
}

function open(url: string, options: ServeOptions = {}): Promise<Mob> {
  return serve({ ...options, listen: url });
}

/** The mode bits of a file, as people write them. */
function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8);
}

// --- the file ---

case_("a door is open, and its file is gone after close", async (directory) => {
  const path = join(directory, "mob.sock");
  const mob = await open(`unix://${path}`);
  assertEquals(mob.urls, [`unix://${path}`]);
  assert(lstatSync(path).isSocket());
  await assertOpen(`unix://${path}`);
  await mob.close();
  assertEquals(readdirSync(directory), []);
});

case_("a path may be relative", async () => {
  const name = `mobcast-test-${process.pid}.sock`;
  await using _mob = await open(`unix:${name}`);
  assert(existsSync(name));
  await assertOpen(`unix:${name}`);
});

case_("the other end is called unix, and is not counted by address", async (directory) => {
  const url = `unix://${join(directory, "mob.sock")}`;
  await using mob = await open(url, { maxConnectionsPerAddress: 1 });
  const peers = await Promise.all([connect(url), connect(url), connect(url)]);
  for (let waited = 0; waited < 100 && mob.connections().length < 3; waited++) await pause(10);
  assertEquals(mob.connections().map(({ peer }) => peer), ["unix", "unix", "unix"]);
  await Promise.all(peers.map((peer) => peer.close()));
});

for (const [mode, expected] of [[undefined, "600"], [0o660, "660"], [0o666, "666"], [0o777, "777"]] as const) {
  case_(
    `the mode of the file is ${expected} ${mode === undefined ? "when none is given" : "when it is asked for"}`,
    async (directory) => {
      const before = process.umask();
      const path = join(directory, "mob.sock");
      await using _mob = await open(`unix://${path}`, { unixMode: mode });
      assertEquals([modeOf(path), process.umask()], [expected, before]);
    },
  );
}

case_("a mode that is none is refused by name", async (directory) => {
  for (const unixMode of [-1, 0o1000, 6.5, Number.NaN]) {
    const error = await rejection(open(`unix://${join(directory, "mob.sock")}`, { unixMode }), "serve");
    assertStringIncludes(error.message, `unixMode ${unixMode}`);
  }
  assertEquals(readdirSync(directory), []);
});

// --- an address in use ---

case_("an address on which somebody answers is in use, and stays theirs", async (directory) => {
  const url = `unix://${join(directory, "mob.sock")}`;
  await using _mob = await open(url);
  const error = await rejection(open(url), "serve");
  assertEquals([error.code, error.message], ["EADDRINUSE", `Cannot listen on ${url}: address in use (EADDRINUSE)`]);
  await assertOpen(url);
  assertEquals(readdirSync(directory), ["mob.sock"]);
});

case_("an address on which another program answers is in use", async (directory) => {
  const path = join(directory, "mob.sock");
  const other = createServer((socket) => void socket.destroy());
  await new Promise<void>((resolve) => other.listen({ path }, () => resolve()));
  assertEquals((await rejection(open(`unix://${path}`), "serve")).code, "EADDRINUSE");
  assert(existsSync(path));
  await new Promise<void>((resolve) => other.close(() => resolve()));
});

case_("what is no socket is not replaced, and the error says so", async (directory) => {
  const file = join(directory, "file");
  writeFileSync(file, "precious");
  mkdirSync(join(directory, "folder"));
  symlinkSync(file, join(directory, "link"));
  for (const [name, kind] of [["file", "a file"], ["folder", "a directory"], ["link", "a symbolic link"]] as const) {
    const error = await rejection(open(`unix://${join(directory, name)}`), "serve");
    assertMatch(error.message, new RegExp(`is ${kind} and no socket`));
  }
  assertEquals(readFileSync(file, "utf8"), "precious");
  assertEquals(readdirSync(directory).sort(), ["file", "folder", "link"]);
});

case_("a directory that there is not is an error of the system", async (directory) => {
  const error = await rejection(open(`unix://${join(directory, "nowhere", "mob.sock")}`), "serve");
  assertMatch(error.code ?? error.message, /^E[A-Z]+$/);
});

// --- other processes ---

/** Opens the door in a process of its own, which says how that went and stays. */
function program(path: string): string {
  return `
    const { runtimeAdapter } = await import(${JSON.stringify(new URL("adapters/runtime.ts", root).href)});
    const adapter = await runtimeAdapter();
    const registry = { accept: () => undefined, ready() {}, acceptFailed: () => Promise.resolve() };
    await adapter.listen({ transport: "unix", path: ${JSON.stringify(path)} }, registry).then(
      () => console.log("open"),
      (error) => console.log(error.code ?? error.message),
    );
    setInterval(() => {}, 1000);
  `;
}

const running: Set<ChildProcess> = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A process that opens a door, and what it said. */
async function inAnotherProcess(path: string): Promise<{ said: string; kill: () => Promise<void> }> {
  const args = "Deno" in globalThis
    ? ["eval", "--no-lock", "--import-map", "test/import_map.offline.json", program(path)]
    : "Bun" in globalThis
    ? ["-e", program(path)]
    : ["--import", "tsx", "--input-type=module", "-e", program(path)];
  const child = spawn(process.execPath, args, { cwd: fileURLToPath(root), stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  const gone = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await gone;
    running.delete(child);
  };
  const said = new Promise<string>((resolve) => {
    child.stdout!.once("data", (chunk: Uint8Array) => resolve(textOf(chunk).trim()));
    void gone.then(() => resolve("nothing"));
  });
  return { said: await within(said, "a process to open its door", 20_000), kill };
}

/** A socket on which nobody answers any more. */
async function leaveStale(path: string): Promise<void> {
  const { said, kill } = await inAnotherProcess(path);
  assertEquals(said, "open");
  await kill();
  assert(lstatSync(path).isSocket(), "the file is left");
}

case_("an address that another process serves is in use; killed, it is taken over", async (directory) => {
  const path = join(directory, "mob.sock");
  const { said, kill } = await inAnotherProcess(path);
  assertEquals(said, "open");
  assertEquals((await rejection(open(`unix://${path}`), "serve")).code, "EADDRINUSE");
  await kill();
  assert(lstatSync(path).isSocket(), "the file is left");
  assertEquals((await rejection(connect(`unix://${path}`), "connect")).code, "ECONNREFUSED");
  const mob = await open(`unix://${path}`, { unixMode: 0o640 });
  assertEquals(modeOf(path), "640");
  await assertOpen(`unix://${path}`);
  assertEquals(readdirSync(directory), ["mob.sock"]);
  await mob.close();
  assertEquals(readdirSync(directory), []);
});

case_("of two processes that want a free address, or a stale one, one gets it", async (directory) => {
  for (const state of ["free", "stale"]) {
    const path = join(directory, `${state}.sock`);
    if (state === "stale") await leaveStale(path);
    const both = await Promise.all([inAnotherProcess(path), inAnotherProcess(path)]);
    assertEquals(both.map(({ said }) => said).sort(), ["EADDRINUSE", "open"], state);
    // The one that has it is the one that is found there.
    assertEquals((await rejection(open(`unix://${path}`), "serve")).code, "EADDRINUSE");
    for (const { kill } of both) await kill();
  }
});

case_("of many doors that want a stale address at once, one gets it", async (directory) => {
  const path = join(directory, "mob.sock");
  for (let again = 0; again < 5; again++) {
    await leaveStaleHere(path);
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => open(`unix://${path}`)));
    const opened = outcomes.flatMap((outcome) => outcome.status === "fulfilled" ? [outcome.value] : []);
    const codes = outcomes.flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason.code] : []);
    assertEquals([opened.length, new Set(codes)], [1, new Set(["EADDRINUSE"])]);
    await assertOpen(`unix://${path}`);
    await opened[0]!.close();
    assertEquals(readdirSync(directory), []);
  }
});

/** The same without a process: a second name for a socket outlives the removal of the first. */
async function leaveStaleHere(path: string): Promise<void> {
  const { linkSync } = await import("node:fs");
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ path: `${path}.first` }, () => resolve()));
  linkSync(`${path}.first`, path);
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

// --- abstract names ---

const isLinux = process.platform === "linux";
const padsNames = adapter.name === "node" && Number.parseInt(process.versions.node) < 22;

case_("an abstract name is a door without a file, or is refused by name", async () => {
  const url = `unix:@mobcast-test-${process.pid}-${adapter.name}`;
  if (!isLinux || padsNames) {
    for (const attempt of [open, connect]) {
      assertMatch((await rejection(attempt(url), url)).message, /abstract names \(@name\)/);
    }
    return;
  }
  const mob = await open(url);
  assertEquals(mob.urls, [url]);
  // Exactly this name, with nothing behind it.
  assertMatch(readFileSync("/proc/net/unix", "utf8"), new RegExp(` ${url.slice("unix:".length)}$`, "m"));
  await assertOpen(url);
  assertEquals((await rejection(open(url), "serve")).code, "EADDRINUSE");
  await mob.close();
  await rejection(connect(url), "connect");
});
