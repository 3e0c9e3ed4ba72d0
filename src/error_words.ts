/**
 * The codes of errors, of the system and of certificates, in words.
 *
 * @module
 */

/** A code in words, with the code; a code that is not known as it is. */
export function inWords(code: string): string {
  const certificate = TLS_REASONS[code];
  const words = certificate ? `the server's ${certificate}` : REASONS[code];
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

const NOT_TRUSTED = "authority is not trusted here";

/** The same for the certificate of a server. */
const TLS_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "certificate has expired",
  CERT_NOT_YET_VALID: "certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  // Bun has no other code for a self-signed certificate, and Deno none for a certificate that is out of date or for clients.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    `certificate cannot be verified: its ${NOT_TRUSTED}, or it is self-signed, out of date or not one for servers`,
  INVALID_PURPOSE: "certificate is not one for servers",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate has another name",
};
