/**
 * Certificates, made at test time: an authority, and what it signs.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { generateKeyPair, randomBytes, sign as signBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import process from "node:process";
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
  /** What its key is for. Default `rsa`. */
  readonly keys?: "rsa" | "rsa-pss" | "ec";
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
  signWith(own, certificate);
  const issue = async (options: IssueOptions = {}): Promise<Pair> => {
    const keys = await nextKeys();
    const { certificate, key } = sign(keys, options, subject, own);
    const { keys: kind = "rsa" } = options;
    if (kind === "rsa") return { cert: forge.pki.certificateToPem(certificate), key };
    const other = kind === "ec" ? await makeEcKeys() : onlyForPss(keys);
    return { cert: withPublicKey(certificate, other.publicKey, own), key: other.pem };
  };
  return { cert: forge.pki.certificateToPem(certificate), issue };
}

/** Makes a self-signed certificate. */
export async function selfSigned(options: IssueOptions = {}): Promise<Pair> {
  const keys = await nextKeys();
  const { certificate, key } = sign(keys, options, nameOf(holder(options)), keys);
  return { cert: forge.pki.certificateToPem(certificate), key };
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

/** Keys that `test/run.mjs` has made for all processes: to make them takes longer than most tests that need them. */
const made: string[] = process.env.TEST_KEYS ? JSON.parse(readFileSync(process.env.TEST_KEYS, "utf8")) : [];

/** Keys that no other certificate in this process has. The runtime makes them: in JavaScript that takes seconds. */
function makeKeys(): Promise<Keys> {
  const pem = made.pop();
  if (pem !== undefined) {
    const privateKey = forge.pki.privateKeyFromPem(pem) as forge.pki.rsa.PrivateKey;
    return Promise.resolve({ publicKey: forge.pki.setRsaPublicKey(privateKey.n, privateKey.e), privateKey, pem });
  }
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
  signer: Keys,
): { certificate: forge.pki.Certificate; key: string } {
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
  signWith(signer, certificate);
  return { certificate, key: keys.pem };
}

/** The runtime signs, too. */
function signatureOf(signed: forge.asn1.Asn1, { pem }: Keys): string {
  const bytes = Buffer.from(forge.asn1.toDer(signed).getBytes(), "latin1");
  return Buffer.from(signBytes("sha256", bytes, pem)).toString("latin1");
}

function signWith(signer: Keys, certificate: forge.pki.Certificate): void {
  const sign = (): string =>
    signatureOf((forge.pki.certificateToAsn1(certificate).value as forge.asn1.Asn1[])[0]!, signer);
  certificate.sign({ ...signer.privateKey, sign }, forge.md.sha256.create());
}

/** A public key in DER, and its private key as PEM. */
interface OtherKeys {
  readonly publicKey: string;
  readonly pem: string;
}

function makeEcKeys(): Promise<OtherKeys> {
  const encoding = {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  } as const;
  return new Promise((resolve, reject) => {
    generateKeyPair("ec", encoding, (error, publicKey, pem) => {
      if (error !== null) reject(error);
      else resolve({ publicKey: publicKey.toString("latin1"), pem });
    });
  });
}

/** The same keys with the algorithm RSASSA-PSS, which no runtime but Node makes. */
function onlyForPss({ publicKey, pem }: Keys): OtherKeys {
  const algorithm = (): forge.asn1.Asn1 => sequence(object("1.2.840.113549.1.1.10"));
  const [, publicBits] = forge.pki.publicKeyToAsn1(publicKey).value as forge.asn1.Asn1[];
  const [version, , privateBytes] = forge.asn1.fromDer(forge.pem.decode(pem)[0]!.body).value as forge.asn1.Asn1[];
  const privateKey = forge.asn1.toDer(sequence(version!, algorithm(), privateBytes!)).getBytes();
  return {
    publicKey: forge.asn1.toDer(sequence(algorithm(), publicBits!)).getBytes(),
    pem: forge.pem.encode({ type: "PRIVATE KEY", body: privateKey } as forge.pem.ObjectPEM),
  };
}

function sequence(...values: forge.asn1.Asn1[]): forge.asn1.Asn1 {
  return forge.asn1.create(forge.asn1.Class.UNIVERSAL, forge.asn1.Type.SEQUENCE, true, values);
}

function object(identifier: string): forge.asn1.Asn1 {
  const bytes = forge.asn1.oidToDer(identifier).getBytes();
  return forge.asn1.create(forge.asn1.Class.UNIVERSAL, forge.asn1.Type.OID, false, bytes);
}

/** The certificate for another public key, in DER: forge itself knows RSA only. */
function withPublicKey(
  certificate: forge.pki.Certificate,
  publicKey: string,
  signer: Keys,
): string {
  const [signed, algorithm] = forge.pki.certificateToAsn1(certificate).value as forge.asn1.Asn1[];
  // The public key is the seventh field (RFC 5280, 4.1).
  (signed!.value as forge.asn1.Asn1[])[6] = forge.asn1.fromDer(publicKey);
  const signature = forge.asn1.create(
    forge.asn1.Class.UNIVERSAL,
    forge.asn1.Type.BITSTRING,
    false,
    `\0${signatureOf(signed!, signer)}`,
  );
  const body = forge.asn1.toDer(sequence(signed!, algorithm!, signature)).getBytes();
  return forge.pem.encode({ type: "CERTIFICATE", body } as forge.pem.ObjectPEM);
}

function holder({ host, usage = "server" }: IssueOptions): string {
  return usage === "server" ? host ?? "localhost" : "a client";
}

function nameOf(name: string): forge.pki.CertificateField[] {
  return [{ name: "commonName", value: name }];
}
