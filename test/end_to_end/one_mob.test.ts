/** One address, one mob: names with several addresses, starts at the same moment, workers of a cluster, wildcards. */

import { test } from "node:test";
import { spawn } from "node:child_process";
import { lookup } from "node:dns/promises";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { OpenOne } from "../../adapters/shared/listen_at.ts";
import { listenEverywhere } from "../../adapters/shared/names.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import type { ListeningSocket, Registry } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { Mob } from "../../src/server/mob.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { connect } from "../../mod.ts";
import { rejection, within } from "../helpers/wait.ts";
import { OVER_TCP, overTls, through, type Transport } from "../helpers/transports.ts";

const adapter = await runtimeAdapter();
const TRANSPORTS: readonly Transport[] = [OVER_TCP, await overTls()];
const BOTH = ["::1", "127.0.0.1"];
const LIMITED = { timeout: 60_000 };
const root = new URL("../../", import.meta.url);

const registry: Registry = { accept: () => undefined, ready() {}, acceptFailed: () => Promise.resolve() };

/** A listener on a name that stands for these addresses, on the adapter of the runtime. */
function listenAt(transport: Transport, hosts: readonly string[], port = 0): Promise<ListeningSocket> {
  const there = through(transport, adapter);
  const address = transport.address("localhost", port) as NetworkAddress;
  return listenEverywhere(address, (one) => there.listen(one, registry), () => Promise.resolve(hosts));
}

/** Another program on a port. */
function occupy(host: string, port = 0): Promise<Server> {
  const server = createServer((socket) => void socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => resolve(server));
  });
}

function portOf(opened: ListeningSocket | Server): number {
  return "listen" in opened ? (opened.address() as { port: number }).port : (opened.address as NetworkAddress).port;
}

function leave(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}

// --- names ---

for (const transport of TRANSPORTS) {
  const { name } = transport;

  test(`one mob: ${name}: a name is open at every address that it has, on one port`, LIMITED, async () => {
    const listener = await listenAt(transport, BOTH);
    const port = portOf(listener);
    assertEquals(listener.address, transport.address("localhost", port));
    assertEquals(listener.addresses, BOTH.map((host) => transport.address(host, port)));
    for (const host of BOTH) assertEquals((await rejection(occupy(host, port), host)).code, "EADDRINUSE");
    await listener.close();
    for (const host of BOTH) await leave(await occupy(host, port));
  });

  test(
    `one mob: ${name}: a second server on the name is refused, whichever address it tries first`,
    LIMITED,
    async () => {
      const listener = await listenAt(transport, BOTH);
      for (const hosts of [BOTH, BOTH.toReversed(), ["::1"], ["127.0.0.1"]]) {
        const error = await rejection(listenAt(transport, hosts, portOf(listener)), hosts.join());
        assertEquals(error.code, "EADDRINUSE");
      }
      await listener.close();
    },
  );

  test(
    `one mob: ${name}: when another program has one address, none is opened, and the error names it`,
    LIMITED,
    async () => {
      for (const [taken, free] of [BOTH, BOTH.toReversed()] as [string, string][]) {
        const unauthenticated = await occupy(taken);
        const error = await rejection(listenAt(transport, BOTH, portOf(unauthenticated)), taken);
        const { code, subject } = error as { code?: string; subject?: string };
        assertEquals([code, subject?.includes(taken)], ["EADDRINUSE", true]);
        await leave(await occupy(free, portOf(unauthenticated)));
        await leave(unauthenticated);
      }
    },
  );

  test(
    `one mob: ${name}: an address that the machine does not have is passed over, unless it is the only one`,
    LIMITED,
    async () => {
      const listener = await listenAt(transport, ["203.0.113.1", "127.0.0.1"]);
      assertEquals(listener.addresses, [transport.address("127.0.0.1", portOf(listener))]);
      await listener.close();
      assertEquals((await rejection(listenAt(transport, ["203.0.113.1"]), "absent")).code, "EADDRNOTAVAIL");
    },
  );

  test(`one mob: ${name}: the adapter resolves a name, and says what it is open at`, LIMITED, async () => {
    const hosts = new Set((await lookup("localhost", { all: true })).map(({ address }) => address));
    const listener = await through(transport, adapter).listen(transport.address("localhost", 0), registry);
    const opened = listener.addresses?.map((address) => (address as NetworkAddress).host) ?? [];
    assert(opened.length > 0 && opened.every((host) => hosts.has(host)), `${opened} of ${[...hosts]}`);
    await listener.close();
  });
}

