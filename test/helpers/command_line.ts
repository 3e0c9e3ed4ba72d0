/** The command line as users start it, on each runtime, for tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import { fileURLToPath } from "node:url";
import { freeze } from "./freeze.ts";
import { pause } from "./wait.ts";

/** The runtimes. */
export const RUNTIMES = ["node", "bun", "deno"] as const;

/** The name of a runtime. */
export type RuntimeName = (typeof RUNTIMES)[number];

/** The runtime at hand. */
export const OURS: RuntimeName = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/** Whose command line is tested: a process is the same whichever runtime starts it, so each starts its own. */
export const TESTED: readonly RuntimeName[] = [OURS];

/** Which output of a command. */
export type OutputName = "stdout" | "stderr";

/** How a command ended. */
export interface Ended {
  /** Its exit code; `null` when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing here takes longer on a busy machine, unless it hangs. */
const PATIENCE = 20_000;

/** How often it is asked how it is, in milliseconds. */
const ASK_AGAIN = 100;

/** So long after a signal, in milliseconds, another is not taken for the same one. */
export const ANOTHER = 200;

/** The folder of the project: commands run there. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** The command that starts the command line on a runtime, as in the README; some arguments need more permissions on Deno. */
export function programOf(runtime: RuntimeName, args: readonly string[] = []): string[] {
  const bin = (name: string): string => join(ROOT, "node_modules", ".bin", name);
  if (runtime === "bun") return [bin("bun"), "run", "mod.ts"];
  const rights = [
    ...(args.some((arg) => /^(unix:|--cert$|--key$|--ca$|--secret-file$|--bus-(.*-file|creds|ca|cert|key)$)/.test(arg))
      ? ["--allow-read"]
      : []),
    ...(args[0] === "check" ? ["--allow-run", "--allow-env"] : []),
    ...(args.some((arg) => arg.startsWith("unix:")) ? ["--allow-write", "--allow-sys=umask"] : []),
  ];
  if (runtime === "deno") return [bin("deno"), "run", "--allow-net", ...rights, "mod.ts"];
  if (!existsSync(join(ROOT, "dist/bin/bin.js"))) {
    throw new Error("Cannot start dist/bin/bin.js: run npm run build first");
  }
  return ["node", "dist/bin/bin.js"];
}

/** The arguments with which the runtime at hand (`process.execPath`, in {@link ROOT}) runs the text of a module. */
export function evaluating(text: string): string[] {
  if (OURS === "deno") return ["eval", "--no-lock", "--import-map", "test/import_map.offline.json", text];
  if (OURS === "bun") return ["-e", text];
  return ["--import", "./test/helpers/typescript.mjs", "--input-type=module", "-e", text];
}

/** The processes that run now: none outlives the tests. */
const running: Set<ChildProcess> = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A running command line. */
export class CommandLine implements AsyncDisposable {
  /** Its process. */
  readonly child: ChildProcess;
  /** Resolves when it has ended and everything it wrote was read. */
  readonly ended: Promise<Ended>;
  readonly #written: Record<OutputName, string> = { stdout: "", stderr: "" };
  readonly #name: string;
  #look: (() => void)[] = [];
  #over = false;

  /** Starts it, with arguments; or starts another program, given as a command and its first arguments. */
  constructor(runtime: RuntimeName, args: readonly string[], given?: readonly string[]) {
    const [command, ...program] = given ?? programOf(runtime, args);
    this.#name = `${given?.join(" ") ?? "mobcast"} ${args.join(" ")} on ${runtime}`;
    // A test that Node runs tells so to its children, and they would not print their own tests.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    this.child = spawn(command!, [...program, ...args], { cwd: ROOT, env, stdio: ["pipe", "pipe", "pipe"] });
    running.add(this.child);
    // The process may have ended when we write; its exit shows how.
    this.child.stdin!.on("error", () => {});
    for (const name of ["stdout", "stderr"] as const) {
      this.child[name]!.setEncoding("utf8").on("data", (text: string) => {
        this.#written[name] += text;
        this.#wake();
      });
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code) => {
        running.delete(this.child);
        this.#over = true;
        this.#wake();
        resolve({ code, ...this.#written });
      });
    });
  }

  /** What it wrote to standard output so far. */
  get stdout(): string {
    return this.#written.stdout;
  }

