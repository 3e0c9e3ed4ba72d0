/** The server under test: the real command line in a process of its own, looked at from the outside. */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import type { MobStats } from "../../src/status/stats.ts";
import { programOf, ROOT, type RuntimeName } from "../helpers/command_line.ts";
import { freeze } from "../helpers/freeze.ts";
import { pass, pulse, until } from "./waiting.ts";

/** A line of the server's log. */
export interface LogLine {
  /** When it was read, by the clock of this process. */
  readonly at: number;
  readonly level: string;
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** How to start a server. */
export interface ServerOptions {
  /** The most descriptors it may have open. */
  readonly descriptors?: number;
}

/** Nothing here takes longer on a busy machine, unless it hangs. */
const PATIENCE = 20_000;

/** Milliseconds between two questions. */
const ASKING = 50;

/** The servers that run now: none outlives this process. */
const running: Set<ChildProcess> = new Set();
process.once("exit", () => running.forEach((child) => signalTo(child, "SIGKILL")));

/** Deno's `child.kill` sends one signal and no more. A child that has ended has no number any more. */
function signalTo(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(child.pid, name);
}

/** A running server. */
export class Server {
  /** The port of its listener. */
  port = 0;
  /** How long it took until the listener was open, in milliseconds. */
  startedIn = 0;
  /** Its exit code, when it has ended; `null` when a signal ended it. */
  code: number | null | undefined;
  /** Every line of its log. */
  readonly log: LogLine[] = [];
  /** What it wrote to standard error that is no log line. */
  noise = "";

  readonly #child: ChildProcess;
  readonly #runtime: RuntimeName;
  readonly #bornAt: number = performance.now();
  #stdout = "";
  #stderr = "";

  private constructor(runtime: RuntimeName, args: readonly string[], { descriptors }: ServerOptions) {
    this.#runtime = runtime;
    const [command, ...rest] = [...programOf(runtime), "tcp://127.0.0.1:0", "--log-format", "json", ...args];
    const limited = ["-c", `ulimit -n ${descriptors} && exec "$0" "$@"`, command!, ...rest];
    const [file, argv] = descriptors === undefined ? [command!, rest] : ["bash", limited];
    this.#child = spawn(file, argv, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.#child);
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => this.#out(text));
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => this.#err(text));
    this.#child.on("error", (error) => this.#gone(null, String(error)));
    this.#child.on("close", (code) => this.#gone(code, ""));
  }

  /** Starts one and waits until its listener is open. */
  static async start(runtime: RuntimeName, args: readonly string[], options: ServerOptions = {}): Promise<Server> {
    const server = new Server(runtime, args, options);
    try {
      await until(() => server.port > 0 || server.code !== undefined, `${runtime} listens`, PATIENCE);
      if (server.port === 0) throw new Error(`the server did not start: ${server.noise}`);
      return server;
    } catch (error) {
      server.kill();
      throw error;
    }
  }

  /** The URL of its first listener of this scheme, once that is open. */
  urlOf(scheme: string): string | undefined {
    return new RegExp(`^listening on (${scheme}:\\S+)\n`, "m").exec(this.#stdout)?.[1];
  }

  /** Whether it runs. */
  get runs(): boolean {
    return this.code === undefined;
  }

  /** Sends it a signal. */
  signal(name: NodeJS.Signals): void {
    signalTo(this.#child, name);
  }

  /** Stops it until SIGCONT, and resolves when it stands still. */
  async freeze(): Promise<void> {
    if (this.runs) await freeze(this.#child.pid!);
  }

  /** Ends it, whatever it does. */
  kill(): void {
    signalTo(this.#child, "SIGKILL");
  }

  /** Waits until it has ended. Returns its exit code and how long it took, in milliseconds. */
  async exit(milliseconds: number = PATIENCE): Promise<{ code: number | null; took: number }> {
    const began = performance.now();
    await until(() => !this.runs, `${this.#runtime} exits`, milliseconds);
    return { code: this.code!, took: performance.now() - began };
  }

  /** Ends it in the orderly way when it still runs, or at once when that takes long. */
  async stop(): Promise<void> {
    if (!this.runs) return;
    this.signal("SIGTERM");
    await this.exit(500).catch(() => this.kill());
  }

  /** What it counts, asked for by SIGUSR2. */
  async stats(): Promise<MobStats> {
    const from = this.log.length;
    const answer = (): LogLine | undefined => this.log.slice(from).find(({ properties }) => "published" in properties);
    this.signal("SIGUSR2");
    await until(() => answer() !== undefined || !this.runs, "SIGUSR2 is answered", PATIENCE);
    if (!this.runs) throw new Error(`the server ended with code ${this.code}: ${this.noise}`);
    return answer()!.properties as unknown as MobStats;
  }

  /**
   * Waits until it has so many connections, at most so many milliseconds. Returns how many it has. It is not asked too
   * often: its answers cost it time and memory.
   */
  async hasConnections(count: number, milliseconds: number = PATIENCE): Promise<number> {
    const deadline = performance.now() + milliseconds;
    for (;;) {
      const { connections } = await this.stats();
      if (connections === count || performance.now() > deadline) return connections;
      await pass(ASKING);
    }
  }

  /** Resident memory in bytes: now, and at its highest. */
  memory(): { now: number; peak: number } {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    const field = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1]);
    return { now: field("VmRSS"), peak: field("VmHWM") };
  }

  /** Seconds of processor time it has used. */
  processor(): number {
    return processorOf(this.#child.pid!);
  }

  /** Seconds for which it could have run, had a processor been free. */
  starved(): number {
    return starvedOf(this.#child.pid!);
  }

  #out(text: string): void {
    this.#stdout += text;
    pulse();
    const port = /^listening on tcp:\/\/127\.0\.0\.1:(\d+)\n/m.exec(this.#stdout)?.[1];
    if (port === undefined || this.port > 0) return;
    this.startedIn = performance.now() - this.#bornAt;
    this.port = Number(port);
    pulse();
  }

  #err(text: string): void {
    const lines = (this.#stderr + text).split("\n");
    this.#stderr = lines.pop()!;
    const at = performance.now();
    for (const line of lines) {
      if (line.startsWith("{")) this.log.push({ ...JSON.parse(line), at });
      else this.noise += `${line}\n`;
    }
    pulse();
  }

  #gone(code: number | null, why: string): void {
    running.delete(this.#child);
    this.noise += this.#stderr + why;
    this.code = code;
    pulse();
  }
}

/** Seconds of processor time that a process has used, in its own work and in the kernel's for it. */
export function processorOf(pid: number | "self"): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name of the program, in parentheses, may hold spaces. After it, user and system time are fields 12 and 13.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Seconds for which the main thread of a process could have run, had a processor been free: others were busy. */
export function starvedOf(pid: number | "self"): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e9;
}
