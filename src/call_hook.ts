/**
 * Hooks: functions of the application that are told something, and can break nothing.
 *
 * @module
 */

import { logger } from "./logger.ts";

/** Calls a hook. What it throws, or rejects with, is logged behind `cannot`, and goes no further. */
export function callHook(cannot: string, hook: () => unknown): void {
  const failed = (error: unknown): void => logger.error(`${cannot}: {error}`, { error });
  try {
    const answer = hook();
    // Only what may be a promise is made one: most hooks return nothing.
    if (typeof answer === "object" && answer !== null) Promise.resolve(answer).catch(failed);
  } catch (error) {
    failed(error);
  }
}