/** Opens addresses of a world in which some are taken or absent. */
function fakeOpen(fails: (address: NetworkAddress) => string | undefined): { open: OpenOne; opened: Set<string> } {
  const opened: Set<string> = new Set();
  let next = 5000;
  const open: OpenOne = (asked) => {
    const code = fails(asked);
    if (code !== undefined) return Promise.reject(Object.assign(new Error(code), { code }));
    const address = { ...asked, port: asked.port === 0 ? next++ : asked.port };
    const key = `${address.host} ${address.port}`;
    opened.add(key);
    return Promise.resolve({ address, close: () => Promise.resolve(void opened.delete(key)) });
  };
  return { open, opened };
}

test("one mob: a free port is one that is free at every address", LIMITED, async () => {
  const { open, opened } = fakeOpen(({ host, port }) => host === "127.0.0.1" && port < 5003 ? "EADDRINUSE" : undefined);
  const address = { transport: "tcp", host: "name", port: 0 } as const;
  const listener = await listenEverywhere(address, open, () => Promise.resolve(BOTH));
  assertEquals([listener.address, [...opened]], [{ ...address, port: 5003 }, ["::1 5003", "127.0.0.1 5003"]]);
  await listener.close();
  assertEquals(opened.size, 0);
});

test(
  "one mob: Deno may be allowed a name and not its addresses: then the name is opened as it is",
  LIMITED,
  async () => {
    const address = { transport: "tcp", host: "name", port: 7000 } as const;
    const { open, opened } = fakeOpen(() => undefined);
    const denied = (): Promise<never> => Promise.reject(Object.assign(new Error("denied"), { code: "EPERM" }));
    await listenEverywhere(address, open, denied);
    assertEquals([...opened], ["name 7000"]);
  },
);

test("one mob: a mob's URL has the name, and its listeners say the addresses", LIMITED, async () => {
  await using mob = new Mob({
    ...adapter,
    listen: (address, to) =>
      listenEverywhere(address as NetworkAddress, (one) => adapter.listen(one, to), () => Promise.resolve(BOTH)),
  });
  const url = await mob.listen("tcp://localhost:0");
  const port = url.slice("tcp://localhost:".length);
  const addresses = [`tcp://[::1]:${port}`, `tcp://127.0.0.1:${port}`];
  assertEquals([mob.urls, mob.listeners], [[url], [{ url, addresses }]]);
  const clients = await Promise.all(addresses.map((address) => connect(address)));
  for (const client of clients) await client.send(bytesOf("hello"));
  for (const client of clients) {
    let received = 0;
    for await (const message of client) {
      assertEquals(textOf(message), "hello");
      if (++received === 2) break;
    }
  }
  const error = await rejection(mob.listen(url), "again");
  assertEquals(error.message, `Cannot listen on ${url}: [::1]:${port}: address in use (EADDRINUSE)`);
});

// --- wildcards ---

for (const transport of TRANSPORTS) {
  test(`one mob: ${transport.name}: all addresses and one of them are not open at once`, LIMITED, async () => {
    const there = through(transport, adapter);
    const pairs = [["0.0.0.0", "127.0.0.1"], ["127.0.0.1", "0.0.0.0"], ["::", "::1"], ["::1", "::"], ["::", "0.0.0.0"]];
    for (const [first, second] of pairs as [string, string][]) {
      const listener = await there.listen(transport.address(first, 0), registry);
      const refused = there.listen(transport.address(second, portOf(listener)), registry);
      assertEquals((await rejection(refused, `${first} ${second}`)).code, "EADDRINUSE");
      await listener.close();
    }
  });
}

// --- the same moment ---

test("one mob: of several listeners that want a port at once, one gets it", LIMITED, async () => {
  for (const transport of TRANSPORTS) {
    const there = through(transport, adapter);
    const free = await there.listen(transport.address("127.0.0.1", 0), registry);
    await free.close();
    const tries = Array.from({ length: 8 }, () => there.listen(free.address, registry));
    const outcomes = await Promise.allSettled(tries);
    const opened = outcomes.flatMap((outcome) => outcome.status === "fulfilled" ? [outcome.value] : []);
    const codes = outcomes.flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason.code] : []);
    assertEquals([opened.length, new Set(codes)], [1, new Set(["EADDRINUSE"])]);
    await opened[0]!.close();
  }
});

