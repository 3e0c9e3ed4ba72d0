/**
 * Servers with several threads, and clients that look at each frame.
 *
 * @module
 */

import { type AddressInfo, connect as dial, createServer, type Server, type Socket } from "node:net";
import { type Client, connect } from "../../mod.ts";
import { OURS, ServerProcess } from "./command_line.ts";
import { type Bell, within } from "./wait.ts";

/** How this runtime starts threads; Deno needs more permissions than the README's command has. */
export const PROGRAM: readonly string[] | undefined = OURS === "deno"
  ? ["node_modules/.bin/deno", "run", "--allow-net", "--allow-read", "--unstable-net", "mod.ts"]
  : undefined;

/** Starts a server with so many threads, and waits until all of them listen. */
export async function startThreads(count: number, args: readonly string[] = []): Promise<ServerProcess> {
  const listeners = Math.max(1, args.filter((arg) => /^(tcp|tls|ws|unix):/.test(arg)).length);
  const urls = args.some((arg) => /^(tcp|tls|ws):/.test(arg)) ? [] : ["tcp://127.0.0.1:0"];
  const server = new ServerProcess(OURS, [...urls, ...args, "--threads", `${count}`], PROGRAM);
  await server.match(
    new RegExp(`(?:^listening on .* with (?:${count} threads|thread 1 of ${count})\\n){${listeners}}`, "m"),
  );
  if (args.includes("--status")) await server.match(/^status on .*\n/m);
  server.urls = Array.from(server.stdout.matchAll(/^listening on (\S+).*$/gm), (match) => match[1]!);
  return server;
}

/** Waits until so many clients have joined: one that has connected may still wait for its thread to accept it. */
export async function allJoined(server: ServerProcess, count: number): Promise<void> {
  await server.tells(new RegExp(`mobcast: connections ${count}, joined ${count}, `));
}

/** A client that keeps the names of all messages that it hears, and checks each. */
export class Listener {
  readonly heard: string[] = [];
  readonly client: Client;
  /** Resolves when its stream has ended. */
  readonly over: Promise<void>;

  constructor(client: Client, bell: Bell) {
    this.client = client;
    this.over = (async () => {
      for await (const text of client.text()) {
        const name = text.split(".", 2).join(".");
        this.heard.push(text === messageOf(name) ? name : `wrong: ${text.slice(0, 40)}`);
        bell.ring();
      }
    })().catch(() => {});
  }
}

export async function listenersAt(server: ServerProcess, count: number, bell: Bell, options = {}): Promise<Listener[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => connect(server.url, options)));
  const listeners = clients.map((client) => new Listener(client, bell));
  await allJoined(server, count);
  return listeners;
}

/** A message that tells which it is, of a length of its own. */
export function messageOf(name: string): string {
  const [client = 0, number = 0] = name.split(".").map(Number);
  const length = (client * 7919 + number * 104_729) % 2000;
  return `${name}.${"abcdefghijklmnopqrstuvwxyz".repeat(80).slice(0, length)}`;
}

/** Stands before a port, and cuts connections. */
export class Cutter implements AsyncDisposable {
  /** How many connections there have been. */
  connections = 0;
  readonly #server: Server;
  readonly #open: Set<Socket> = new Set();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Opens one before the port. */
  static async before(port: number): Promise<Cutter> {
    const server = createServer();
    const cutter = new Cutter(server);
    server.on("connection", (near) => {
      const far = dial({ port, host: "127.0.0.1" });
      cutter.connections++;
      for (const [one, other] of [[near, far], [far, near]] as const) {
        cutter.#open.add(one);
        one.on("error", () => {}).on("close", () => other.destroy()).pipe(other);
      }
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    return cutter;
  }

  /** Its port. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => void this.#server.close(resolve));
  }
}

/** Says a text, ends its half, and resolves to all that came until the end. */
export function sayAll(port: number, text: string): Promise<string> {
  const socket = dial({ port, host: "127.0.0.1", allowHalfOpen: true });
  let heard = "";
  socket.setEncoding("utf8").on("data", (part: string) => heard += part).end(text);
  return within(
    new Promise((resolve, reject) => socket.on("end", () => resolve(heard)).on("error", reject)),
    "the end",
  );
}

/** How many connections each thread has, as the log tells: of the first ones. */
export function spreadOf(server: ServerProcess): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, thread] of server.stderr.matchAll(/mobcast·(\d+): Joined: /g)) {
    found.set(thread!, (found.get(thread!) ?? 0) + 1);
  }
  return found;
}
