/** Dialing that meets a full listener, or is given up: how it ends, and what is left of it. */

import { test } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket as NetSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { connect, serve } from "../../mod.ts";
import { dialInTime, DialTimeout } from "../../src/client/dial.ts";
import { SocketClient } from "../../src/client/socket_client.ts";
import type { Adapter } from "../../src/contract/adapter.ts";
import { descriptors } from "../helpers/descriptors.ts";
import { FullListener, NO_FULL_LISTENERS } from "../helpers/full_listener.ts";
import { asked, pause, rejection } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };
const FULL = { ...LIMITED, skip: NO_FULL_LISTENERS };

/** How many dials must leave nothing. */
const MANY = 200;

const codeOf = ({ code }: { code?: string }): string | undefined => code;

// --- full listeners ---

test("dial: a SYN that is dropped ends at connectTimeout, and leaves no socket", FULL, async () => {
  await using full = await FullListener.open();
  const url = `tcp://127.0.0.1:${full.port}`;
  const before = descriptors();
  const errors = await Promise.all(
    Array.from({ length: 20 }, () => rejection(connect(url, { connectTimeout: 200 }), "connect")),
  );
  assertEquals(new Set(errors.map(codeOf)), new Set(["TIMED_OUT"]));
  assertMatch(errors[0]!.message, /no answer within 200 ms, check the address or raise connectTimeout$/);
  // Bun's own connect keeps each until the kernel gives up, after two minutes.
  await asked(descriptors, (count) => count < before + 10);
  assertLess(descriptors(), before + 10);
});

test("dial: an aborted dial whose SYN is dropped ends at once", FULL, async () => {
  await using full = await FullListener.open();
  const cut = new AbortController();
  const dialing = rejection(connect(`tcp://127.0.0.1:${full.port}`, { signal: cut.signal }), "connect");
  await pause(50);
  const reason = new Error("no longer needed");
  cut.abort(reason);
  assertEquals(await dialing, reason);
});

test("dial: a dial whose SYN was dropped comes in when there is room again", FULL, async () => {
  await using full = await FullListener.open();
  const dialing = connect(`tcp://127.0.0.1:${full.port}`);
  await pause(50);
  full.accept();
  await using client = await dialing;
  assertEquals(client.state, "open");
});

