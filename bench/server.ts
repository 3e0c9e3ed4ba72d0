/** A server under load: a process of its own, started on a free port and ended by its number. */

import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { ROOT } from "../test/helpers/command_line.ts";
import { freePort } from "../test/helpers/free_port.ts";

/** Nothing here takes longer on a busy machine, unless it hangs. */
const PATIENCE = 15_000;

/** The servers that run now: none outlives this process. */
const running: Set<ChildProcess> = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => process.exit(1));

/** A running server. */
export class Server {
  /** Its port. */
  readonly port: number;
  /** When it was started, by the clock of this process. */
  readonly bornAt: number = performance.now();
  readonly #child: ChildProcess;
  #noise = "";
  #over = false;

  private constructor(command: readonly string[], port: number) {
    this.port = port;
    this.#child = spawn(command[0]!, command.slice(1), { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.#child);
    for (const output of [this.#child.stdout!, this.#child.stderr!]) {
      output.setEncoding("utf8").on("data", (text: string) => this.#noise = (this.#noise + text).slice(-2000));
    }
    this.#child.on("error", (error) => this.#end(String(error)));
    this.#child.on("close", () => this.#end(""));
  }

  /** Starts a server, and waits until it accepts a connection. */
  static async start(command: (port: number) => readonly string[]): Promise<Server> {
    const server = await Server.launch(command);
    await server.untilOpen();
    return server;
  }

  /** Starts one and waits for nothing. */
  static async launch(command: (port: number) => readonly string[]): Promise<Server> {
    const port = await freePort();
    return new Server(command(port), port);
  }

  /** The number of its process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until the server accepts a connection. */
  async untilOpen(): Promise<void> {
    const limit = performance.now() + PATIENCE;
    while (!await canConnect(this.port)) {
      if (this.#over || performance.now() > limit) {
        await this.stop();
        throw new Error(`Cannot start the server: ${this.#noise.trim() || "it does not listen"}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /**
   * The time from its start until a connection received its first byte, in milliseconds. `hello` is what the connection sends
   * to get one.
   */
  async firstByte(hello: Uint8Array): Promise<number> {
    const limit = this.bornAt + PATIENCE;
    while (!this.#over && performance.now() < limit) {
      if (await isAnswered(this.port, hello)) return performance.now() - this.bornAt;
      // Not at once: asking all the time would keep a processor busy that the server could use.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Error(`Cannot reach the server: ${this.#noise.trim() || "it does not answer"}`);
  }

  /** Ends it, whatever it does. */
  async stop(): Promise<void> {
    if (this.#over) return;
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }

  #end(why: string): void {
    this.#over = true;
    this.#noise += why;
    running.delete(this.#child);
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function isAnswered(port: number, hello: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const settle = (answered: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    const timer = setTimeout(() => settle(false), 2000);
    socket.once("error", () => settle(false));
    socket.once("data", () => settle(true));
    socket.once("connect", () => socket.write(hello));
  });
}
