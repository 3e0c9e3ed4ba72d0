/**
 * Calling hooks: functions of the application, whose errors break nothing.
 *
 * @module
 */

import { logger } from "./logger.ts";

/** Calls a hook. What it throws or rejects with is logged after `cannot` and given to `note`, and not thrown. */
export function callHook(cannot: string, hook: () => unknown, note?: () => void): void {
  const failed = (error: unknown): void => {
    logger.error(`${cannot}: {error}`, { error });
    note?.();
  };
  try {
    const answer = hook();
    // Most hooks return nothing: only an object may be a promise.
    if (typeof answer === "object" && answer !== null) Promise.resolve(answer).catch(failed);
  } catch (error) {
    failed(error);
  }
}
