/**
 * The traps of Bun, on `Bun.listen` and `Bun.connect`.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { bun, type BunHandlers, type BunTcpSocket } from "../../adapters/types/bun.ts";
import { FullListener } from "../helpers/full_listener.ts";
import { pattern, STEP } from "../helpers/pattern.ts";
import { pause, within } from "../helpers/wait.ts";
import type { Trap } from "./runtime_bug.ts";

/** Every trap of Bun. */
export const TRAPS: readonly Trap[] = [
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/36422",
    what: "a write that finds a reset says -1, and the close after it says nothing of an error",
    workaround: "the error that BunSocket.write in adapters/bun.ts makes up",
    probe: () =>
      withPair(async (server, client) => {
        client.socket!.terminate();
        const taken = server.socket!.write(pattern(0, 100));
        await server.closes();
        return taken < 0 && server.closed && server.error === undefined;
      }),
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/36422",
    what: "a paused socket whose write found a reset does not tell of its close",
    workaround: "BunSocket.write in adapters/bun.ts resumes a paused socket that broke",
    probe: () =>
      withPair(async (server, client) => {
        server.socket!.pause();
        client.socket!.terminate();
        const taken = server.socket!.write(pattern(0, 100));
        await pause(50);
        const silent = !server.closed;
        server.socket!.resume();
        await server.closes();
        return taken < 0 && silent && server.closed;
      }),
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/39860",
    what: "a paused socket is given what came before a reset",
    workaround: "BunSocket.onData in adapters/bun.ts takes bytes while it is paused",
    probe: () =>
      withPair(async (server, client) => {
        server.socket!.pause();
        client.socket!.write(pattern(0, 300));
        await pause(20);
        const paused = server.received === 0;
        client.socket!.terminate();
        await server.closes();
        return paused && server.received === 300;
      }),
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/37099",
    what: "a socket that is paused and resumed drains, though nothing was written",
    workaround: "BunSocket.onDrain in adapters/bun.ts asks whether a write was short",
    probe: () =>
      withPair(async (server) => {
        await pause(10);
        const before = server.drains;
        server.socket!.pause();
        server.socket!.resume();
        await pause(30);
        return server.drains > before;
      }),
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/35947",
    what: "end() with unread input destroys output that was taken",
    workaround:
      "BunSocket.shutdown in adapters/bun.ts calls shutdown(), and end() only when no input can come any more",
    probe: () =>
      withPair(async (server, client) => {
        // Neither reads: the server has unread input, and its output waits in the kernel.
        for (const { socket } of [server, client]) socket!.pause();
        client.socket!.write(pattern(0, 300));
        let taken = 0;
        for (let more = 1; more > 0; taken += Math.max(more, 0)) more = server.socket!.write(pattern(0, STEP));
        await pause(10);
        server.socket!.end();
        await pause(10);
        client.socket!.resume();
        await client.closes();
        return client.closed && client.received < taken;
      }),
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/33786",
    what: "a listener takes no heed of its backlog",
    workaround: "the eight listeners of a listener in adapters/bun.ts, and the probe before them",
    probe: async () => (await connectedWhileNobodyAccepts(8, { backlog: 1 })) === 8,
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/37690",
    what: "listening on an unknown host fails without a code",
    workaround: "the code that `open` in adapters/bun.ts adds",
    probe() {
      try {
        bun().listen({ hostname: "no-such-host.invalid", port: 0, socket: new End().handlers }).stop(true);
      } catch (error) {
        return Promise.resolve(!("code" in (error as Error)));
      }
      return Promise.resolve(false);
    },
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/32705",
    what: "a process at its limit of descriptors spins while a connection waits to be accepted",
    workaround: "adapters/shared/file_limit.ts, as far as it is for Bun",
    probe: async () => (await shareOfProcessorAtTheLimit()) > 0.1,
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://bun.sh/docs/api/tcp",
    what: "a connect cannot be canceled: its socket stays until the kernel gives up, after two minutes",
    workaround: "adapters/bun.ts dials through node:net",
    probe: connectIsNotCanceled,
  },
  {
    runtimes: ["bun"],
    seen: "1.4.5",
    link: "https://github.com/oven-sh/bun/pull/29182",
    what: "a Unix socket that is full is said to refuse",
    workaround: "BUN_TRIES and `isFull` in adapters/shared/unix_socket.ts",
    probe: fullUnixSocketRefuses,
  },
];

/** One end of a connection, and what Bun reported for it. */
class End {
  socket: BunTcpSocket | undefined;
  received = 0;
  drains = 0;
  closed = false;
  error: Error | undefined;

