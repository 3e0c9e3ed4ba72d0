/** Standard output and error that are full, stuck, gone or broken for a moment: they hurt no server and hide no failure. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { serve } from "../../mod.ts";
import { frameOf, textOf } from "../helpers/bytes.ts";
import {
  CommandLine,
  portOf,
  programOf,
  ROOT,
  type RuntimeName,
  startServer,
  TESTED,
} from "../helpers/command_line.ts";
import { PlainClient } from "../helpers/plain_client.ts";
import { pause } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };

/** A pipe in the file system. An end of it without a reader stays full. */
class Pipe implements Disposable {
  readonly #folder: string = mkdtempSync(join(tmpdir(), "mobcast-"));
  readonly #path: string = join(this.#folder, "pipe");
  /** Our own end, which reads, and keeps the pipe open. */
  #end: number | undefined;

  constructor() {
    assertEquals(spawnSync("mkfifo", [this.#path]).status, 0);
    this.hold();
  }

  hold(): void {
    this.#end = openSync(this.#path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /** Closes the pipe: a writer gets EPIPE. */
  abandon(): void {
    if (this.#end !== undefined) closeSync(this.#end);
    this.#end = undefined;
  }

  /** An end to write to, for a process. */
  writer(flags: number = 0): number {
    return openSync(this.#path, constants.O_WRONLY | flags);
  }

  /** Fills it, so that the next write has no room. */
  fill(): this {
    const page = new Uint8Array(4096).fill(10);
    for (;;) {
      try {
        writeSync(this.#end!, page);
      } catch {
        return this;
      }
    }
  }

  /** Takes all that is in it. */
  read(): string {
    const bytes = new Uint8Array(65536);
    let text = "";
    for (;;) {
      try {
        text += textOf(bytes.subarray(0, readSync(this.#end!, bytes)));
      } catch {
        return text;
      }
    }
  }

  /** Takes what comes until it matches. */
  async match(pattern: RegExp): Promise<string> {
    for (let text = "";; await pause()) {
      text += this.read();
      if (pattern.test(text)) return text;
    }
  }

  [Symbol.dispose](): void {
    this.abandon();
    rmSync(this.#folder, { recursive: true });
  }
}

type Stdio = readonly ["ignore" | "pipe", number | "pipe", number | "pipe"];

/** A process with outputs of a test's own. */
class Spoiled implements AsyncDisposable {
  stderr = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  /** Starts it. Descriptors are given away. */
  constructor(runtime: RuntimeName, args: readonly string[], stdio: Stdio, shell?: string) {
    const [command, ...program] = [...programOf(runtime, args), ...args];
    const [run, ...rest] = shell === undefined ? [command!, ...program] : ["sh", "-c", shell, command!, ...program];
    this.#child = spawn(run!, rest, { cwd: ROOT, stdio: [...stdio] });
    // It may have ended before it reads what is typed.
    this.#child.stdin?.on("error", () => {});
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => this.stderr += text);
    this.#ended = new Promise((resolve) => void this.#child.on("close", (code) => resolve(code)));
    for (const fd of new Set(stdio)) if (typeof fd === "number") closeSync(fd);
  }

  say(text: string): void {
    this.#child.stdin!.end(text);
  }

  exit(): Promise<number | null> {
    return this.#ended;
  }

  /** Ends it as a supervisor does, and resolves to its exit code; or to how long that took, when it is too long. */
  async stop(): Promise<number | string | null> {
    const began = performance.now();
    process.kill(this.#child.pid!, "SIGTERM");
    const code = await this.exit();
    const took = performance.now() - began;
    return took < 15_000 ? code : `${code} after ${took} ms`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      try {
        process.kill(this.#child.pid!, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await this.#ended;
  }
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  return portOf(mob.urls[0]!);
}

async function comeIn(url: string): Promise<PlainClient> {
  for (;;) {
    try {
      return await PlainClient.connect(url);
    } catch {
      await pause(20);
    }
  }
}

/** A server with a place for one client: others are refused, which it logs. */
class SpoiledServer extends Spoiled {
  readonly #url: string;
  #member: PlainClient | undefined;
  #received = 0;

  static async start(runtime: RuntimeName, stdio: Stdio, shell?: string): Promise<SpoiledServer> {
    const url = `tcp://127.0.0.1:${await freePort()}`;
    return new SpoiledServer(runtime, url, stdio, shell);
  }

  private constructor(runtime: RuntimeName, url: string, stdio: Stdio, shell?: string) {
    super(runtime, [url, "--max-connections", "1", "--log-level", "debug"], stdio, shell);
    this.#url = url;
  }

  /** Makes it log so many lines, and sees that it serves all the while. */
  async use(lines: number): Promise<void> {
    this.#member ??= await comeIn(this.#url);
    for (let count = 0; count < lines; count++) {
      this.#member.send(frameOf("hello"));
      this.#received += frameOf("hello").length;
      await this.#member.receive(this.#received);
      using refused = await PlainClient.connect(this.#url);
      await refused.ended();
    }
  }
}

/** What a program imports. */
function moduleOf(runtime: RuntimeName): string {
  return pathToFileURL(join(ROOT, runtime === "node" ? "dist/mod.js" : "mod.ts")).href;
}

const full = (): number => openSync("/dev/full", "w");

const skip = process.platform !== "linux" && "/dev/full and pipes that can be opened from both ends";

for (const runtime of TESTED) {
  test(`${runtime}: a server serves, and ends, whatever becomes of its outputs`, { ...LIMITED, skip }, async () => {
    using stuck = new Pipe().fill();
    const states: Record<string, Promise<SpoiledServer>> = {
      full: SpoiledServer.start(runtime, ["ignore", full(), full()]),
      closed: SpoiledServer.start(runtime, ["ignore", "pipe", "pipe"], 'exec "$0" "$@" <&- >&- 2>&-'),
      stuck: SpoiledServer.start(runtime, ["ignore", stuck.writer(), stuck.writer()]),
      "non-blocking": SpoiledServer.start(runtime, [
        "ignore",
        stuck.writer(constants.O_NONBLOCK),
        stuck.writer(constants.O_NONBLOCK),
      ]),
    };
    await Promise.all(
      Object.entries(states).map(async ([state, starting]) => {
        await using server = await starting;
        await server.use(3);
        assertEquals(await server.stop(), 0, state);
      }),
    );
  });

  test(
    `${runtime}: a log that is broken for a moment goes on, and counts what it lost`,
    { ...LIMITED, skip },
    async () => {
      using pipe = new Pipe();
      await using server = await SpoiledServer.start(runtime, ["ignore", "pipe", pipe.writer()]);
      await server.use(1);
      await pipe.match(/Refused/);
      let text = "";
      // A busy server may write its lines only when it can again: then nothing is lost, and the moment was too short.
      for (let moment = 50; moment < 10_000 && !text.includes("could not"); moment *= 2) {
        pipe.abandon();
        await server.use(2);
        await pause(moment);
        pipe.hold();
        await server.use(1);
        text = await pipe.match(/Refused/);
      }
      assertMatch(text, /^\S+ \[warning\] mobcast: \d log lines could not be written\n\S+ \[/m);
      pipe.fill();
      await server.use(1);
      await pipe.match(/Refused/);
      assertEquals(await server.stop(), 0);
      assertMatch(pipe.read(), /mobcast: Closed\n$/);
    },
  );

  test(
    `${runtime}: a program without logging finds the errors of its hooks on standard error, and goes on when that is full`,
    { ...LIMITED, skip },
    () => {
      const code = `
        const { connect, serve } = await import(${JSON.stringify(moduleOf(runtime))});
        const mob = await serve({
          listen: "tcp://127.0.0.1:0",
          onJoin() { throw new Error("thrown"); },
          async onLeave() { throw new Error("rejected"); },
        });
        for (let round = 0; round < 3; round++) {
          const client = await connect(mob.urls[0]);
          await client.send("x");
          await client.close();
        }
        await mob.close();
        console.log(mob.stats().hookFailures);`;
      const start =
        { node: ["node", "--input-type=module", "-e"], bun: ["bun", "-e"], deno: ["deno", "eval"] }[runtime];
      for (const stderr of ["pipe", full()] as const) {
        const [command, ...options] = start;
        const run = spawnSync(
          runtime === "node" ? command! : join(ROOT, "node_modules", ".bin", command!),
          [...options, code],
          { cwd: ROOT, stdio: ["ignore", "pipe", stderr], encoding: "utf8" },
        );
        if (typeof stderr === "number") closeSync(stderr);
        assertEquals([run.status, run.stdout], [0, "6\n"], `${stderr}: ${run.stderr}`);
        if (stderr === "pipe") {
          assertEquals(run.stderr.match(/^mobcast: Cannot run on(Join|Leave) of /gm)?.length, 2, run.stderr);
          assertMatch(
            run.stderr,
            /^mobcast: Cannot run onJoin of the application: Error: thrown\n/,
          );
        }
      }
    },
  );

  test(`${runtime}: a command whose output cannot be written says so, and fails`, { ...LIMITED, skip }, async () => {
    await using server = await startServer(runtime);
    const { url } = server;
    using speaker = await PlainClient.connect(url);
    // More than a pipe or a socket holds: it is written in parts.
    const long = Array.from({ length: 100_000 }, (_, index) => index).join();
    const sub = ["sub", url, "--count", "1"];
    await using overSocket = new CommandLine(runtime, sub);
    using pipe = new Pipe();
    await using overPipe = new Spoiled(runtime, sub, ["ignore", pipe.writer(), "pipe"]);
    let [isPrinted, piped] = [false, ""];
    void Promise.all([overSocket.ended, overPipe.exit()]).then(() => isPrinted = true);
    for (let turn = 0; !isPrinted; turn++, await pause(5)) {
      if (turn % 20 === 0) speaker.send(frameOf(long));
      piped += pipe.read();
    }
    const printed = [(await overSocket.ended).stdout, piped + pipe.read()];
    assert(printed.every((text) => text === `${long}\n`), `a long message was not printed whole: ${overPipe.stderr}`);
    const bench = ["bench", url, "--clients", "10", "--rate", "10", "--seconds", "1"];
    const commands = [["--help"], ["--version"], ["join", url], ["pub", url, "one"], ["sub", url], bench];
    await Promise.all(commands.map(async (args) => {
      await using command = new Spoiled(runtime, args, ["pipe", full(), "pipe"]);
      command.say("hello\n");
      assertEquals([await command.exit(), command.stderr], [
        1,
        "mobcast: Cannot write standard output: no space left (ENOSPC)\n",
      ], args.join(" "));
    }));
    using stuck = new Pipe().fill();
    await using join = new Spoiled(runtime, ["join", url], ["pipe", stuck.writer(), "pipe"]);
    join.say("anybody?\n");
    while (!textOf(speaker.received).includes("anybody?")) await pause();
    for (let count = 0; count < 20; count++) speaker.send(frameOf("x".repeat(100_000)));
    await pause(50);
    assertEquals([await join.stop(), join.stderr], [0, ""]);
  });
}
