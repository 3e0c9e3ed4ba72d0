/** A terminal in the hands of a test. */

import { Readable } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";
import type {
  BusOfTerminal,
  ChildEvents,
  ChildProgram,
  EditorEvents,
  HttpAnswer,
  HttpOptions,
  HttpServer,
  Input,
  JobOutput,
  LineEditor,
  LogOutput,
  SignalName,
  Terminal,
  TextFile,
} from "../../src/cli/terminal.ts";
import type { Threads } from "../../src/cli/thread_messages.ts";
import { fail } from "@std/assert";
import { httpGet } from "../../adapters/process/http_client.ts";
import { openLineEditor } from "../../adapters/process/line_editor.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import type { Relay } from "../../src/bus/relay.ts";
import type { Adapter } from "../../src/contract/adapter.ts";
import { bytesOf, concat, textOf } from "./bytes.ts";

/** An output that remembers. */
export class FakeOutput implements JobOutput, LogOutput {
  notice: (lines: number) => string = String;
  isTerminal = false;
  columns: number | undefined = undefined;
  rows: number | undefined = undefined;
  /** What each write waits for. */
  room: Promise<void> = Promise.resolve();
  readonly #broken: AbortController = new AbortController();
  readonly #parts: Uint8Array[] = [];
  #look: (() => void)[] = [];

  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Everything written, as text. */
  get text(): string {
    return textOf(this.bytes);
  }

