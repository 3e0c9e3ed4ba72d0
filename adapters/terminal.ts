/**
 * The real terminal, on `node:process`: the same on Node, Bun and Deno, where it needs no permission of its own.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { FileHandle } from "node:fs/promises";
import process from "node:process";
import { setImmediate } from "node:timers";
import type { Input, Output, SignalName, Terminal, TextFile } from "../src/cli/terminal.ts";
import { eventLoop } from "./event_loop.ts";

/** The real terminal, which can also end the process. */
export interface ProcessTerminal extends Terminal {
  /** Ends the process when everything written has gone out. */
  exit(code: number): Promise<never>;
}

// --- output ---

/** Bytes that wait before they are written although the turn of the event loop is not over. */
const WRITE_AT = 64 * 1024;

/** Bytes on their way out before `write` makes its caller wait. */
const WRITE_AHEAD = 256 * 1024;

const DONE = Promise.resolve();

/** Gathers what one turn of the event loop writes into one write. */
class ProcessOutput implements Output {
  readonly #stream: NodeJS.WriteStream;
  readonly #broken: AbortController = new AbortController();
  #parts: Uint8Array[] = [];
  #held = 0;
  /** Bytes that the stream has yet to hand on. */
  #underWay = 0;
  #waiting: (() => void)[] = [];

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // Nobody reads any more (EPIPE), or the terminal is gone (EIO). That must not end a server.
    stream.on("error", () => this.#break());
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#stream.columns;
  }

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  write(data: string | Uint8Array): Promise<void> {
    if (this.#broken.signal.aborted) return DONE;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (this.#held === 0) setImmediate(() => this.#send());
    this.#parts.push(bytes);
    this.#held += bytes.length;
    if (this.#held >= WRITE_AT) this.#send();
    if (this.#held + this.#underWay < WRITE_AHEAD) return DONE;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when everything written has gone out. */
  async flush(): Promise<void> {
    this.#send();
    while (this.#underWay > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #send(): void {
    if (this.#held === 0) return;
    const bytes = Buffer.concat(this.#parts, this.#held);
    this.#parts = [];
    this.#held = 0;
    this.#underWay += bytes.length;
    this.#stream.write(bytes, (error) => {
      this.#underWay -= bytes.length;
      if (error) this.#break();
      this.#wake();
    });
  }

  #break(): void {
    this.#parts = [];
    this.#held = this.#underWay = 0;
    this.#wake();
    this.#broken.abort();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

// --- input ---

/** Bytes read from a file at a time. */
const READ_SIZE = 64 * 1024;

/** The most that is taken for a file of a few lines, in bytes: a device may have no end. */
const TEXT_SIZE = 1024 * 1024;

/** The system's reasons why a file cannot be read, in words. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
};

function cannotRead(name: string, cause: unknown): Error {
  const { code, message } = cause as { code?: string; message?: string };
  return new Error(`Cannot read ${name}: ${REASONS[code ?? ""] ?? message ?? String(cause)}`, { cause });
}

async function* readInput(): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* process.stdin;
  } catch (cause) {
    throw cannotRead("standard input", cause);
  }
}

async function openFile(path: string): Promise<Input & Pick<TextFile, "mode">> {
  try {
    // Loaded only here: that takes 8 ms on Deno, and most starts open no file.
    const { open } = await import("node:fs/promises");
    const file = await open(path);
    const stat = await file.stat();
    if (stat.isDirectory()) {
      await file.close();
      throw Object.assign(new Error("it is a directory"), { code: "EISDIR" });
    }
    return {
      isTerminal: false,
      // The size of a device or a pipe says nothing, nor does a mode on Windows.
      size: stat.isFile() ? stat.size : undefined,
      mode: stat.isFile() && process.platform !== "win32" ? stat.mode & 0o7777 : undefined,
      chunks: readChunks(path, file),
    };
  } catch (cause) {
    throw cannotRead(path, cause);
  }
}

async function readFile(path: string): Promise<TextFile> {
  const { mode, chunks } = await openFile(path);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of chunks) {
    size += part.length;
    if (size > TEXT_SIZE) throw cannotRead(path, new Error(`it has more than ${TEXT_SIZE} bytes`));
    parts.push(part);
  }
  return { text: Buffer.concat(parts, size).toString("utf8"), mode };
}

async function* readChunks(path: string, file: FileHandle): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(READ_SIZE), 0, READ_SIZE);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (cause) {
    throw cannotRead(path, cause);
  } finally {
    await file.close();
  }
}

// --- events ---

function onSignal(name: SignalName, handler: () => void): () => void {
  try {
    process.on(name, handler);
  } catch {
    // Windows knows no SIGUSR2.
    return () => {};
  }
  return () => void process.off(name, handler);
}

function onUncaught(handler: (error: unknown) => void): () => void {
  process.on("uncaughtException", handler);
  process.on("unhandledRejection", handler);
  return () => {
    process.off("uncaughtException", handler);
    process.off("unhandledRejection", handler);
  };
}

// --- terminal ---

/** The terminal of this process. Streams are opened when they are first used: that takes time on some runtimes. */
export function processTerminal(): ProcessTerminal {
  let stdout: ProcessOutput | undefined;
  let stderr: ProcessOutput | undefined;
  return {
    args: process.argv.slice(2),
    get stdin() {
      return { isTerminal: process.stdin.isTTY === true, size: undefined, chunks: readInput() };
    },
    get stdout() {
      return stdout ??= new ProcessOutput(process.stdout);
    },
    get stderr() {
      return stderr ??= new ProcessOutput(process.stderr);
    },
    openFile,
    readFile,
    onSignal,
    onUncaught,
    now: eventLoop.now,
    processor() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
    after: eventLoop.after,
    async exit(code) {
      await Promise.all([stdout?.flush(), stderr?.flush()]);
      return process.exit(code);
    },
  };
}
