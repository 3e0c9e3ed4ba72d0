/**
 * The errors of Deno, by the codes that the other runtimes give.
 *
 * @module
 */

/** Deno names many errors by class where other runtimes have a code. */
const CODES: Readonly<Record<string, string>> = {
  AddrInUse: "EADDRINUSE",
  AddrNotAvailable: "EADDRNOTAVAIL",
  BadResource: "EBADF",
  BrokenPipe: "EPIPE",
  ConnectionAborted: "ECONNABORTED",
  ConnectionRefused: "ECONNREFUSED",
  ConnectionReset: "ECONNRESET",
  Interrupted: "EINTR",
  NotConnected: "ENOTCONN",
  PermissionDenied: "EACCES",
  TimedOut: "ETIMEDOUT",
};

/** The same error with a `code`, as on the other runtimes. */
export function normalise(error: Error): Error {
  // A name that cannot be resolved has neither code nor class.
  const unknownHost = error.message.includes("failed to lookup address") ? "ENOTFOUND" : undefined;
  const code = (error as { code?: string }).code ?? CODES[error.name] ?? unknownHost;
  return code === undefined ? error : Object.assign(error, { code });
}
