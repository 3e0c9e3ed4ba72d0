/**
 * Plays a case of the conformance kit: starts the client, does what the case says, and finds out what the client did wrong.
 *
 * @module
 */

import { equalBytes, toHex, utf8 } from "../bytes.ts";
import type { Adapter } from "../contract/adapter.ts";
import type { FramingName } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import { bytesOf, type Case, digitsOf, SECRET, type Step } from "./check_cases.ts";
import { type CheckedConnection, CheckServer } from "./check_server.ts";
import type { ChildProgram, Terminal } from "./terminal.ts";

/** How the client is run. */
export interface PlayOptions {
  /** The client and its arguments; the URL follows them. */
  readonly command: readonly string[];
  readonly framing: FramingName;
  /** Whether lines of input and output are messages in hexadecimal digits. */
  readonly hex: boolean;
  /** How long the client may do nothing that is due, in milliseconds. */
  readonly patience: number;
  /** Ends the case, whatever it waits for. */
  readonly stop: AbortSignal;
}

/** What a client did wrong, in words that follow its name. */
class Wrong extends Error {}

/** The pause between two pieces, in milliseconds: long enough that a client reads them apart. */
const APART = 2;

/** Bytes that are handed to the runtime at a time: it takes them all, and a client that does not read has to be seen. */
const PART = 64 * 1024;

/** How many times its patience a client may take to start: it may have to be compiled, or a machine of its own to be started. */
const START = 6;

/** Bytes that are shown of what was wrong. */
const SHOWN = 24;

const NEWLINE = utf8("\n");

/** Plays a case. Resolves to what was wrong; `undefined`: nothing. */
export async function play(
  terminal: Terminal,
  adapter: Adapter,
  each: Case,
  options: PlayOptions,
): Promise<string | undefined> {
  const server = new CheckServer(adapter, options.framing);
  const port = await server.open();
  const player = new Player(terminal, server, each, options);
  const wake = (): void => server.wake();
  options.stop.addEventListener("abort", wake);
  try {
    await player.run(`tcp://127.0.0.1:${port}${queryOf(each, options.framing)}`);
    return undefined;
  } catch (error) {
    if (error instanceof Wrong) return error.message;
    throw error;
  } finally {
    options.stop.removeEventListener("abort", wake);
    player.kill();
    await server.close();
  }
}

/** What the URL says of the framing and of resuming. */
function queryOf({ needs }: Case, framing: FramingName): string {
  const words = [...(framing === "u64" ? [] : [`framing=${framing}`]), ...(needs === "resume" ? ["resume=true"] : [])];
  return words.length === 0 ? "" : `?${words.join("&")}`;
}

class Player {
  readonly #terminal: Terminal;
  readonly #server: CheckServer;
  readonly #case: Case;
  readonly #options: PlayOptions;
  #child: ChildProgram | undefined;
  /** What the client has to print, and how much of that it has printed. */
  readonly #wanted: Uint8Array;
  #printed = 0;
  /** Grows with each thing that the client does: one that does something is not stuck. */
  #progress = 0;
  #wrongOutput: string | undefined;
  #errors = "";
  #ended: { readonly code: number | null; readonly why?: string | undefined } | undefined;

  constructor(terminal: Terminal, server: CheckServer, each: Case, options: PlayOptions) {
    this.#terminal = terminal;
    this.#server = server;
    this.#case = each;
    this.#options = options;
    this.#wanted = this.#linesOf(each.prints);
  }