  /** Everything written. */
  get bytes(): Uint8Array {
    return concat(...this.#parts);
  }

  write(data: string | Uint8Array): Promise<void> {
    this.#parts.push(typeof data === "string" ? bytesOf(data) : data.slice());
    for (const look of this.#look.splice(0)) look();
    return this.room;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  release(): void {}

  /** The reader has gone; or, with another code, writing fails for another reason. */
  break(code: string = "EPIPE"): void {
    this.#broken.abort(Object.assign(new Error(code), { code }));
  }

  /** Resolves at the next write. */
  next(): Promise<void> {
    return new Promise((resolve) => void this.#look.push(resolve));
  }

  /** Waits until what was written matches. The test's own time limit ends a vain wait. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text);
      if (found !== null) return found;
      await this.next();
    }
  }
}

/** An input whose contents the test decides. */
export class FakeInput implements Input {
  isTerminal = false;
  size: number | undefined = undefined;
  #waiting: Uint8Array[] = [];
  #ended = false;
  #look: () => void = () => {};

  /** Adds input. */
  say(data: string | Uint8Array): this {
    this.#waiting.push(typeof data === "string" ? bytesOf(data) : data);
    this.#look();
    return this;
  }

  /** Ends the input. */
  end(): this {
    this.#ended = true;
    this.#look();
    return this;
  }

  get chunks(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#look = resolve);
    }
  }
}

/** The adapter of the runtime at hand with a clock that runs so many times faster. */
export async function hurried(times: number): Promise<Adapter> {
  const adapter = await runtimeAdapter();
  return {
    ...adapter,
    now: () => adapter.now() * times,
    after: (milliseconds, run) => adapter.after(milliseconds / times, run),
  };
}

/** A terminal of which a test can see and do everything. Its clock may run faster. */
export class FakeTerminal implements Terminal {
  adapter: Terminal["adapter"] = runtimeAdapter;
  readonly args: readonly string[];
  /** Its environment variables. */
  readonly variables: Record<string, string> = {};
  readonly pid = 4711;
  readonly runtime = { name: "node", version: "20.0.0" };
  readonly stdin: FakeInput = new FakeInput();
  readonly stdout: FakeOutput = new FakeOutput();
  readonly stderr: FakeOutput = new FakeOutput();
  readonly files: Map<string, FakeInput> = new Map();
  /** What was asked of the bus; `relay` is what it gets, or why it gets none. */
  readonly buses: (readonly [servers: readonly string[], bus: BusOfTerminal])[] = [];
  relay: Relay | Error | undefined;
  /** Small files, for `readFile`. */
  readonly texts: Map<string, TextFile> = new Map();
  /** Its threads; by default it has none. */
  threading: Threads = {
    whyNot: "this is a test",
    cores: () => 4,
    name: () => "a ring",
    start: () => fail("a thread"),
  };
  /** How many times faster its clock runs. */
  speed = 1;
  /** How far its clock was put forward, in milliseconds. */
  #later = 0;
  /** Takes what is typed; `undefined`: no keys are read. */
  typed: ((text: string) => void) | undefined = undefined;
  readonly #handlers: Map<SignalName | "uncaught" | "resize", Set<(error: unknown) => void>> = new Map();

  constructor(...args: readonly string[]) {
    this.args = args;
  }

  environment(): Readonly<Record<string, string>> {
    return this.variables;
  }

  async edit(prompt: string, events: EditorEvents): Promise<LineEditor> {
    return await Promise.resolve(openLineEditor(Readable.from(this.stdin.chunks), this.stdout, prompt, events));
  }

  readKeys(handler: (text: string) => void): Promise<() => void> {
    this.typed = handler;
    return Promise.resolve(() => this.typed = undefined);
  }

  onResize(handler: () => void): () => void {
    return this.#on("resize", handler);
  }

  get(server: HttpServer, path: string, options: HttpOptions): Promise<HttpAnswer> {
    return httpGet(server, path, options);
  }

  /** Changes the size of its screen. */
  resize(columns: number, rows: number): void {
    this.stdout.columns = columns;
    this.stdout.rows = rows;
    this.#emit("resize", undefined);
  }

  openBus(servers: readonly string[], bus: BusOfTerminal): Promise<Relay> {
    this.buses.push([servers, bus]);
    const { relay = new Error("no bus") } = this;
    return relay instanceof Error ? Promise.reject(relay) : Promise.resolve(relay);
  }

  threads(): Promise<Threads> {
    return Promise.resolve(this.threading);
  }

  async run(
    command: readonly string[],
    env: Readonly<Record<string, string | undefined>>,
    events: ChildEvents,
  ): Promise<ChildProgram> {
    const { runChild } = await import("../../adapters/process/child.ts");
    return runChild(command, env, events);
  }

  openFile(path: string): Promise<Input> {
    const file = this.files.get(path);
    return file === undefined ? Promise.reject(new Error(`Cannot read ${path}: no such file`)) : Promise.resolve(file);
  }

  readFile(path: string): Promise<TextFile> {
    const file = this.texts.get(path);
    return file === undefined ? Promise.reject(new Error(`Cannot read ${path}: no such file`)) : Promise.resolve(file);
  }

  onSignal(name: SignalName, handler: () => void): () => void {
    return this.#on(name, handler);
  }

  onUncaught(handler: (error: unknown) => void): () => void {
    return this.#on("uncaught", handler);
  }

  /** Sends a signal. */
  signal(name: SignalName): void {
    this.#emit(name, undefined);
  }

  /** Sends a signal a second after another, so that it is not taken for the same. */
  signalAgain(name: SignalName): void {
    this.#later += 1000;
    this.signal(name);
  }

  /** Throws an uncaught error. */
  throwUncaught(error: unknown): void {
    this.#emit("uncaught", error);
  }

  /** How many handlers there are now. */
  get handlers(): number {
    return [...this.#handlers.values()].reduce((count, handlers) => count + handlers.size, 0);
  }

  date(): string {
    return "2026-01-31T12:00:00.000Z";
  }

  now(): number {
    return performance.now() * this.speed + this.#later;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = setTimeout(run, milliseconds / this.speed);
    return () => clearTimeout(timer);
  }

  #on(name: SignalName | "uncaught" | "resize", handler: (error: unknown) => void): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => void handlers.delete(handler);
  }

  #emit(name: SignalName | "uncaught" | "resize", error: unknown): void {
    for (const handler of [...this.#handlers.get(name) ?? []]) handler(error);
  }
}
