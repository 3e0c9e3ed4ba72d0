/**
 * Listeners that are full: their process is stopped, and as many connections as fit wait to be accepted. The kernel drops
 * the SYN of each further TCP connection, as a firewall would; a Unix socket refuses it with EAGAIN.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket as NetSocket } from "node:net";
import process from "node:process";
import { freeze } from "./freeze.ts";
import { pause } from "./wait.ts";

/** Why there are none here; `false` where there are. Other kernels answer in other ways. */
export const NO_FULL_LISTENERS: string | false = process.platform === "linux" ? false : "it needs the kernel of Linux";

/** Accepts, on a port or a path with room for few, and says where. */
const LISTENER = `
  const where = process.argv[1] === "" ? { port: 0, host: "127.0.0.1" } : { path: process.argv[1] };
  const server = require("node:net").createServer((socket) => socket.on("error", () => {}).resume());
  server.listen({ ...where, backlog: 1 }, () => console.log(server.address().port));
`;

/** More than fit. */
const MANY = 4;

/** A listener that is full. */
export class FullListener implements AsyncDisposable {
  /** Its port; 0 for a Unix socket. */
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #waiting: readonly NetSocket[];

  private constructor(port: number, child: ChildProcess, waiting: readonly NetSocket[]) {
    this.port = port;
    this.#child = child;
    this.#waiting = waiting;
  }

  /** Opens one, at a free port or a path. */
  static async open(path: string = ""): Promise<FullListener> {
    const child = spawn("node", ["-e", LISTENER, path], { stdio: ["ignore", "pipe", "inherit"] });
    const said = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.stdout!.once("data", (chunk: Uint8Array) => resolve(new TextDecoder().decode(chunk)));
    });
    await freeze(child.pid!);
    const port = path === "" ? Number.parseInt(said, 10) : 0;
    const where = path === "" ? { port, host: "127.0.0.1" } : { path };
    const waiting = Array.from({ length: MANY }, () => connect(where).on("error", () => {}));
    await pause(200);
    // What did not fit must not come in later, in the place of the connection under test.
    for (const socket of waiting) if (socket.connecting) socket.destroy();
    return new FullListener(port, child, waiting);
  }

  /** Accepts again. */
  accept(): void {
    process.kill(this.#child.pid!, "SIGCONT");
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise<void>((resolve) => void this.#child.once("exit", () => resolve()));
    process.kill(this.#child.pid!, "SIGKILL");
    await gone;
    for (const socket of this.#waiting) socket.destroy();
  }
}