  /** Starts the client and plays the case. Throws a {@link Wrong} at the first thing that is wrong. */
  async run(url: string): Promise<void> {
    const { connections, needs, exit } = this.#case;
    const env = { MOBCAST_URL: url, MOBCAST_SECRET: needs === "secret" ? SECRET : undefined };
    this.#child = await this.#terminal.run([...this.#options.command, url], env, {
      output: (bytes) => this.#takeOutput(bytes),
      errors: (bytes) => this.#errors = (this.#errors + new TextDecoder().decode(bytes)).slice(-2000),
      ended: (code, why) => {
        this.#ended = { code, why };
        this.#server.wake();
      },
    });
    for (const [index, steps] of connections.entries()) {
      const what = index === 0 ? "to connect" : `to connect again (${index + 1} of ${connections.length})`;
      await this.#until(() => this.#server.connections.length > index, what, START);
      for (const step of steps) await this.#step(this.#server.connections[index]!, step);
    }
    await this.#until(
      () => this.#ended !== undefined,
      exit === "0" ? "to end after the server has" : "to end: something is wrong",
    );
    this.#checkEnd();
  }

  kill(): void {
    if (this.#ended === undefined) this.#child?.kill();
  }

  async #step(connection: CheckedConnection, step: Step): Promise<void> {
    if ("says" in step) this.#child!.write(this.#linesOf(step.says));
    else if ("leaves" in step) this.#child!.end();
    else if ("ends" in step) connection.end();
    else if ("left" in step) await this.#leave(connection);
    else if ("sends" in step) await this.#send(connection, bytesOf(step.sends), step.pieces);
    else await this.#receive(connection, bytesOf(step.receives));
  }

  async #leave(connection: CheckedConnection): Promise<void> {
    await this.#until(() => {
      connection.read();
      return connection.ended;
    }, "to end its half of the stream when its input ends");
    if (connection.frames.length > 0 || connection.torn.length > 0) {
      throw new Wrong(`sent more than it should: ${shown(connection.frames[0] ?? connection.torn)}`);
    }
  }

  async #send(connection: CheckedConnection, bytes: Uint8Array, pieces?: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + (pieces ?? PART));
      await this.#until(() => {
        const taken = connection.write(bytes.subarray(at, end));
        at += taken;
        this.#progress += taken;
        return at === end;
      }, () => `to read: ${bytes.length - at} of ${bytes.length} bytes wait`);
      if (pieces !== undefined && at < bytes.length) {
        await new Promise<void>((resolve) => void this.#terminal.after(APART, resolve));
      }
    }
  }

  async #receive(connection: CheckedConnection, wanted: Uint8Array): Promise<void> {
    let at = 0;
    await this.#until(
      () => {
        connection.read();
        while (at < wanted.length && connection.frames.length > 0) {
          const frame = connection.frames.shift()!;
          const due = wanted.subarray(at, at + frame.length);
          if (!equalBytes(frame, due)) throw new Wrong(`sent ${shown(frame)}, not ${shown(wanted.subarray(at))}`);
          at += frame.length;
          this.#progress++;
        }
        if (at === wanted.length) return true;
        const { torn } = connection;
        // What can be seen to be wrong is not waited for.
        if (connection.failed || connection.ended || !equalBytes(torn, wanted.subarray(at, at + torn.length))) {
          const sent = torn.length > 0 ? `sent ${shown(torn)}` : "ended its half of the stream";
          throw new Wrong(`${sent}, not ${shown(wanted.subarray(at))}`);
        }
        return false;
      },
      () =>
        `to send ${shown(wanted.subarray(at))}${
          connection.torn.length > 0 ? `, and got ${shown(connection.torn)}` : ""
        }`,
    );
  }

  /** Waits until `done`, for so many times its patience; `what` is what the client is waited for. */
  async #until(done: () => boolean, what: string | (() => string), times: number = 1): Promise<void> {
    const patience = times * this.#options.patience;
    let late = false;
    let cancel = (): void => {};
    const wait = (): void => {
      cancel();
      cancel = this.#terminal.after(patience, () => {
        late = true;
        this.#server.wake();
      });
    };
    wait();
    try {
      for (let progress = this.#progress; !done();) {
        if (this.#wrongOutput !== undefined) throw new Wrong(this.#wrongOutput);
        const words = typeof what === "string" ? what : what();
        if (this.#ended !== undefined) {
          throw new Wrong(`${this.#how()} instead of going on: it was waited for ${words}`);
        }
        if (this.#options.stop.aborted) throw new Wrong("was not waited for: the check was stopped");
        if (late) throw new Wrong(`did nothing for ${patience / 1000} s: it was waited for ${words}`);
        await this.#server.next();
        if (this.#progress !== progress) wait();
        progress = this.#progress;
      }
    } finally {
      cancel();
    }
    if (this.#wrongOutput !== undefined) throw new Wrong(this.#wrongOutput);
  }

  #checkEnd(): void {
    if (this.#printed < this.#wanted.length) {
      const left = this.#wanted.subarray(this.#printed);
      throw new Wrong(`${this.#how()} and has not printed ${shown(left)}`);
    }
    const { code } = this.#ended!;
    if (this.#case.exit === "0" && code !== 0) throw new Wrong(`${this.#how()}, not with exit code 0`);
    if (this.#case.exit === "other" && code === 0) {
      throw new Wrong("ended with exit code 0 although something is wrong");
    }
  }

  /** How the client has ended, with the last line that it wrote to standard error. */
  #how(): string {
    const { code, why } = this.#ended!;
    if (why !== undefined) return `could not be run: ${why}`;
    const last = this.#errors.trim().split("\n").at(-1) ?? "";
    return `ended with ${code === null ? "a signal" : `exit code ${code}`}${last === "" ? "" : ` (${last})`}`;
  }

  #takeOutput(bytes: Uint8Array): void {
    const due = this.#wanted.subarray(this.#printed, this.#printed + bytes.length);
    if (
      this.#wrongOutput === undefined &&
      !equalBytes(this.#options.hex ? utf8(new TextDecoder().decode(bytes).toLowerCase()) : bytes, due)
    ) {
      const from = bytes.findIndex((byte, index) => byte !== due[index]);
      const at = Math.max(0, from);
      this.#wrongOutput = `printed ${quoted(bytes.subarray(at))}, not ${
        due.length > at ? quoted(this.#wanted.subarray(this.#printed + at)) : "nothing more"
      }, after ${this.#printed + at} bytes`;
    }
    this.#printed += bytes.length;
    this.#progress++;
    this.#server.wake();
  }

  #linesOf(messages: readonly string[]): Uint8Array {
    const lines = messages.flatMap((message) => [
      this.#options.hex ? utf8(digitsOf(message)) : bytesOf(message),
      NEWLINE,
    ]);
    return concatenate(lines, lines.reduce((sum, { length }) => sum + length, 0));
  }
}

/** The first bytes in hexadecimal digits. */
function shown(bytes: Uint8Array): string {
  const digits = toHex(bytes.subarray(0, SHOWN)).replace(/..(?=.)/g, "$& ");
  return bytes.length > SHOWN ? `${digits} ... (${bytes.length} bytes)` : digits || "nothing";
}

/** The first bytes as text. */
function quoted(bytes: Uint8Array): string {
  const text = JSON.stringify(new TextDecoder().decode(bytes.subarray(0, SHOWN)));
  return bytes.length > SHOWN ? `${text}...` : text;
}
