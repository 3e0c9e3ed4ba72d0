/**
 * The traps of Deno, on `Deno.listen` and `Deno.connect`.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { setImmediate } from "node:timers";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { deno, type DenoConnection } from "../../adapters/types/deno.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { pause } from "../helpers/wait.ts";
import type { Trap } from "./runtime_bug.ts";

const HOST = "127.0.0.1";

/** Every trap of Deno. */
export const TRAPS: readonly Trap[] = [
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/issues/8499",
    what: "accept() rejects when the incoming connection has reset already, which ends a `for await` for good",
    workaround: "`acceptAll` in adapters/deno.ts catches, and goes on",
    probe: acceptRejects,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/issues/6128",
    what: "of two writes at a time the second goes out in the middle of the first",
    workaround: "DenoSocket.write in adapters/deno.ts has one write on its way, or none",
    probe: writesInterleave,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/issues/35292",
    what: "a read that had completed resolves with its bytes after close()",
    workaround: "that DenoSocket in adapters/deno.ts asks for #closed when a read resolves",
    probe: readAfterClose,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/issues/22885",
    what: "a listener that is closed keeps its address until the accept that was pending has been rejected",
    workaround: "that `close` in adapters/deno.ts waits for `acceptAll`",
    probe: addressInUseAfterClose,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://docs.rs/tokio/latest/tokio/runtime/struct.Builder.html#method.event_interval",
    what: "sockets are looked at once in about 61 ticks while immediates keep coming",
    workaround: "`deferWithRests` in adapters/shared/event_loop.ts",
    probe: async () => (await ticksForOneByte()) > 20,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/issues/34054",
    what: "the first signal handler at the limit of descriptors is a panic",
    workaround: "`primeSignals` in adapters/deno.ts",
    probe: panicsAtTheLimit,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/blob/main/libs/core/uv_compat/tcp.rs",
    what: "a server of node:net accepts nothing any more after one accept that found no descriptor",
    workaround: "`keepAccepting` in adapters/tls/tcp_listener.ts",
    probe: acceptsNothingAfterTheLimit,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://docs.deno.com/api/deno/~/Deno.errors.BadResource",
    what: "some errors have a class and no code",
    workaround: "CODES in adapters/types/deno.ts",
    async probe() {
      const { server, client } = await pair();
      server.close();
      const error = await server.write(new Uint8Array(1)).catch((reason: unknown) => reason);
      client.close();
      return error instanceof Error && !("code" in error);
    },
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/pull/33415",
    what: "close() ends a stuck connection in order, with all that the kernel has taken; only node:net can reset",
    workaround: "what docs/library.md says of `ended`: a client that is cut at the end of a frame sees an end in order",
    probe: closeEndsInOrder,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://docs.deno.com/api/node/net/",
    what: "a write of node:net that is under way fails when the client ends its half",
    workaround: "TCP is on Deno.listen in adapters/deno.ts, though node:net writes at half the cost (docs/design.md)",
    probe: writeFailsAtTheirEnd,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/issues/35634",
    what: "how soon a connection probes for a lost peer cannot be chosen",
    workaround:
      "adapters/deno.ts dials through node:net; what it accepts probes when the system says so, after two hours",
    probe: keepaliveHasNoTime,
  },
  {
    runtimes: ["deno"],
    seen: "2.9.5",
    link: "https://github.com/denoland/deno/pull/33524",
    what: "a paused socket of node:tls reads on without bound",
    workaround: "`handleOf` in adapters/tls/tls.ts, and `pausing` in test/helpers/transports.ts",
    probe: readsOnOverTls,
  },
];

/** Both ends of a connection. */
async function pair(): Promise<{ server: DenoConnection; client: DenoConnection }> {
  const listener = deno().listen({ hostname: HOST, port: 0, tcpBacklog: 1 });
  const [server, client] = await Promise.all([
    listener.accept(),
    deno().connect({ hostname: HOST, port: listener.addr.port }),
  ]);
  listener.close();
  return { server, client };
}

