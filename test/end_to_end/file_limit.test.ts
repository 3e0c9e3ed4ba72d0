/** The limit of open files: that a mob knows it, and stays below it, in processes that have a small one. */

import { test } from "node:test";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { textOf } from "../helpers/bytes.ts";
import { within } from "../helpers/recording_registry.ts";

const { name } = await runtimeAdapter();
const root = new URL("../../", import.meta.url);
const LIMIT = 200;
/** What is kept for everything that is no connection. */
const RESERVE = 32;
const LIMITED = { timeout: 60_000, skip: !existsSync("/proc/self/limits") };

/** The adapter's capacity, how many a mob with it lets in, and whether it lets somebody in afterwards. */
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

/** Runs the program with a limit of open files that it cannot raise. */
async function underLimit(deno: readonly string[] = ["-A"]): Promise<unknown> {
  const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
  const file = join(directory, "program.mjs");
  writeFileSync(file, PROGRAM);
  try {
    return await run(file, deno);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function run(file: string, deno: readonly string[]): Promise<unknown> {
  const command = name === "deno"
    ? ["run", ...deno, "--no-lock", "--import-map", "test/import_map.offline.json", file]
    : name === "bun"
    ? [file]
    : ["--import", "tsx", file];
  const args = ["-c", `ulimit -n ${LIMIT} && exec "$@"`, "sh", process.execPath, ...command];
  const child = spawn("sh", args, { cwd: fileURLToPath(root), stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout!.on("data", (chunk: Uint8Array) => text += textOf(chunk));
  await within(new Promise<void>((resolve) => void child.once("close", () => resolve())), "the process", 40_000);
  return JSON.parse(text);
}

test("descriptors: a mob holds as many as fit under the limit of open files, and some are kept", LIMITED, async () => {
  assertEquals(await underLimit(), [LIMIT - RESERVE, LIMIT - RESERVE]);
});

test("descriptors: on Deno without the right to read, nobody is asked and the limit is not known", {
  ...LIMITED,
  // The other runtimes have no rights.
  skip: name !== "deno",
}, async () => {
  const [capacity, inside] = await underLimit(["--allow-net"]) as [unknown, number];
  assertEquals([capacity, inside], [null, 1024]);
});
