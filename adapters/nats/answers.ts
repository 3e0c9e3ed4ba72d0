/**
 * What NATS answers when something cannot be done.
 *
 * @module
 */

/** What is said when nothing came. */
export const NO_ANSWER = "no answer in time";

/** What is said when servers have no leader for the stream. */
export const NO_LEADER = "no server leads the stream now";

/** Why there is no answer. The client library knows only one reason why no server has the stream. */
export function inWords(error: unknown): string {
  const { name, message } = error as Error;
  if (name === "JetStreamNotEnabled") return "no server has the stream now";
  return name === "TimeoutError" ? NO_ANSWER : message;
}

/** Whether an answer says that there is no such stream. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === STREAM_NOT_FOUND;
}

/** Whether an answer says that there is a stream of that name, with another configuration. */
export function isInUse(error: unknown): boolean {
  return (error as { code?: unknown }).code === STREAM_NAME_IN_USE;
}

/** Codes of errors of JetStream. */
const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;