/** Whether a client that did not read gets bytes and an end after close(), and no error. */
async function closeEndsInOrder(): Promise<boolean> {
  const { server, client } = await pair();
  // More than the kernel takes.
  const writing = server.write(new Uint8Array(16 * 1024 * 1024)).catch(() => {});
  await pause(20);
  server.close();
  await writing;
  const buffer = new Uint8Array(64 * 1024);
  let received = 0;
  try {
    for (let read: number | null = 0; read !== null; read = await client.read(buffer)) received += read;
    return received > 0;
  } catch {
    return false;
  } finally {
    client.close();
  }
}

/** Whether a client that ends its half and then reads does not get all. */
async function writeFailsAtTheirEnd(): Promise<boolean> {
  // More than the kernel takes.
  const length = 16 * 1024 * 1024;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {}).resume();
    socket.write(new Uint8Array(length), () => socket.end());
  });
  await new Promise<void>((resolve) => void server.listen(0, HOST, () => resolve()));
  const { port } = server.address() as { port: number };
  const client = await deno().connect({ hostname: HOST, port });
  await pause(20);
  await client.closeWrite();
  await pause(20);
  const buffer = new Uint8Array(64 * 1024);
  let received = 0;
  try {
    for (let read: number | null = 0; read !== null; read = await client.read(buffer)) received += read;
  } catch {
    // A reset.
  } finally {
    client.close();
    server.close();
  }
  return received < length;
}

/** Whether far more than the kernels and both ends hold is taken from a client while the server is paused. */
async function readsOnOverTls(): Promise<boolean> {
  const authority = await makeAuthority("an authority of the traps");
  const server = createTlsServer(await authority.issue(), (socket) => socket.on("error", () => {}).pause());
  await new Promise<void>((resolve) => void server.listen(0, HOST, () => resolve()));
  const { port } = server.address() as { port: number };
  const client = connectTls({ host: HOST, port, ca: authority.cert });
  client.on("error", () => {});
  const mebibyte = new Uint8Array(2 ** 20);
  const sent = (async () => {
    for (let count = 0; count < 64; count++) {
      await new Promise<void>((resolve) => void client.write(mebibyte, () => resolve()));
    }
    return true;
  })();
  const outcome = await Promise.race([sent, pause(2000)]);
  client.destroy();
  server.close();
  return outcome === true;
}

async function acceptRejects(): Promise<boolean> {
  const listener = deno().listen({ hostname: HOST, port: 0, tcpBacklog: 1 });
  await new Promise<void>((resolve) => {
    const incoming = connect(listener.addr.port, HOST, () => incoming.resetAndDestroy());
    incoming.on("error", () => {}).on("close", () => resolve());
  });
  const accepting = listener.accept().then((connection) => {
    connection.close();
    return false;
  }, (error: Error) => error.name === "NotConnected");
  // An incoming connection that is never received of would be another mend.
  const outcome = await Promise.race([accepting, pause(200)]);
  listener.close();
  await accepting;
  return outcome === true;
}

async function writesInterleave(): Promise<boolean> {
  // More than the kernel takes at once.
  const length = 8 * 1024 * 1024;
  const { server, client } = await pair();
  const writing = [1, 2].map((byte) => server.write(new Uint8Array(length).fill(byte)).catch(() => {}));
  const buffer = new Uint8Array(64 * 1024);
  let ones = 0;
  for (let boundary = -1; boundary < 0;) {
    const read = await client.read(buffer);
    if (read === null) break;
    boundary = buffer.subarray(0, read).indexOf(2);
    ones += boundary < 0 ? read : boundary;
  }
  client.close();
  server.close();
  await Promise.all(writing);
  return ones < length;
}

/** Two connections are readable in one tick, and the first to be received of closes the other. */
async function readAfterClose(): Promise<boolean> {
  const pairs = [await pair(), await pair()];
  let closed: DenoConnection | undefined;
  let after = false;
  const reading = pairs.map(async ({ server }) => {
    const read = await server.read(new Uint8Array(100)).catch(() => undefined);
    if (server === closed) after = typeof read === "number";
    closed ??= pairs.map((other) => other.server).find((other) => other !== server);
    if (server !== closed) closed!.close();
  });
  for (const { client } of pairs) await client.write(new Uint8Array(10));
  // Stand still until both have come.
  for (const until = performance.now() + 5; performance.now() < until;);
  await Promise.all(reading);
  for (const { server, client } of pairs) {
    if (server !== closed) server.close();
    client.close();
  }
  return after;
}

