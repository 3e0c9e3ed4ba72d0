/**
 * What is wrong with the certificate of a server, in words.
 *
 * @module
 */

const NOT_TRUSTED = "authority is not trusted here";

const REASONS: Readonly<Record<string, string>> = {
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

/** The error of a connection, with words for its code when the certificate of the server is the reason. */
export function withWords(error: Error & { readonly code?: string }): Error {
  const { code = "" } = error;
  const reason = REASONS[code];
  return reason === undefined ? error : Object.assign(error, { words: `the server's ${reason} (${code})` });
}
