/**
 * Calling hooks: functions of the application, whose errors break nothing.
 *
 * @module
 */

/** Calls a hook. What it throws or rejects with goes to `failed`, and is not thrown. */
export function callHook(hook: () => unknown, failed: (error: unknown) => void): void {
  try {
    const answer = hook();
    // Most hooks return nothing: only an object may be a promise.
    if (typeof answer === "object" && answer !== null) Promise.resolve(answer).catch(failed);
  } catch (error) {
    failed(error);
  }
}
