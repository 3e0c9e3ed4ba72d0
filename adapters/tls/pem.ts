/**
 * Checks certificates and keys before they are used, so that errors come at once and name the option. The runtimes do not:
 * Deno opens a listener whose key fits no certificate, and Node a listener whose authority is no certificate at all
 * (measured, 2.9.5 and 20.20). The runtimes get the PEM blocks alone, written anew: Bun and Deno cannot read a byte order
 * mark, and Deno no key beside its certificate. No error here contains a key, or a runtime's error about a key.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { SecureContextOptions } from "node:tls";
import { cannotUse, isTls } from "../../src/check.ts";
import { onBun, onDeno } from "../shared/which.ts";

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
  // An unknown option could be meant to restrict access, so it is not ignored (rule 9).
  isTls(...KNOWN[end])("tls", tls);
  const { cert, key, ca } = tls;
  return {
    ...((end === "listener" || cert !== undefined || key !== undefined) && checkedPair(cert, key)),
    ...(ca !== undefined && { ca: certificatesIn(ca, "ca").text }),
  };
}

function checkedPair(cert: string | undefined, key: string | undefined): { cert: string; key: string } {
  if (cert === undefined) wrong("cert", "it is missing");
  if (key === undefined) wrong("key", "it is missing");
  const block = privateKeyIn(key);
  const certificates = certificatesIn(cert, "cert");
  // The first certificate is the holder's, the others lead to the authority (RFC 8446, 4.4.2).
  if (!certificates.first.checkPrivateKey(block.key)) wrong("key", "it is not the key of the certificate");
  return { cert: certificates.text, key: block.text };
}

/** A block of a PEM text: what lies between its two lines, of which the first has its label. */
interface Block {
  readonly label: string;
  readonly body: string;
}

const CERTIFICATES = /-----BEGIN (CERTIFICATE)-----([^]*?)(?:-----END \1-----|$)/g;
const PRIVATE_KEYS = /-----BEGIN ((?:[A-Z]+ )*PRIVATE KEY)-----([^]*?)(?:-----END \1-----|$)/g;

/** The blocks of a kind. One that does not end is taken to the end of the text, where it is found to be garbled. */
function blocksIn(pem: string, kind: RegExp): Block[] {
  return Array.from(pem.matchAll(kind), ([, label, body]) => ({ label: label!, body: body! }));
}

/** The block as RFC 7468 has it: whatever line endings and spaces it came with. */
function rewritten({ label, body }: Block): string {
  const lines = body.replace(/\s/g, "").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function certificatesIn(pem: string, name: string): { text: string; first: X509Certificate } {
  const blocks = blocksIn(pem, CERTIFICATES).map(rewritten);
  if (blocks.length === 0) {
    wrong(name, "there is no certificate in it, it is text with -----BEGIN CERTIFICATE-----");
  }
  const [first] = blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      wrong(name, `certificate ${index + 1} of ${blocks.length} is garbled`);
    }
  });
  return { text: blocks.join(""), first: first! };
}

/** The first private key. It may stand among other blocks: the parameters of its curve, its certificates. */
function privateKeyIn(pem: string): { text: string; key: KeyObject } {
  const [block] = blocksIn(pem, PRIVATE_KEYS);
  if (!block) {
    wrong("key", "there is no private key in it, it is text with -----BEGIN PRIVATE KEY-----");
  }
  // Checked first, because OpenSSL would ask for the passphrase on the terminal.
  if (/ENCRYPTED/.test(block.label + block.body)) {
    wrong("key", "it is encrypted, and there is no passphrase: store it decrypted");
  }
  const text = rewritten(block);
  // Deno opens a listener with such a key, and every handshake fails; Bun cannot read it (measured, 2.9.5 and 1.4.5).
  if ((onDeno || onBun) && isOnlyForPss(block)) {
    wrong("key", "it is an RSA-PSS key, which only Node can use");
  }
  try {
    return { text, key: createPrivateKey(text) };
  } catch {
    wrong("key", "it is garbled");
  }
}

/** The object identifier of RSASSA-PSS, which the head of such a key has (RFC 8017, A.2.3). */
const RSASSA_PSS = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

function isOnlyForPss({ body }: Block): boolean {
  try {
    return atob(body).slice(0, 64).includes(RSASSA_PSS);
  } catch {
    // It is garbled.
    return false;
  }
}

function wrong(name: string, reason: string): never {
  cannotUse(`tls.${name}`, reason);
}
