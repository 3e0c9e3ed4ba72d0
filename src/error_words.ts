/**
 * The codes of errors, in words. Those of certificates come from the adapters, with TLS.
 *
 * @module
 */

/** A code in words, with the code; a code that is not known as it is. */
export function inWords(code: string): string {
  const words = REASONS[code];
  if (!words && !code.startsWith("ERR_SSL_")) return code;
  return `${words ?? "TLS handshake failed"} (${code})`;
}

/** Common codes of the system, in words. */
const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address in use",
  EADDRNOTAVAIL: "address not available on this machine",
  EACCES: "permission denied",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "host not found",
  EAI_AGAIN: "host not found, try again later",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  EPIPE: "connection closed",
  ENOSPC: "no space left",
  ENOTDIR: "not a directory",
  EROFS: "read-only file system",
  ENOENT: "no such file or directory",
};
