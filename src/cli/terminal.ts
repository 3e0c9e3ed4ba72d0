/**
 * The terminal: the process as the command line sees it. Types only: `adapters/process/terminal.ts` has the real one, and
 * tests have their own.
 *
 * @module
 */

import type { Relay } from "../bus/relay.ts";
import type { Runtime } from "../client/connect.ts";
import type { ClientTls } from "../contract/tls.ts";
import type { Threads } from "./thread_messages.ts";

/** Where text goes: standard output or standard error. */
export interface Output {
  /** Whether it is a terminal, and not a file or a pipe. */
  readonly isTerminal: boolean;
  /** How many columns the terminal has; `undefined` when it is none. */
  readonly columns: number | undefined;
  /** How many rows the terminal has; `undefined` when it is none. */
  readonly rows: number | undefined;
  /** Aborts with the system's error when writing fails. Everything written later is dropped. */
  readonly broken: AbortSignal;
  /** Takes text or bytes, and resolves when there is room for more. It never rejects. */
  write(data: string | Uint8Array): Promise<void>;
  /** Resolves when everything is written, or writing has failed. It never rejects. */
  flush(): Promise<void>;
}

/** The output of a command's results: writing waits for room. */
export interface JobOutput extends Output {
  /** Makes writing wait for room no more, since a stopped command waits for no reader. */
  release(): void;
}

/** The output of log lines: writing does not wait, and lines that cannot be written are dropped and counted. */
export interface LogOutput extends Output {
  /** Makes the line that says how many lines were dropped. */
  notice: (lines: number) => string;
}

/** Standard input or a file. */
export interface Input {
  /** Whether it is a terminal. */
  readonly isTerminal: boolean;
  /** How many bytes there are, where that is known. */
  readonly size: number | undefined;
  /** The bytes. Iterating throws an error that names the input when they cannot be read. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What a line editor tells. */
export interface EditorEvents {
  /** A line was typed. */
  line(text: string): void;
  /** Ctrl-D, Ctrl-C or the end of the input: the editor is closed. */
  left(): void;
}

/** A line on the screen that is being typed, below everything that is printed. */
export interface LineEditor {
  /** Prints text, which ends with a newline, above the line. Resolves when there is room for more. */
  print(text: string): Promise<void>;
  /** Clears the line and gives the terminal back. What is printed later just follows. */
  close(): void;
}

/** A small file, whole. */
export interface TextFile {
  /** Its contents. */
  readonly text: string;
  /** Its mode bits; `undefined` where they mean nothing. */
  readonly mode: number | undefined;
}

/** Where an HTTP server is. */
export type HttpServer =
  | { readonly protocol: "http" | "https"; readonly host: string; readonly port: number }
  | { readonly protocol: "unix"; readonly socketPath: string };

/** The options of a request. */
export interface HttpOptions {
  /** The certificates of an `https` request. */
  readonly tls: ClientTls | undefined;
  /** Cancels the request, and ends its answer. */
  readonly signal: AbortSignal;
}

/** The answer to a request. */
export interface HttpAnswer {
  /** The status code. */
  readonly status: number;
  /** The media type of the body, in lower case without parameters; empty when there is none. */
  readonly type: string;
  /** The body. Iterating throws when it breaks off. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The bus that a mob joins, and who it is for the servers. What is `undefined` is as the engine's relay has it. */
export interface BusOfTerminal {
  /** The name of the bus. */
  readonly name: string;
  /** Where a new stream is kept, on how many servers, and how many bytes of it. */
  readonly storage: "memory" | "file" | undefined;
  readonly replicas: number | undefined;
  readonly keep: number | undefined;
  /** One of these, or nobody: a token, a user, the seed of an nkey, the text of a file of credentials. */
  readonly token: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly nkey: string | undefined;
  readonly creds: string | undefined;
  /** The certificates for servers over TLS. */
  readonly tls: Omit<ClientTls, "servername"> | undefined;
}

/** What a program that runs tells. */
export interface ChildEvents {
  /** It has written to its standard output. */
  output(bytes: Uint8Array): void;
  /** It has written to its standard error. */
  errors(bytes: Uint8Array): void;
  /** It has ended, and all that it wrote was told. `why` it could not be run, if it could not; `null`: by a signal. */
  ended(code: number | null, why?: string): void;
}

/** A program that runs. */
export interface ChildProgram {
  /** Writes to its standard input. What it does not read is lost with it. */
  write(bytes: Uint8Array): void;
  /** Ends its standard input. */
  end(): void;
  /** Ends it at once. */
  kill(): void;
}

/** The signals that the command line listens to. */
export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGUSR2";

/** The process, as the command line sees it. */
export interface Terminal {
  /** The arguments of the command line. */
  readonly args: readonly string[];
  /** The environment variables that begin with `MOBCAST_`, where the process may read them. */
  environment(): Readonly<Record<string, string>>;
  /** The number of the process. */
  readonly pid: number;
  /** The runtime and its version. */
  readonly runtime: { readonly name: string; readonly version: string };
  /** The adapter of the runtime at hand. */
  readonly adapter: Runtime;
  /** Standard input. */
  readonly stdin: Input;
  /** Standard output. */
  readonly stdout: JobOutput;
  /** Standard error. Its failures are ignored. */
  readonly stderr: LogOutput;
  /** Opens a line editor on standard input and output, which must be terminals. */
  edit(prompt: string, events: EditorEvents): Promise<LineEditor>;
  /**
   * Calls `handler` with what is typed, which is not shown: Ctrl-C is a key then, and no signal. Standard input must be a
   * terminal. Resolves to a function that gives it back.
   */
  readKeys(handler: (text: string) => void): Promise<() => void>;
  /** Calls `handler` when the size of the terminal has changed. Returns a function that stops that. */
  onResize(handler: () => void): () => void;
  /**
   * Requests `path` of a server, and follows no redirection. Rejects when there is no answer, with the system's `code` on
   * the error.
   */
  get(server: HttpServer, path: string, options: HttpOptions): Promise<HttpAnswer>;
  /**
   * Connects to the servers of a bus. Rejects with an error that has the code `BUS_MISSING` when the packages for it are not
   * installed.
   */
  openBus(servers: readonly string[], bus: BusOfTerminal): Promise<Relay>;
  /** The threads of this process. */
  threads(): Promise<Threads>;
  /** Runs a program with these environment variables besides those of this process; `undefined`: without that one. */
  run(
    command: readonly string[],
    env: Readonly<Record<string, string | undefined>>,
    events: ChildEvents,
  ): Promise<ChildProgram>;
  /** Opens a file for reading. Rejects with an error that names the file. */
  openFile(path: string): Promise<Input>;
  /** Reads a file of at most 1 MiB. Rejects with an error that names the file. */
  readFile(path: string): Promise<TextFile>;
  /** Calls `handler` for each such signal, where the system has it. Returns a function that stops that: they are ignored then. */
  onSignal(name: SignalName, handler: () => void): () => void;
  /** Calls `handler` with uncaught errors. Returns a function that stops that. */
  onUncaught(handler: (error: unknown) => void): () => void;
  /** The time of day, as in `2026-01-31T12:00:00.000Z`. */
  date(): string;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** The processor time of this process, in seconds, where that is known. */
  processor?(): number;
  /** Whether two arrays hold the same bytes, where the runtime has a quick answer. */
  equal?(one: Uint8Array, other: Uint8Array): boolean;
  /** Runs `run` once after so many milliseconds. Returns a function that cancels it. */
  after(milliseconds: number, run: () => void): () => void;
}