  /** What it wrote to standard error so far. */
  get stderr(): string {
    return this.#written.stderr;
  }

  /** Types into its standard input. */
  write(text: string): void {
    this.child.stdin!.write(text);
  }

  /** Ends its standard input, after a last text. */
  end(text: string = ""): void {
    this.child.stdin!.end(text);
  }

  /** Sends a signal. Not by `child.kill`: Deno then reports that the signal ended it, whatever its exit code was. */
  signal(name: NodeJS.Signals): void {
    try {
      if (!this.#over) process.kill(this.child.pid!, name);
    } catch {
      // It has ended, and we shall receive of it.
    }
  }

  /** Sends a signal that the process does not take for the one before. */
  async signalAgain(name: NodeJS.Signals): Promise<void> {
    await pause(ANOTHER);
    this.signal(name);
  }

  /** Stops it until SIGCONT, and resolves when it stands still. */
  async freeze(): Promise<void> {
    if (!this.#over) await freeze(this.child.pid!);
  }

  /** Waits until its output matches. Rejects, and ends it, when it does not in time or ends before. */
  async match(pattern: RegExp, name: OutputName = "stdout"): Promise<RegExpExecArray> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, PATIENCE);
    try {
      for (;;) {
        const found = pattern.exec(this.#written[name]);
        if (found !== null) return found;
        if (this.#over || late) throw this.#complaint(`wrote nothing like ${pattern}`);
        await new Promise<void>((resolve) => this.#look.push(resolve));
      }
    } finally {
      clearTimeout(timer);
      if (late) this.signal("SIGKILL");
    }
  }

  /**
   * Asks by SIGUSR2 how it is, again and again until what it tells matches: what a client has sent may not have been read yet
   * when the first signal comes.
   */
  async tells(pattern: RegExp): Promise<RegExpExecArray> {
    this.signal("SIGUSR2");
    const timer = setInterval(() => this.signal("SIGUSR2"), ASK_AGAIN);
    return await this.match(pattern, "stderr").finally(() => clearInterval(timer));
  }

  /** Waits until it has ended. Rejects, and ends it, when that takes too long. */
  async exit(): Promise<Ended> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.signal("SIGKILL");
    }, PATIENCE);
    const ended = await this.ended;
    clearTimeout(timer);
    if (late) throw this.#complaint("did not end");
    return ended;
  }

  /** Ends it now, if it has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  #complaint(what: string): Error {
    return new Error(`${this.#name} ${what}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`);
  }

  #wake(): void {
    for (const look of this.#look.splice(0)) look();
  }
}

/** A running server. */
export class ServerProcess extends CommandLine {
  /** Its listeners, as opened. */
  urls: string[] = [];

  /** The URL of its first listener. */
  get url(): string {
    return this.urls[0]!;
  }

  /** The port of its first listener. */
  get port(): number {
    return portOf(this.url);
  }

  /** Ends it as a supervisor would, and resolves to how it ended. */
  stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.signal(signal);
    return this.exit();
  }
}

/** Starts a server and waits until its listeners are open. Without a URL among the arguments it takes a free port. */
export async function startServer(runtime: RuntimeName, args: readonly string[] = []): Promise<ServerProcess> {
  // The URL of a bus is no listener.
  const urls = args.filter((arg, index) => /^(tcp|tls|unix|wss?):/.test(arg) && args[index - 1] !== "--bus");
  const listeners = Math.max(1, urls.length);
  const all = urls.length > 0 ? args : ["tcp://127.0.0.1:0", ...args];
  const server = new ServerProcess(runtime, all);
  await server.match(new RegExp(`(?:^listening on .*\\n){${listeners}}`, "m"));
  server.urls = Array.from(server.stdout.matchAll(/^listening on (\S+).*$/gm), (match) => match[1]!);
  return server;
}

/** Runs a command to its end, with `input` as its standard input. */
export function runCommand(runtime: RuntimeName, args: readonly string[], input: string = ""): Promise<Ended> {
  const command = new CommandLine(runtime, args);
  command.end(input);
  return command.exit();
}

/** The port of a URL. */
export function portOf(url: string): number {
  return parseInt(url.slice(url.lastIndexOf(":") + 1), 10);
}