  readonly handlers: BunHandlers = {
    binaryType: "uint8array",
    open: (socket) => void (this.socket = socket),
    data: (_socket, chunk) => void (this.received += chunk.length),
    end: () => {},
    drain: () => void this.drains++,
    close: (_socket, error) => {
      this.closed = true;
      this.error = error;
    },
    error: () => {},
    connectError: () => {},
  };

  /** Waits until it is closed, but not forever. */
  async closes(): Promise<void> {
    for (let waited = 0; !this.closed && waited < 500; waited += 5) await pause(5);
  }
}

async function withPair(probe: (server: End, client: End) => Promise<boolean>): Promise<boolean> {
  const [server, client] = [new End(), new End()];
  const options = { hostname: "127.0.0.1", allowHalfOpen: true };
  const listener = bun().listen({ ...options, port: 0, socket: server.handlers });
  try {
    await bun().connect({ ...options, port: listener.port, socket: client.handlers });
    while (server.socket === undefined) await pause(1);
    return await probe(server, client);
  } finally {
    for (const { socket } of [server, client]) socket?.terminate();
    listener.stop(true);
  }
}

/** Connects so many times, and after a while returns how many of them succeeded. */
const KNOCKS = `
  import("node:worker_threads").then(async ({ workerData: { port, count, connected, done } }) => {
    const { connect } = await import("node:net");
    for (let left = count; left > 0; left--) {
      connect(port, "127.0.0.1", () => Atomics.add(connected, 0, 1)).on("error", () => {});
    }
    setTimeout(() => {
      Atomics.store(done, 0, 1);
      Atomics.notify(done, 0);
    }, 200);
  });
`;

/** How many of so many connects succeed while this thread, which would have to accept them, stands still. */
async function connectedWhileNobodyAccepts(count: number, options: Readonly<Record<string, number>>): Promise<number> {
  const listener = bun().listen({ hostname: "127.0.0.1", port: 0, ...options, socket: new End().handlers });
  const [connected, done] = [new Int32Array(new SharedArrayBuffer(4)), new Int32Array(new SharedArrayBuffer(4))];
  const workerData = { port: listener.port, count, connected, done };
  const worker = new Worker(KNOCKS, { eval: true, workerData });
  try {
    Atomics.wait(done, 0, 0, 3_000);
    return Atomics.load(connected, 0);
  } finally {
    await worker.terminate();
    listener.stop(true);
  }
}

/** Listens, and after a while returns how much processor time it takes to do nothing. */
const IDLER = `
  const { port } = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  console.log(port);
  setTimeout(() => {
    const before = process.cpuUsage();
    setTimeout(() => {
      const { user, system } = process.cpuUsage(before);
      console.log((user + system) / 200_000);
      process.exit();
    }, 200);
  }, 150);
`;

/** How much of a processor a Bun with 48 descriptors takes while 64 connections wait for it. */
async function shareOfProcessorAtTheLimit(): Promise<number> {
  const idler = spawn("sh", ["-c", 'ulimit -n 48; exec "$0" -e "$1"', process.execPath, IDLER], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const sockets: Socket[] = [];
  let output = "";
  try {
    const exited = new Promise<void>((resolve) => void idler.once("close", () => resolve()));
    idler.stdout.on("data", (chunk: Uint8Array) => {
      output += new TextDecoder().decode(chunk);
      if (sockets.length > 0 || !output.includes("\n")) return;
      for (let left = 64; left > 0; left--) {
        sockets.push(connect(Number.parseInt(output, 10), "127.0.0.1").on("error", () => {}));
      }
    });
    await within(exited, "the idler to end");
    return Number(output.split("\n")[1]);
  } finally {
    idler.kill();
    for (const socket of sockets) socket.destroy();
  }
}

/** Whether a connect whose SYN is dropped goes on after its signal has aborted. */
async function connectIsNotCanceled(): Promise<boolean> {
  await using full = await FullListener.open();
  const options = { hostname: "127.0.0.1", port: full.port, signal: AbortSignal.timeout(50) };
  void bun().connect({ ...options, socket: new End().handlers }).catch(() => {});
  await pause(100);
  return isDialing(full.port);
}

/** Whether a socket waits for the answer to its SYN (proc(5)). */
function isDialing(port: number): boolean {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")} 02 `;
  return readFileSync("/proc/self/net/tcp", "utf8").includes(hex);
}

async function fullUnixSocketRefuses(): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
  try {
    const path = join(directory, "full.sock");
    await using _full = await FullListener.open(path);
    const error: unknown = await bun().connect({ unix: path, socket: new End().handlers }).catch((reason) => reason);
    return (error as { code?: string }).code === "ECONNREFUSED";
  } finally {
    rmSync(directory, { recursive: true });
  }
}
