/** A server that does not answer, or is gone without a word: how long a client waits for it. */

import { test } from "node:test";
import { execFileSync } from "node:child_process";
import { createServer, type Server, type Socket as NetSocket } from "node:net";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import type { Adapter } from "../../src/contract/adapter.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { connect, type ConnectOptions } from "../../mod.ts";
import { serve } from "../../mod.ts";
import { runLoad } from "../../src/load/load.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { asked, pause, rejection } from "../helpers/wait.ts";

const { name: runtime } = await runtimeAdapter();
const LIMITED = { timeout: 60_000 };

/** A server that accepts and sends nothing, and how many are connected to it. */
async function mute(): Promise<{ url: string; came: () => number; open: () => number; close: () => void }> {
  const sockets = new Set<NetSocket>();
  let came = 0;
  const server: Server = createServer((socket) => {
    came++;
    sockets.add(socket.on("error", () => {}).resume());
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as { port: number };
  return {
    url: `tls://127.0.0.1:${port}`,
    came: () => came,
    open: () => sockets.size,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

test("connect: a handshake that is not answered ends at connectTimeout, and leaves nothing", LIMITED, async () => {
  const server = await mute();
  try {
    const began = performance.now();
    const error = await rejection(connect(server.url, { connectTimeout: 200 }), "connect") as Error & { code?: string };
    assert(performance.now() - began >= 190, "it gave up early");
    assertEquals(
      [error.message, error.code],
      [
        `Cannot connect to ${server.url}: no answer within 200 ms, check the address or raise connectTimeout`,
        "TIMED_OUT",
      ],
    );
    await asked(() => server.open(), (count) => count === 0);
    assertEquals(server.open(), 0);
  } finally {
    server.close();
  }
});

test("connect: each attempt of a reconnecting client has a deadline of its own", LIMITED, async () => {
  const server = await mute();
  try {
    const changes: string[] = [];
    const error = await rejection(
      connect(server.url, {
        connectTimeout: 100,
        reconnect: {
          retryInitial: true,
          maxAttempts: 2,
          minDelay: 1,
          maxDelay: 1,
          onChange: ({ kind }) => changes.push(kind),
        },
      }),
      "connect",
    );
    assertMatch(error.message, /in 2 attempts: timed out \(ETIMEDOUT\)$/);
    assertEquals([server.came(), changes], [3, ["waiting", "waiting", "gave-up"]]);
  } finally {
    server.close();
  }
});

test("bench: each connection of a load has a deadline, and nothing is left", LIMITED, async () => {
  const server = await mute();
  try {
    const options = { framing: "u64", clients: 3, publishers: 1, size: 64, inFlight: 1, seconds: 1 } as const;
    const load = runLoad(
      await runtimeAdapter(),
      server.url,
      { ...options, connectTimeout: 200 },
      () => {},
      new AbortController().signal,
    );
    assertMatch(
      (await rejection(load, "the load")).message,
      /^Cannot connect client 1 of 3 .*timed out \(ETIMEDOUT\)$/,
    );
    await asked(() => server.open(), (count) => count === 0);
    assertEquals([server.came(), server.open()], [1, 0]);
  } finally {
    server.close();
  }
});

test("connect: an attempt that is too late says so, whatever its adapter says", LIMITED, async () => {
  const adapter = memoryAdapter({ manual: true });
  const slow: Adapter = {
    ...adapter,
    connect: (_address, _registry, options) =>
      new Promise((_resolve, reject) => {
        options!.signal!.addEventListener("abort", () => reject(new Error("the adapter was stopped")));
      }),
  };
  const connecting = rejection(connect("tcp://127.0.0.1:7000", { adapter: slow, connectTimeout: 1000 }), "connect");
  adapter.advance(1100);
  assertMatch((await connecting).message, /no answer within 1000 ms/);
});

test("connect: connectTimeout is checked before anything is done", async () => {
  for (const connectTimeout of [0, -1, 1.5, NaN, 2 ** 31, "1000", null]) {
    const options = { connectTimeout } as unknown as ConnectOptions;
    const error = await rejection(connect("tcp://127.0.0.1:1", options), "connect");
    assertMatch(error.message, /connectTimeout/);
    assert(error instanceof TypeError || error instanceof RangeError, String(error));
  }
});

test("connect: the deadline is over when there is a connection", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  await using client = await connect(mob.urls[0]!, { connectTimeout: 100 });
  await pause(300);
  assertEquals([client.state, client.error], ["open", undefined]);
});

/** Whether there is something that shows the kernel's timers. */
function hasTimers(): boolean {
  try {
    execFileSync("ss", ["-V"]);
    return true;
  } catch {
    return false;
  }
}

const skip = hasTimers() ? false : "ss is not installed (package iproute2)";

test("keepalive is on at both ends of each connection", { ...LIMITED, skip }, async () => {
  const authority = await makeAuthority("an authority");
  const tls = await authority.issue();
  await using mob = await serve({ listen: ["tcp://127.0.0.1:0", "tls://127.0.0.1:0"], tls });
  for (const url of mob.urls) {
    const secure = url.startsWith("tls:");
    await using _client = await connect(url, secure ? { tls: { ca: authority.cert } } : {});
    const port = url.split(":").at(-1)!;
    // A moment for what was sent to be acknowledged: until then another timer runs.
    await pause(300);
    const filter = ["state", "established", `( sport = :${port} or dport = :${port} )`];
    const shown = execFileSync("ss", ["-tnoH", ...filter], { encoding: "utf8" }).trim().split("\n");
    assertEquals(shown.length, 2);
    const client = (line: string): boolean => new RegExp(`:${port}\\s+timer`).test(line);
    for (const line of shown) {
      // What Deno itself has accepted waits for as long as the system says.
      const time = runtime === "deno" && !secure && !client(line)
        ? /timer:\(keepalive,/
        : /timer:\(keepalive,(1min|[45]\dsec)/;
      assertMatch(line, time);
    }
  }
});
