/** Unix sockets that several processes want: addresses in use, and what killed ones leave behind. */

import { type ChildProcess, spawn } from "node:child_process";
import { lstatSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../mod.ts";
import { textOf } from "../helpers/bytes.ts";
import { evaluating } from "../helpers/command_line.ts";
import { rejection, within } from "../helpers/wait.ts";
import { assertOpen, case_, modeOf, open, root } from "../helpers/unix_listener.ts";

/** Opens the listener in a process of its own, which prints how that went and stays. */
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

/** A process that opens a listener, and its output. */
async function inAnotherProcess(path: string): Promise<{ said: string; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, evaluating(program(path)), {
    cwd: fileURLToPath(root),
    stdio: ["ignore", "pipe", "inherit"],
  });
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
  return { said: await within(said, "a process to open its listener", 20_000), kill };
}

/** A socket without a server. */
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
  assertEquals((await rejection(connect(`unix://${path}`), "connect")).code, "UNREACHABLE");
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
    // The process that has the address is the one that answers there.
    assertEquals((await rejection(open(`unix://${path}`), "serve")).code, "EADDRINUSE");
    for (const { kill } of both) await kill();
  }
});

case_("of many listeners that want a stale address at once, one gets it", async (directory) => {
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
