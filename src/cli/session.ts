/**
 * Session: one run of the command line, from its first breath to its exit code.
 *
 * @module
 */

import type { Terminal } from "./terminal.ts";
import { spellOut } from "./sanitize.ts";

/** What every command gets. */
export interface Session {
  /** The process. */
  readonly terminal: Terminal;
  /** Aborts at the first SIGINT or SIGTERM: end cleanly. */
  readonly stop: AbortSignal;
  /** Aborts at the second one, or when something went wrong: let go of everything now. */
  readonly drop: AbortSignal;
  /** Whether internal errors show their stack. */
  debug: boolean;
}

/** What was asked for in a way that is not understood: one line on standard error, exit code 2. */
export class Usage extends Error {}

/** What could not be done for a reason outside of mobcast: one line on standard error, exit code 1. */
export class Failure extends Error {}

/** Waits for what may fail for reasons outside of mobcast, and makes a {@link Failure} of that. */
export async function attempt<Result>(promise: Promise<Result>): Promise<Result> {
  try {
    return await promise;
  } catch (cause) {
    throw new Failure(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Waits for it, but no longer than until the signal aborts: whoever is told to stop waits for no reader. */
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

/** Text as one line that does nothing to a terminal, whatever an argument, a system or a library put into it. */
export function oneLine(text: string): string {
  return spellOut(text.trim().replace(/\s*\n\s*/g, " "));
}
