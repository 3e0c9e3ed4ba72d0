/**
 * Errors of the system, in plain words.
 *
 * @module
 */

import { inWords } from "./error_words.ts";

/** What an adapter may add to an error of the system. */
interface Remarks {
  /** Which of several addresses the error is about: `[::1]:8000`. */
  readonly subject?: string;
  /** Its code in words. */
  readonly words?: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Makes an error that says what could not be done and the system's reason, with the `code` of `cause`. */
export function describe(what: string, cause: unknown): Error {
  const { subject, words, advice } = (cause ?? {}) as Remarks;
  const code = (cause as { code?: unknown } | undefined)?.code;
  const reason = words ??
    (typeof code === "string" ? inWords(code) : cause instanceof Error ? cause.message : String(cause));
  const error = new Error(`${what}: ${subject ? `${subject}: ` : ""}${reason}${advice ? `, ${advice}` : ""}`, {
    cause,
  });
  return typeof code === "string" ? Object.assign(error, { code }) : error;
}

/** An error as the system makes them, with a code. */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