async function addressInUseAfterClose(): Promise<boolean> {
  const listener = deno().listen({ hostname: HOST, port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const accepting = listener.accept().catch(() => {});
  listener.close();
  const free = (): boolean => {
    try {
      deno().listen({ hostname: HOST, port, tcpBacklog: 1 }).close();
      return true;
    } catch {
      return false;
    }
  };
  const before = free();
  await accepting;
  return !before && free();
}

/** How many ticks pass, one calling for the next, for each byte that travels to the other end. */
async function ticksForOneByte(): Promise<number> {
  const { server, client } = await pair();
  const bytes = 50;
  let ticks = 0;
  let spinning = true;
  const spin = (): void => {
    ticks++;
    if (spinning) setImmediate(spin);
  };
  spin();
  for (let left = bytes; left > 0; left--) {
    // A read that finds its byte there at once is not kept waiting: this one has to be woken.
    const reading = server.read(new Uint8Array(1));
    await client.write(new Uint8Array(1));
    await reading;
  }
  spinning = false;
  server.close();
  client.close();
  return ticks / bytes;
}

/** Opens connections until there are no descriptors left, then asks for a signal. */
const GREEDY = `
  const { addr: { port } } = globalThis.listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = [];
  try {
    while (connections.length < 100) connections.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  } catch { /* That was the limit. */ }
  Deno.addSignalListener("SIGTERM", () => {});
  Deno.exit();
`;

/** The part of Deno's API that only this file uses. Its node:child_process would rewrite the arguments. */
interface Commands {
  execPath(): string;
  Command: new (
    command: string,
    options: { readonly args: readonly string[] },
  ) => { output(): Promise<{ readonly code: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array }> };
}

async function panicsAtTheLimit(): Promise<boolean> {
  const { code, stderr } = await underLimit(GREEDY);
  return code !== 0 && new TextDecoder().decode(stderr).includes("panicked");
}

/** Leaves one descriptor, which a client takes, and gives all back. Writes how many connections have been accepted a moment later. */
const SHORT = `
  import { closeSync, openSync } from "node:fs";
  import { connect, createServer } from "node:net";
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  let accepted = 0;
  const server = createServer(() => accepted++);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const files = [];
  try {
    while (true) files.push(openSync("/dev/null"));
  } catch { /* That was the limit. */ }
  closeSync(files.pop());
  const client = connect(server.address().port, "127.0.0.1");
  await new Promise((resolve) => client.once("connect", resolve));
  await pause(100);
  for (const file of files) closeSync(file);
  await pause(300);
  console.log(accepted);
  Deno.exit();
`;

async function acceptsNothingAfterTheLimit(): Promise<boolean> {
  const { stdout } = await underLimit(SHORT);
  return new TextDecoder().decode(stdout) === "0\n";
}

/** Runs a program in a process of its own that has 48 descriptors. */
async function underLimit(program: string): ReturnType<InstanceType<Commands["Command"]>["output"]> {
  const { Command, execPath } = deno() as unknown as Commands;
  const run = 'ulimit -n 48; exec "$0" eval --no-lock --no-config "$1"';
  return await new Command("sh", { args: ["-c", run, execPath(), program] }).output();
}

/** Whether a connection that is told to probe after a minute does not. */
async function keepaliveHasNoTime(): Promise<boolean> {
  const { server, client } = await pair();
  const { port } = client.remoteAddr;
  // As https://github.com/denoland/deno/pull/35636 has it.
  const options: unknown = { time: 60_000, interval: 10_000, retries: 3 };
  client.setKeepAlive!(options as boolean);
  const timers = timersOf(port);
  server.close();
  client.close();
  return !timers.some(({ kind, seconds }) => kind === KEEPALIVE && seconds <= 60);
}

/** The number of the keepalive timer in the table of connections. */
const KEEPALIVE = 2;

/** The timers of the connections from and to a port (proc(5)): their kind, and when they run, in seconds. */
function timersOf(port: number): { kind: number; seconds: number }[] {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  const rows = readFileSync("/proc/self/net/tcp", "utf8").split("\n").filter((row) => row.includes(hex));
  return rows.map((row) => {
    const [kind, left] = row.trim().split(/\s+/)[5]!.split(":").map((field) => Number.parseInt(field, 16));
    return { kind: kind!, seconds: left! / 100 };
  });
}
