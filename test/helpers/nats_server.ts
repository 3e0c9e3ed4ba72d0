/**
 * Servers of NATS, as Debian has them: each on ports of its own, with its store in a folder that goes with it. They are
 * stopped, killed and started again by the tests.
 *
 * @module
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "./free_port.ts";
import { freeze } from "./freeze.ts";
import { pause } from "./wait.ts";

/** Why tests with a server are skipped; `false`: there is one. */
export const NO_NATS: string | false = spawnSync("nats-server", ["--version"]).status === 0
  ? false
  : "there is no nats-server: apt-get install nats-server";

/** How long a server may take to start, or to end, in milliseconds. */
const LONGEST = 15_000;

/** What a server may have beside its ports and its store. */
export interface NatsConfig {
  /** Lines of its configuration. */
  readonly lines?: readonly string[];
  /** The most bytes of a message. */
  readonly maxPayload?: number;
  /** The name of the server in its cluster, and the ports of all of them. */
  readonly cluster?: { readonly name: string; readonly port: number; readonly routes: readonly number[] };
}

/** One server. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #config: NatsConfig;
  #maxPayload: number;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(port: number, folder: string, config: NatsConfig) {
    this.port = port;
    this.folder = folder;
    this.#config = config;
    this.#maxPayload = config.maxPayload ?? 2 ** 20;
  }

  /** Starts one. */
  static async start(config: NatsConfig = {}): Promise<NatsServer> {
    const server = await NatsServer.prepare(config);
    await startAll([server]);
    return server;
  }

  /** Prepares one that is not started. */
  static async prepare(config: NatsConfig): Promise<NatsServer> {
    return new NatsServer(await freePort(), await mkdtemp(join(tmpdir(), "mobcast-nats-")), config);
  }

  /** Its URL. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it, again with its store, and waits until it takes connections. */
  async start(maxPayload: number = this.#maxPayload): Promise<void> {
    this.#maxPayload = maxPayload;
    const file = join(this.folder, "nats.conf");
    await writeFile(file, this.#text());
    const begin = this.#output.length;
    const child = this.#child = spawn("nats-server", ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr!.on("data", (data) => this.#output += String(data));
    for (let waited = 0; !(await this.#answers()); waited += 10) {
      if (waited > LONGEST || child.exitCode !== null) {
        throw new Error(`nats-server does not start: ${this.#output.slice(begin)}`);
      }
      await pause(10);
    }
  }

  #text(): string {
    const { lines = [], cluster } = this.#config;
    const text = [
      `listen: "127.0.0.1:${this.port}"`,
      `max_payload: ${this.#maxPayload}`,
      `jetstream { store_dir: "${join(this.folder, "store")}", max_mem: 1GB, max_file: 1GB }`,
      ...lines,
    ];
    if (cluster) {
      const routes = cluster.routes.map((port) => `nats-route://127.0.0.1:${port}`).join(", ");
      text.push(`server_name: ${cluster.name}`);
      text.push(`cluster { name: mobcast, listen: "127.0.0.1:${cluster.port}", routes: [${routes}] }`);
    }
    return text.join("\n");
  }

  /** Whether it says who it is. */
  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1");
      const end = (answers: boolean): void => {
        socket.destroy();
        resolve(answers);
      };
      socket.once("data", () => end(true));
      socket.once("error", () => end(false));
      socket.setTimeout(500, () => end(false));
    });
  }

  /** Sends it a signal. Not by `kill` of the child: on Deno one that was stopped so gets no other signal. */
  signal(name: NodeJS.Signals): void {
    if (this.#child) process.kill(this.#child.pid!, name);
  }

  /** Stops it until SIGCONT, and resolves when it stands still. */
  async freeze(): Promise<void> {
    if (this.#child) await freeze(this.#child.pid!);
  }

  /** The last lines that it has written, also in earlier lives. */
  lastLines(count: number): string[] {
    return this.#output.trimEnd().split("\n").slice(-count);
  }

  /** Ends it, by kill -9 when nothing else is said or that takes too long, and waits until it is gone. */
  async stop(name: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(name);
    const timer = setTimeout(() => void child.kill("SIGKILL"), LONGEST);
    await gone;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Starts servers. When one does not start, none is left: it would keep the process of the tests. */
async function startAll(servers: readonly NatsServer[]): Promise<void> {
  const outcomes = await Promise.allSettled(servers.map((server) => server.start()));
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (!failure) return;
  for (const server of servers) await server[Symbol.asyncDispose]();
  throw failure.reason;
}

/** Three servers that are one cluster. */
export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Starts them. */
  static async start(): Promise<NatsCluster> {
    const routes = [await freePort(), await freePort(), await freePort()];
    const servers = await Promise.all(
      routes.map((port, at) => NatsServer.prepare({ cluster: { name: `n${at}`, port, routes } })),
    );
    await startAll(servers);
    return new NatsCluster(servers);
  }

  /** Their URLs. */
  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  /** The server of a name. */
  named(name: string): NatsServer {
    return this.servers[Number(name.slice(1))]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}
