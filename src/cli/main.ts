/**
 * The command line, from arguments to an exit code.
 *
 * @module
 */

import { plainFlags, plainUrls } from "./plain.ts";
import { describe } from "../errors.ts";
import { Failure, oneLine, type Session, unlessStopped, Usage } from "./session.ts";
import type { Terminal } from "./terminal.ts";
import { spellOut } from "./sanitize.ts";

/**
 * A signal so soon after the first is the same one, in milliseconds: `timeout` sends it to its child and to its group, and
 * what a terminal sends to a whole group is passed on by those in it. Nobody types Ctrl-C that fast.
 */
const SAME_SIGNAL = 150;

/**
 * Runs the command line. Resolves to the exit code, and never rejects: 0 done, 1 could not, 2 wrong usage.
 *
 * The first SIGINT or SIGTERM ends it cleanly, with 0; a second one at once, with 1.
 */
export async function main(terminal: Terminal): Promise<number> {
  const stopping = new AbortController();
  const dropping = new AbortController();
  const session: Session = {
    terminal,
    stop: stopping.signal,
    drop: dropping.signal,
    debug: false,
    flushLog: () => Promise.resolve(),
  };
  let resolveEnded: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => resolveEnded = resolve);
  const end = (code: number): void => {
    resolveEnded(code);
    dropping.abort();
  };
  let stoppedAt = 0;
  const interrupt = (): void => {
    if (stopping.signal.aborted) return terminal.now() - stoppedAt < SAME_SIGNAL ? undefined : end(1);
    stopping.abort();
    terminal.stdout.release();
    // Not before: with many connections, closing takes a while.
    stoppedAt = terminal.now();
  };
  // First of all: Deno panics when signals are set up at the descriptor limit, https://github.com/denoland/deno/issues/34054.
  const undo = [
    terminal.onSignal("SIGINT", interrupt),
    terminal.onSignal("SIGTERM", interrupt),
    terminal.onUncaught((error) => end(report(session, error))),
  ];
  try {
    return await Promise.race([ended, run(session)]);
  } finally {
    for (const stop of undo) stop();
    // A command that is dropped ends before its log.
    await session.flushLog();
  }
}

/** Runs the command. Only the modules that it needs are loaded. */
async function run(session: Session): Promise<number> {
  try {
    const listeners = plainUrls(session.terminal.args);
    if (listeners !== undefined && Object.keys(session.terminal.environment()).length === 0) {
      return await (await import("./serve.ts")).runServe(session, listeners, plainFlags());
    }
    const { runProgram } = await import("./program.ts");
    let hasServed = false;
    const code = await runProgram(session.terminal, {
      serve: async (urls, flags) => {
        hasServed = true;
        return (await import("./serve.ts")).runServe(session, urls, flags);
      },
      join: async (url, flags) => (await import("./join.ts")).runJoin(session, url, flags),
      sub: async (url, flags) => (await import("./sub.ts")).runSub(session, url, flags),
      pub: async (url, texts, flags) => (await import("./pub.ts")).runPub(session, url, texts, flags),
      bench: async (url, flags) => (await import("./bench.ts")).runBench(session, url, flags),
      check: async (command, flags) => (await import("./check.ts")).runCheck(session, command, flags),
      stats: async (url, flags) => (await import("./stats.ts")).runStats(session, url, flags),
      top: async (url, flags) => (await import("./top.ts")).runTop(session, url, flags),
    });
    // Output is not the job of a server.
    if (!hasServed) await finishOutput(session);
    return code;
  } catch (error) {
    // An error that follows a drop is not reported.
    return session.drop.aborted ? 1 : report(session, error);
  }
}

/**
 * Waits until all output is written. Throws a {@link Failure} when it cannot be: output is the job of every command but
 * `serve`. A reader that is gone, as after `| head -1`, is no failure.
 */
async function finishOutput({ terminal: { stdout }, stop }: Session): Promise<void> {
  await unlessStopped(stdout.flush(), stop);
  if (!stdout.broken.aborted) return;
  const cause: unknown = stdout.broken.reason;
  const { code } = cause as { code?: unknown };
  if (code === "EPIPE" || code === "ECONNRESET") return;
  const words = OUTPUT_REASONS[String(code)];
  throw new Failure(
    describe("Cannot write standard output", words === undefined ? cause : `${words} (${code})`).message,
  );
}

/** Codes of the system that only an output has, in words. */
const OUTPUT_REASONS: Readonly<Record<string, string>> = {
  EDQUOT: "no space left in the quota",
  EFBIG: "the file is too large",
  EIO: "input/output error, or the terminal is gone",
};

/** Writes one line about the error, and returns the exit code. */
function report({ terminal, debug }: Session, error: unknown): number {
  const say = (text: string): void => void terminal.stderr.write(`mobcast: ${text}\n`);
  if (error instanceof Usage || error instanceof Failure) {
    say(oneLine(error.message));
    return error instanceof Usage ? 2 : 1;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  say(`internal error: ${debug ? (stack ?? message).split("\n").map(spellOut).join("\n") : oneLine(message)}`);
  return 1;
}
