/**
 * The terminal: all that the command line knows of the process it runs in. Types only; `adapters/process/terminal.ts` has the
 * real one, tests have their own.
 *
 * @module
 */

import type { Runtime } from "../client/connect.ts";

/** Where text goes: standard output or standard error. */
export interface Output {
  /** Whether a person looks at it, and not a file or a pipe. */
  readonly isTerminal: boolean;
  /** How many columns the terminal has; `undefined` when it is none. */
  readonly columns: number | undefined;
  /** Aborts, with the system's error, when what was written cannot be. What is written later is dropped. */
  readonly broken: AbortSignal;
  /** Takes text or bytes, and resolves when there is room for more. It never rejects. */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when everything written has gone out, or never will. It never rejects. */
  flush(): Promise<void>;
}

/** An output that is somebody's job: whoever writes much waits for room. */
export interface JobOutput extends Output {
  /** From now on nobody waits for room: whoever was told to stop waits for no reader. */
  release(): void;
}

/** An output that nobody waits for: lines that cannot be written are dropped and counted. */
export interface LogOutput extends Output {
  /** How it is told that so many lines were lost, as a line. */
  notice: (lines: number) => string;
}

/** Where bytes come from: standard input or a file. */
export interface Input {
  /** Whether a person types them. */
  readonly isTerminal: boolean;
  /** How many there are, where that is known beforehand. */
  readonly size: number | undefined;
  /** The bytes as they come. Iterating throws an error for people when they cannot be read. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A small file, whole. */
export interface TextFile {
  /** What is in it. */
  readonly text: string;
  /** Its mode bits, which say who may read it; `undefined` where they say nothing. */
  readonly mode: number | undefined;
}

/** The signals that the command line listens to. */
export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGUSR2";

/** The process, as the command line sees it. */
export interface Terminal {
  /** What follows the command's name. */
  readonly args: readonly string[];
  /** The adapter of the runtime at hand. */
  readonly adapter: Runtime;
  /** Standard input. */
  readonly stdin: Input;
  /** Standard output. */
  readonly stdout: JobOutput;
  /** Standard error. Whatever happens to it hurts nobody. */
  readonly stderr: LogOutput;
  /** Opens a file for reading. Rejects with an error for people that names the file. */
  openFile(path: string): Promise<Input>;
  /** Reads a file of a few lines, of at most 1 MiB. Rejects with an error for people that names the file. */
  readFile(path: string): Promise<TextFile>;
  /** Calls `handler` for each such signal, where the system knows it. Returns what stops that. */
  onSignal(name: SignalName, handler: () => void): () => void;
  /** Calls `handler` with errors that nobody caught. Returns what stops that. */
  onUncaught(handler: (error: unknown) => void): () => void;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Processor time that this process has used, in seconds; where that is known. */
  processor?(): number;
  /** Runs `run` once after so many milliseconds. Returns what cancels it. */
  after(milliseconds: number, run: () => void): () => void;
}
