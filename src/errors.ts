/**
 * Errors of the system, in plain words.
 *
 * @module
 */

/** What an adapter may add to an error of the system. */
interface Remarks {
  /** Which of several addresses the error is about: `[::1]:8000`. */
  readonly subject?: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** Makes an error that says what could not be done and the system's reason, with the `code` of `cause`. */
export function describe(what: string, cause: unknown): Error {
  const { subject, advice } = (cause ?? {}) as Remarks;
  const code = (cause as { code?: unknown } | undefined)?.code;
  const reason = typeof code === "string"
    ? REASONS[code] ?? (code.startsWith("ERR_SSL_") ? `TLS handshake failed (${code})` : code)
    : cause instanceof Error
    ? cause.message
    : String(cause);
  const error = new Error(`${what}: ${subject ? `${subject}: ` : ""}${reason}${advice ? `, ${advice}` : ""}`, {
    cause,
  });
  return typeof code === "string" ? Object.assign(error, { code }) : error;
}

/** Common codes of the system, in words. */
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
  ENOSPC: "no space left (ENOSPC)",
  EDQUOT: "no space left in the quota (EDQUOT)",
  EFBIG: "the file is too large (EFBIG)",
  EIO: "input/output error, or the terminal is gone (EIO)",
  ENOTDIR: "not a directory (ENOTDIR)",
  EROFS: "read-only file system (EROFS)",
  ENOENT: "no such file or directory (ENOENT)",
  CERT_HAS_EXPIRED: "the server's certificate has expired (CERT_HAS_EXPIRED)",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet (CERT_NOT_YET_VALID)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT)",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's authority is not trusted here (SELF_SIGNED_CERT_IN_CHAIN)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's authority is not trusted here (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)",
  // Bun has no other code for a self-signed certificate, and Deno none for a certificate that is out of date or for clients.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the server's certificate cannot be verified: its authority is not trusted here, or " +
    "it is self-signed, out of date or not one for servers (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
  INVALID_PURPOSE: "the server's certificate is not one for servers (INVALID_PURPOSE)",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate has another name (ERR_TLS_CERT_ALTNAME_INVALID)",
};
