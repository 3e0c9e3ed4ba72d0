/**
 * Calling hooks: functions of the application, whose errors break nothing.
 *
 * @module
 */

import { logger } from "./logger.ts";

/** Calls a hook. What it throws or rejects with is logged after `cannot`, and not thrown. */
export function callHook(cannot: string, hook: () => unknown): void {
  const failed = (error: unknown): void => logger.error(`${cannot}: {error}`, { error });
  try {
    const answer = hook();
    // Most hooks return nothing: only an object may be a promise.
    if (typeof answer === "object" && answer !== null) Promise.resolve(answer).catch(failed);
  } catch (error) {
    failed(error);
  }
}
