/**
 * Checks certificates and keys before they are used, so that errors come at once and name the option. The runtimes do not:
 * Deno opens a listener whose key fits no certificate, and Node a listener whose authority is no certificate at all
 * (measured, 2.9.5 and 20.20). No error here contains a key, or a runtime's error about a key.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import type { SecureContextOptions } from "node:tls";

/** The options of a TLS listener or a TLS connection: the types of both are in `src/contract/tls.ts`. */
interface Pems {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

/** The known options of each end. */
const KNOWN = { listener: ["cert", "key", "ca"], client: ["cert", "key", "ca", "servername"] } as const;

/** Returns the options for `node:tls`. Throws an error that names the option and what is wrong with it. */
export function checked(tls: Pems, end: keyof typeof KNOWN): SecureContextOptions {
  for (const [name, value] of Object.entries(tls)) {
    if (value === undefined) continue;
    // An unknown option could be meant to restrict access, so it is not ignored (rule 9).
    if (!(KNOWN[end] as readonly string[]).includes(name)) throw wrong(name, "there is no such option");
    if (typeof value !== "string") throw wrong(name, `it is text, not ${typeof value}`);
  }
  const { cert, key, ca } = tls;
  if (end === "listener" || cert !== undefined || key !== undefined) checkPair(cert, key);
  if (ca !== undefined) certificatesIn(ca, "ca");
  return { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }), ...(ca !== undefined && { ca }) };
}

function checkPair(cert: string | undefined, key: string | undefined): void {
  if (cert === undefined) throw wrong("cert", "it is missing");
  if (key === undefined) throw wrong("key", "it is missing");
  // The first certificate is the holder's, the others lead to the authority (RFC 8446, 4.4.2).
  const own = certificatesIn(cert, "cert")[0]!;
  if (!own.checkPrivateKey(privateKeyIn(key))) throw wrong("key", "it is not the key of the certificate");
}

function certificatesIn(pem: string, name: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    throw wrong(name, "there is no certificate in it, it is text with -----BEGIN CERTIFICATE-----");
  }
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw wrong(name, `certificate ${index + 1} of ${blocks.length} is garbled`);
    }
  });
}

function privateKeyIn(pem: string): ReturnType<typeof createPrivateKey> {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw wrong("key", "there is no private key in it, it is text with -----BEGIN PRIVATE KEY-----");
  }
  // Checked first, because OpenSSL would ask for the passphrase on the terminal.
  if (/ENCRYPTED/.test(pem)) throw wrong("key", "it is encrypted, and there is no passphrase: store it decrypted");
  try {
    return createPrivateKey(pem);
  } catch {
    throw wrong("key", "it is garbled");
  }
}

function wrong(name: string, reason: string): TypeError {
  return new TypeError(`Cannot use tls.${name}: ${reason}`);
}
