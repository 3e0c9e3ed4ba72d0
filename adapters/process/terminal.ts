/**
 * The terminal of this process: the same on Node, Bun and Deno, where it needs no permission.
 *
 * @module
 */

import type { FileHandle } from "node:fs/promises";
import { LossyOutput, PatientOutput } from "../../src/cli/output.ts";
import type { Input, Terminal, TextFile } from "../../src/cli/terminal.ts";
import { runtimeAdapter } from "../runtime.ts";
import { eventLoop } from "../shared/event_loop.ts";
import { onDeno } from "../shared/which.ts";
import { deno } from "../types/deno.ts";
import { nodeProcess } from "./node_process.ts";
import { onSignal, onUncaught } from "./process_events.ts";
import { openWriter } from "./writer.ts";

/** The terminal of this process, which can also end it. */
export interface ProcessTerminal extends Terminal {
  /** Ends the process when everything is written, or after about a second. */
  exit(code: number): Promise<never>;
}

/** How long the end of the process waits for readers of its output, in milliseconds. */
const LAST_WRITES = 1000;

// --- input ---

/** Bytes read from a file at a time. */
const READ_SIZE = 64 * 1024;

/** The largest text file, in bytes: a device may have no end. */
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
    yield* nodeProcess().stdin;
  } catch (cause) {
    throw cannotRead("standard input", cause);
  }
}

async function openFile(path: string): Promise<Input & Pick<TextFile, "mode">> {
  try {
    // Loaded only here: it takes 8 ms on Deno, and most starts open no file.
    const { open } = await import("node:fs/promises");
    const file = await open(path);
    const stat = await file.stat();
    if (stat.isDirectory()) {
      await file.close();
      throw Object.assign(new Error("it is a directory"), { code: "EISDIR" });
    }
    return {
      isTerminal: false,
      // The size of a device or a pipe means nothing, nor does a mode on Windows.
      size: stat.isFile() ? stat.size : undefined,
      mode: stat.isFile() && nodeProcess().platform !== "win32" ? stat.mode & 0o7777 : undefined,
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

// --- environment ---

/** On Deno, only with `--allow-env`: reading without that permission would ask the user for it. */
function environment(): Readonly<Record<string, string>> {
  if (onDeno && deno().permissions.querySync({ name: "env" }).state !== "granted") return {};
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(nodeProcess().env)) {
    if (name.startsWith("MOBCAST_") && value !== undefined) found[name] = value;
  }
  return found;
}

// --- events ---

function onResize(handler: () => void): () => void {
  const { stdout } = nodeProcess();
  stdout.on("resize", handler);
  return () => void stdout.off("resize", handler);
}

// --- terminal ---

/** The terminal of this process. */
export function processTerminal(): ProcessTerminal {
  const stdout = new PatientOutput(() => openWriter("stdout"), eventLoop);
  const stderr = new LossyOutput(() => openWriter("stderr"), eventLoop);
  return {
    args: onDeno ? deno().args : nodeProcess().argv.slice(2),
    environment,
    pid: onDeno ? deno().pid : nodeProcess().pid,
    get runtime() {
      if (onDeno) return { name: "deno", version: deno().version.deno };
      // Bun also says which Node it is like.
      const { node, bun } = nodeProcess().versions;
      return bun === undefined ? { name: "node", version: node } : { name: "bun", version: bun };
    },
    adapter: runtimeAdapter,
    get stdin() {
      return { isTerminal: nodeProcess().stdin.isTTY === true, size: undefined, chunks: readInput() };
    },
    stdout,
    stderr,
    async edit(prompt, events) {
      // Loaded only here, since few starts need it.
      const { openLineEditor } = await import("./line_editor.ts");
      return openLineEditor(nodeProcess().stdin, stdout, prompt, events, onResize);
    },
    async readKeys(handler) {
      const { readKeys } = await import("./keyboard.ts");
      return readKeys(nodeProcess().stdin, handler);
    },
    onResize,
    async get(server, path, options) {
      const { httpGet } = await import("./http_client.ts");
      return httpGet(server, path, options);
    },
    async openBus(servers, bus) {
      const { openBus } = await import("./bus.ts");
      return openBus(servers, bus);
    },
    async threads() {
      return (await import("./threads.ts")).threadsOfProcess();
    },
    async run(command, env, events) {
      const { runChild } = await import("./child.ts");
      return runChild(command, env, events);
    },
    openFile,
    readFile,
    onSignal,
    onUncaught,
    date: () => new Date().toISOString(),
    now: eventLoop.now,
    processor() {
      const { user, system } = nodeProcess().cpuUsage();
      return (user + system) / 1e6;
    },
    equal: (one, other) => Buffer.compare(one, other) === 0,
    after: eventLoop.after,
    async exit(code) {
      const late = new Promise<void>((resolve) => void eventLoop.after(LAST_WRITES, resolve));
      await Promise.race([late, Promise.all([stdout.flush(), stderr.flush()])]);
      return onDeno ? deno().exit(code) : nodeProcess().exit(code);
    },
  };
}
