/**
 * The session: one run of the command line, from its arguments to its exit code.
 *
 * @module
 */

import type { Terminal } from "./terminal.ts";
import { spellOut } from "./sanitize.ts";

/** What every command is called with. */
export interface Session {
  /** The process. */
  readonly terminal: Terminal;
  /** Aborts at the first SIGINT or SIGTERM: the command ends in order. */
  readonly stop: AbortSignal;
  /** Aborts at the second signal, or at an internal error: the command ends at once. */
  readonly drop: AbortSignal;
  /** Whether internal errors show their stack. */
  debug: boolean;
  /** Writes what the log keeps. */
  flushLog: () => Promise<unknown>;
}

/** Wrong arguments: one line on standard error, exit code 2. */
export class Usage extends Error {}

/** A failure for a reason outside of mobcast: one line on standard error, exit code 1. */
export class Failure extends Error {}

/** Waits for a promise that may reject for a reason outside of mobcast, and rejects with a {@link Failure} then. */
export async function attempt<Result>(promise: Promise<Result>): Promise<Result> {
  try {
    return await promise;
  } catch (cause) {
    throw new Failure(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Resolves to what went wrong; `undefined`: nothing. */
export async function problemOf(done: Promise<unknown>): Promise<string | undefined> {
  try {
    await done;
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Runs `run` once for each of the signals, when it aborts, or now if it has aborted. */
export function onAny(signals: readonly AbortSignal[], run: () => void): void {
  for (const signal of signals) {
    if (signal.aborted) run();
    else signal.addEventListener("abort", run, { once: true });
  }
}

/** Resolves when the promise settles or the signal aborts: a stopped command waits for no reader. */
export function unlessStopped(promise: Promise<void>, stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      stop.removeEventListener("abort", end);
      resolve();
    };
    stop.addEventListener("abort", end);
    promise.then(end, end);
  });
}

/** Text as one line without control characters. */
export function oneLine(text: string): string {
  return spellOut(text.trim().replace(/\s*\n\s*/g, " "));
}
