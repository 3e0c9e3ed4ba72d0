/** A process that was stopped removes no connection that was in time: real servers, real signals, on each runtime. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat, frameOf } from "../helpers/bytes.ts";
import { CommandLine, OURS, type RuntimeName, type ServerProcess, startServer } from "../helpers/command_line.ts";
import { PlainClient } from "../helpers/plain_client.ts";

const LIMITED = { timeout: 60_000 };

/** Every timeout of these servers, and how long they are stopped, in milliseconds. */
const TIMEOUT = "2s";
const STOP = 2500;

/** Frames of 12 MB in all. */
const MUCH: Uint8Array = concat(...Array.from({ length: 12 }, () => frameOf("x".repeat(1_000_000))));

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, milliseconds));

/** Stops a server for a while, in which `meanwhile` happens. */
async function stopped(server: ServerProcess, meanwhile: () => void): Promise<void> {
  await server.freeze();
  meanwhile();
  await pause(STOP);
  server.signal("SIGCONT");
}

/** A client that has sent the secret, and has joined. */
async function member(server: ServerProcess, members: number): Promise<PlainClient> {
  const client = await PlainClient.connect(server.url);
  client.send(frameOf("open sesame"));
  await server.match(new RegExp(`(?:Joined[^]*){${members}}`), "stderr");
  return client;
}

/** A test of a server on the runtime at hand. All of them run at the same time: they are mostly waiting. */
function onOurs(what: string, run: (runtime: RuntimeName) => Promise<void>): void {
  const running = run(OURS);
  running.catch(() => {});
  test(what, LIMITED, () => running);
}

onOurs("stopped for longer than every timeout, a server cuts only the client that was late", async (runtime) => {
  const folder = await mkdtemp(join(tmpdir(), "mobcast-"));
  try {
    const token = join(folder, "token");
    await writeFile(token, "open sesame", { mode: 0o600 });
    const options = ["frame", "idle", "stall", "drain"].flatMap((name) => [`--${name}-timeout`, TIMEOUT]);
    await using server = await startServer(runtime, ["--secret-file", token, "--log-level", "debug", ...options]);
    using speaker = await member(server, 1);
    using late = await member(server, 2);
    using stalled = await member(server, 3);
    using unauthenticated = await PlainClient.connect(server.url);
    stalled.pause();
    // More than the kernels hold for the client that does not read: it waits for room.
    speaker.send(MUCH);
    await late.receive(MUCH.length);
    const half = frameOf("in two parts");
    speaker.send(half.subarray(0, 10));
    late.send(half.subarray(0, 10));
    await pause(100);
    await stopped(server, () => {
      speaker.send(half.subarray(10));
      unauthenticated.send(frameOf("open sesame"));
      stalled.resume();
    });
    await Promise.all([speaker, stalled].map((client) => client.receive(MUCH.length + half.length)));
    unauthenticated.send(frameOf("me too"));
    await unauthenticated.receive(14);
    await late.ended();
    await server.match(/frame-timeout/, "stderr");
    assertEquals(server.stderr.match(/frame-timeout|stalled|unauthorized|idle\b/g), ["frame-timeout"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

onOurs("stopped while it drains, a server gives what it owes", async (runtime) => {
  await using server = await startServer(runtime, ["--drain-timeout", TIMEOUT]);
  using speaker = await PlainClient.connect(server.url);
  using stalled = await PlainClient.connect(server.url);
  stalled.pause();
  speaker.send(MUCH);
  await speaker.receive(MUCH.length);
  server.signal("SIGTERM");
  await speaker.ended();
  await stopped(server, () => stalled.resume());
  await stalled.ended();
  assertEquals(stalled.received.length, MUCH.length);
  assertEquals((await server.exit()).code, 0);
});

onOurs("stopped while it dials, a client has its connectTimeout besides", async (runtime) => {
  // It promises TLS and says nothing.
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  try {
    const { port } = server.address() as { port: number };
    const came = new Promise<number>((resolve) => server.once("connection", () => resolve(performance.now())));
    const url = `tls://127.0.0.1:${port}`;
    await using client = new CommandLine(runtime, ["join", url, "--connect-timeout", TIMEOUT]);
    const began = await came;
    await client.freeze();
    await pause(STOP);
    client.signal("SIGCONT");
    const { code, stderr } = await client.exit();
    assertEquals(code, 1, stderr);
    assertMatch(stderr, /no answer within 2000 ms|ETIMEDOUT/);
    // It began a moment before it came; the beats of its clock have their own length.
    const awake = performance.now() - began - STOP;
    assert(awake > 1000, `it gave up after ${awake.toFixed(0)} ms`);
  } finally {
    server.close();
  }
});