/** Opens the port in another process of this runtime, and writes the outcome to files. */
function program(port: number, files: string): string {
  return `
    const { existsSync, writeFileSync } = await import("node:fs");
    const { runtimeAdapter } = await import(${JSON.stringify(new URL("adapters/runtime.ts", root).href)});
    const adapter = await runtimeAdapter();
    const registry = { accept: () => undefined, ready() {}, acceptFailed: () => Promise.resolve() };
    writeFileSync(${JSON.stringify(`${files}/tries`)}, "");
    const address = { transport: "tcp", host: "127.0.0.1", port: ${port} };
    const outcome = await adapter.listen(address, registry).then(() => "open", (error) => error.code);
    if (outcome === "open") writeFileSync(${JSON.stringify(`${files}/open`)}, "");
    console.log(outcome);
    setInterval(() => {}, 1000);
  `;
}

const onBun = adapter.name === "bun";

// Only Bun has such a moment: elsewhere one system call decides.
test("one mob: a server that starts while another is between its listeners is refused", {
  ...LIMITED,
  skip: !onBun,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
  const free = await adapter.listen(OVER_TCP.address("127.0.0.1", 0), registry);
  await free.close();
  const { Bun: api } = globalThis as unknown as { Bun: { listen(options: { reusePort?: boolean }): unknown } };
  const { listen } = api;
  let said: Promise<string> | undefined;
  let child: ReturnType<typeof spawn> | undefined;
  const waitFor = (what: string, milliseconds: number): void => {
    const until = Date.now() + milliseconds;
    while (!existsSync(join(directory, what)) && Date.now() < until) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  };
  api.listen = (options) => {
    if (options.reusePort && child === undefined) {
      child = spawn(process.execPath, ["-e", program(portOf(free), directory)], { cwd: fileURLToPath(root) });
      said = new Promise((resolve) =>
        child!.stdout!.once("data", (chunk: Uint8Array) => resolve(textOf(chunk).trim()))
      );
      waitFor("tries", 20_000);
      waitFor("open", 500);
    }
    return listen.call(api, options);
  };
  try {
    const listener = await adapter.listen(free.address, registry);
    assertEquals(await within(said!, "the other process", 20_000), "EADDRINUSE");
    await listener.close();
  } finally {
    api.listen = listen;
    child?.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  }
});

// --- a cluster ---

/** A cluster of two workers, each of which opens the same address. */
function clusterOf(url: string): string {
  const modules = JSON.stringify(new URL("mod.ts", root).href);
  return `
    import cluster from "node:cluster";
    import process from "node:process";
    if (cluster.isPrimary) {
      const reported = [];
      const start = () => cluster.fork().on("message", (outcome) => {
        reported.push(outcome);
        if (reported.length < 2) return start();
        console.log(JSON.stringify(reported));
        process.exit(0);
      });
      start();
    } else {
      const { serve } = await import(${modules});
      process.send(await serve({ listen: ${
    JSON.stringify(url)
  } }).then((mob) => mob.urls[0], (error) => error.message));
    }
  `;
}

// Deno has no node:cluster.
test("one mob: the second worker of a cluster is refused, with the way forward", {
  ...LIMITED,
  skip: adapter.name === "deno",
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
  const taken = await occupy("127.0.0.1");
  const port = portOf(taken);
  await leave(taken);
  try {
    for (const url of [`tcp://127.0.0.1:${port}`, `unix://${directory}/mob.sock`]) {
      const file = join(directory, "cluster.mjs");
      writeFileSync(file, clusterOf(url));
      const args = onBun ? [file] : ["--import", "./test/helpers/typescript.mjs", file];
      const child = spawn(process.execPath, args, { cwd: fileURLToPath(root), stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout!.on("data", (chunk: Uint8Array) => text += textOf(chunk));
      await within(new Promise<void>((resolve) => void child.once("close", () => resolve())), "the cluster", 40_000);
      const [first, second] = JSON.parse(text) as string[];
      assertEquals(first, url);
      assertMatch(second!, /address in use \(EADDRINUSE\), a mob lives in one process, so start one worker/);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
