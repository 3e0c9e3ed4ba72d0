/**
 * TLS options: certificates and keys as PEM text. `adapters/tls/tls.ts` uses them.
 *
 * @module
 */

/** How long a TLS handshake may take, in milliseconds. */
export const HANDSHAKE_TIMEOUT = 10_000;

/** The certificates of a TLS listener. */
export interface ServerTls {
  /** The certificate of the server and its intermediates, as PEM. */
  readonly cert: string;
  /** The private key of the certificate, as PEM. */
  readonly key: string;
  /** Authorities, as PEM. With them, clients need a certificate that one of them has signed. */
  readonly ca?: string | undefined;
}

/** The certificates of a TLS client. */
export interface ClientTls {
  /** Authorities that may have signed the server's certificate, as PEM. Default: those that the runtime trusts. */
  readonly ca?: string | undefined;
  /** The certificate of the client, as PEM, for a server that asks for one. */
  readonly cert?: string | undefined;
  /** The private key of the certificate, as PEM. */
  readonly key?: string | undefined;
  /** The name in the server's certificate. Default: the host of the URL. */
  readonly servername?: string | undefined;
}

/** The certificates, or a function that gets them: each `reload()` calls it. */
export type TlsSource = ServerTls | (() => ServerTls | Promise<ServerTls>);

/** The subject of a certificate, by attribute: `{ CN: "sensor-7", O: "Example" }`. An attribute that repeats is a list. */
export type CertificateSubject = Readonly<Record<string, string | readonly string[]>>;
