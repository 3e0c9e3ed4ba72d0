/**
 * Errors of the system, in words for people.
 *
 * @module
 */

/** An error for people: what could not be done, and the system's reason; its `code` is kept. */
export function describe(what: string, cause: unknown): Error {
  const code = (cause as { code?: unknown } | undefined)?.code;
  const reason = typeof code === "string"
    ? REASONS[code] ?? code
    : cause instanceof Error
    ? cause.message
    : String(cause);
  const error = new Error(`${what}: ${reason}`, { cause });
  return typeof code === "string" ? Object.assign(error, { code }) : error;
}

/** The system's codes that people meet, in words. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address in use (EADDRINUSE)",
  EADDRNOTAVAIL: "address not available on this machine (EADDRNOTAVAIL)",
  EACCES: "permission denied (EACCES)",
  ECONNREFUSED: "connection refused (ECONNREFUSED)",
  ECONNRESET: "connection reset (ECONNRESET)",
  ENOTFOUND: "host not found (ENOTFOUND)",
  EAI_AGAIN: "host not found, try again later (EAI_AGAIN)",
  ETIMEDOUT: "timed out (ETIMEDOUT)",
  EHOSTUNREACH: "host unreachable (EHOSTUNREACH)",
  ENETUNREACH: "network unreachable (ENETUNREACH)",
  EPIPE: "connection closed (EPIPE)",
};