for (const connectTimeout of [300, undefined]) {
  const what = connectTimeout === undefined ? "is entered when there is room" : "ends a dial at connectTimeout";
  test(`dial: a full Unix socket ${what}`, FULL, async () => {
    const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
    try {
      const path = join(directory, "full.sock");
      await using full = await FullListener.open(path);
      const dialing = connect(`unix://${path}`, { connectTimeout });
      if (connectTimeout !== undefined) {
        assertEquals(codeOf(await rejection(dialing, "connect")), "TIMED_OUT");
        return;
      }
      await pause(50);
      full.accept();
      await using client = await dialing;
      assertEquals(client.state, "open");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

// --- a process that is stopped ---

test("dial: the time in which the process is stopped is no part of connectTimeout", async () => {
  const memory = memoryAdapter({ manual: true });
  // It is never answered, only given up.
  const silent: Adapter = {
    ...memory,
    connect: (_address, _registry, options) =>
      new Promise((_, reject) => options!.signal!.addEventListener("abort", () => reject(options!.signal!.reason))),
  };
  const attempt = {
    address: { transport: "tcp", host: "127.0.0.1", port: 1 },
    registry: new SocketClient(memory, "a mob").registry,
    connectTimeout: 10_000,
  } as const;
  let ended: unknown;
  const dialing = dialInTime(silent, attempt, undefined).catch((error) => ended = error);
  memory.advance(4000);
  memory.suspend();
  memory.advance(3_600_000);
  memory.resume();
  memory.advance(5400);
  await pause(1);
  assertEquals(ended, undefined);
  memory.advance(2000);
  await dialing;
  assert(ended instanceof DialTimeout, String(ended));
  assertEquals(memory.timers, 0);
});

// --- nothing is left ---

/** The adapter of the runtime, and how many timers run on it. */
async function counted(): Promise<{ adapter: Adapter; timers: () => number }> {
  const real = await runtimeAdapter();
  const running = new Set<unknown>();
  const after: Adapter["after"] = (milliseconds, run) => {
    const timer = {};
    running.add(timer);
    const cancel = real.after(milliseconds, () => {
      running.delete(timer);
      run();
    });
    return () => {
      running.delete(timer);
      cancel();
    };
  };
  return { adapter: { ...real, after }, timers: () => running.size };
}

/** A signal, and how many listeners it has. */
function listenedTo(): { cut: AbortController; listeners: () => number } {
  const cut = new AbortController();
  const { signal } = cut;
  const listening = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener(...args: Parameters<typeof addEventListener>) {
      listening.add(args[1]);
      addEventListener.apply(signal, args);
    },
    removeEventListener(...args: Parameters<typeof removeEventListener>) {
      listening.delete(args[1]);
      removeEventListener.apply(signal, args);
    },
  });
  return { cut, listeners: () => listening.size };
}

/** A server that accepts and does not say a word, with a URL that promises TLS. */
async function mute(): Promise<AsyncDisposable & { readonly url: string; readonly deserted: () => Promise<void> }> {
  const sockets = new Set<NetSocket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}).on("close", () => void sockets.delete(socket)).resume());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  return {
    url: `tls://127.0.0.1:${(server.address() as { port: number }).port}`,
    /** Waits until no client has a connection. */
    deserted: async () => assertEquals(await asked(() => sockets.size, (size) => size === 0), 0),
    [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

test(
  `dial: ${MANY} dials that time out leave no connection, no timer, and no listener on the signal`,
  LIMITED,
  async () => {
    await using server = await mute();
    const { adapter, timers } = await counted();
    const { cut: { signal }, listeners } = listenedTo();
    const options = { adapter, signal, connectTimeout: 50 };
    const errors = await Promise.all(
      Array.from({ length: MANY }, () => rejection(connect(server.url, options), "connect")),
    );
    assertEquals(new Set(errors.map(codeOf)), new Set(["TIMED_OUT"]));
    assertEquals([timers(), listeners()], [0, 0]);
    await server.deserted();
  },
);

test(`dial: ${MANY} dials that are aborted leave no connection and no timer`, LIMITED, async () => {
  await using server = await mute();
  const { adapter, timers } = await counted();
  const cut = new AbortController();
  const dialing = Promise.all(
    Array.from({ length: MANY }, () => rejection(connect(server.url, { adapter, signal: cut.signal }), "connect")),
  );
  await pause(20);
  const reason = new Error("no longer needed");
  cut.abort(reason);
  assertEquals(new Set(await dialing), new Set([reason]));
  assertEquals(timers(), 0);
  await server.deserted();
});

test(`dial: ${MANY} clients that came and left leave no timer, and no listener on the signal`, LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const { adapter, timers } = await counted();
  const { cut: { signal }, listeners } = listenedTo();
  for (let left = MANY; left > 0; left--) {
    const reconnect = left % 2 === 0 ? false as const : {};
    const client = await (reconnect === false
      ? connect(mob.urls[0]!, { adapter, signal })
      : connect(mob.urls[0]!, { adapter, signal, reconnect }));
    await client.close();
  }
  assertEquals([timers(), listeners()], [0, 0]);
});

test("dial: a reconnecting client that gave up leaves no timer, and no listener on the signal", LIMITED, async () => {
  await using server = await mute();
  const { adapter, timers } = await counted();
  const { cut: { signal }, listeners } = listenedTo();
  const reconnect = { retryInitial: true, minDelay: 1, maxDelay: 2, maxAttempts: 50 };
  const error = await rejection(connect(server.url, { adapter, signal, reconnect, connectTimeout: 5 }), "connect");
  assertMatch(error.message, /in 50 attempts/);
  assertEquals([timers(), listeners()], [0, 0]);
});

test("dial: an adapter forgets the signal of a dial that is over", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const adapter = await runtimeAdapter();
  const { cut: { signal }, listeners } = listenedTo();
  const client = new SocketClient(adapter, "a mob");
  const { port } = new URL(mob.urls[0]!.replace("tcp:", "http:"));
  const address = { transport: "tcp", host: "127.0.0.1", port: Number(port) } as const;
  await adapter.connect(address, client.registry, { signal });
  assertEquals(listeners(), 0);
  await client.close();
  await rejection(adapter.connect({ ...address, port: 1 }, client.registry, { signal }), "connecting to port 1");
  assertEquals(listeners(), 0);
});
