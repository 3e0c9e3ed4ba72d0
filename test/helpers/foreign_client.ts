/** A client that is none of ours and knows nothing of mobcast: a shell that passes bytes on, both ways. */

import { type ChildProcess, spawn } from "node:child_process";
import { clearTimeout, setTimeout } from "node:timers";
import { concat } from "./bytes.ts";

/** Nothing here takes longer on a busy machine, unless it hangs. */
const PATIENCE = 20_000;

/** What `nc 127.0.0.1 PORT` does, by what every machine has: the sockets of bash and two `cat`. */
const SCRIPT = 'exec 3<>"/dev/tcp/127.0.0.1/$0"; cat <&3 & cat >&3; kill $! 2>/dev/null';

/** A shell that is connected to a port of this machine. */
export class ForeignClient implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #chunks: Uint8Array[] = [];
  readonly #ended: Promise<void>;
  #look: (() => void)[] = [];

  /** Starts it. */
  constructor(port: number) {
    this.#child = spawn("bash", ["-c", SCRIPT, `${port}`], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin!.on("error", () => {});
    this.#child.stdout!.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(new Uint8Array(chunk));
      for (const look of this.#look.splice(0)) look();
    });
    this.#ended = new Promise((resolve) => this.#child.on("close", () => resolve()));
  }

  /** Everything received so far. */
  get received(): Uint8Array {
    return concat(...this.#chunks);
  }

  /** Sends bytes. */
  send(bytes: Uint8Array): void {
    this.#child.stdin!.write(bytes);
  }

  /** Waits until these bytes are the last that were received. */
  async receivesLast(bytes: Uint8Array): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      for (const look of this.#look.splice(0)) look();
    }, PATIENCE);
    const done = (): boolean => `,${this.received}`.endsWith(`,${bytes}`);
    while (!done() && !late) await new Promise<void>((resolve) => this.#look.push(resolve));
    clearTimeout(timer);
    if (!done()) throw new Error(`received ${this.received.length} bytes, and ${bytes} are not the last`);
  }

  /** Ends it: the end of its input ends both halves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin!.end();
    await this.#ended;
  }
}
