/**
 * Certificates, made at test time: an authority, and what it signs.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { generateKeyPair, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";

/** A certificate and its private key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** The contents of a certificate. */
export interface IssueOptions {
  /** A host name or an IP address that a server is known by. Default: `localhost`, `127.0.0.1` and `::1`. */
  readonly host?: string;
  /** What it may be used for. Default `server`. */
  readonly usage?: "server" | "client";
  /** From when it is valid. Default: an hour ago. */
  readonly from?: Date;
  /** Until when it is valid. Default: `days` from now. */
  readonly until?: Date;
  /** How many days it is valid from now on. Default 1. */
  readonly days?: number;
}

/** A certificate authority. */
export interface Authority {
  /** Its own certificate, as PEM: the `ca` of a peer that trusts it. */
  readonly cert: string;
  /** Makes a key, and signs a certificate for it. */
  issue(options?: IssueOptions): Promise<Pair>;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Makes a new authority, which no system trusts. */
export async function makeAuthority(name: string): Promise<Authority> {
  const own = await makeKeys();
  const certificate = blank(own, new Date(Date.now() - DAY), new Date(Date.now() + 365 * DAY));
  const subject = nameOf(name);
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: true },
    { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true },
    { name: "subjectKeyIdentifier" },
  ]);
  certificate.sign(own.privateKey, forge.md.sha256.create());
  const issue = async (options: IssueOptions = {}): Promise<Pair> => {
    const keys = await nextKeys();
    return sign(keys, options, subject, own.privateKey);
  };
  return { cert: forge.pki.certificateToPem(certificate), issue };
}

/** Makes a self-signed certificate. */
export async function selfSigned(options: IssueOptions = {}): Promise<Pair> {
  const keys = await nextKeys();
  return sign(keys, options, nameOf(holder(options)), keys.privateKey);
}

/** A key pair, in the forms that are needed. */
interface Keys {
  readonly publicKey: forge.pki.rsa.PublicKey;
  readonly privateKey: forge.pki.rsa.PrivateKey;
  readonly pem: string;
}

/** Keys of certificates, but for those of authorities, are used again after so many: to make one takes 0.1 to 0.3 s. */
const KEYS = 4;

const used: Promise<Keys>[] = [];
let issued = 0;

/** Keys for a certificate: others than those of the one before it. */
function nextKeys(): Promise<Keys> {
  return used[issued++ % KEYS] ??= makeKeys();
}

/** The runtime makes the keys: in JavaScript that takes seconds. */
function makeKeys(): Promise<Keys> {
  const encoding = {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  } as const;
  return new Promise((resolve, reject) => {
    generateKeyPair("rsa", encoding, (error, publicKey, pem) => {
      if (error !== null) return reject(error);
      resolve({
        publicKey: forge.pki.publicKeyFromPem(publicKey) as forge.pki.rsa.PublicKey,
        privateKey: forge.pki.privateKeyFromPem(pem) as forge.pki.rsa.PrivateKey,
        pem,
      });
    });
  });
}

function blank(keys: Keys, from: Date, until: Date): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  // Positive, and never the same twice.
  certificate.serialNumber = "01" + Buffer.from(randomBytes(8)).toString("hex");
  certificate.validity.notBefore = from;
  certificate.validity.notAfter = until;
  return certificate;
}

function sign(
  keys: Keys,
  options: IssueOptions,
  issuer: forge.pki.CertificateField[],
  signingKey: forge.pki.rsa.PrivateKey,
): Pair {
  const { host, usage = "server", from, until, days = 1 } = options;
  const certificate = blank(keys, from ?? new Date(Date.now() - HOUR), until ?? new Date(Date.now() + days * DAY));
  certificate.setSubject(nameOf(holder(options)));
  certificate.setIssuer(issuer);
  const hosts = host === undefined ? ["localhost", "127.0.0.1", "::1"] : [host];
  // 2 is a DNS name, 7 an IP address (RFC 5280, 4.2.1.6).
  const altNames = hosts.map((name) => isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name });
  certificate.setExtensions([
    { name: "basicConstraints", critical: true, cA: false },
    { name: "keyUsage", critical: true, digitalSignature: true, keyEncipherment: true },
    { name: "extKeyUsage", serverAuth: usage === "server", clientAuth: usage === "client" },
    ...(usage === "server" ? [{ name: "subjectAltName", altNames }] : []),
    { name: "subjectKeyIdentifier" },
  ]);
  certificate.sign(signingKey, forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(certificate), key: keys.pem };
}

function holder({ host, usage = "server" }: IssueOptions): string {
  return usage === "server" ? host ?? "localhost" : "a client";
}

function nameOf(name: string): forge.pki.CertificateField[] {
  return [{ name: "commonName", value: name }];
}
