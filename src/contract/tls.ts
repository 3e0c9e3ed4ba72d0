/**
 * What TLS needs: certificates and keys as PEM text. `adapters/tls/tls.ts` does the work.
 *
 * @module
 */

/** Milliseconds from a connection to the end of its handshake. */
export const HANDSHAKE_TIMEOUT = 10_000;

/** What a listener over TLS is opened with. */
export interface ServerTls {
  /** The certificate of the server, and those between it and its authority, as PEM. */
  readonly cert: string;
  /** The private key of the certificate, as PEM. */
  readonly key: string;
  /** Authorities, as PEM. When given, clients need a certificate that one of them has signed. */
  readonly ca?: string | undefined;
}

/** What a client over TLS connects with. */
export interface ClientTls {
  /** Authorities that the server may be signed by, as PEM. Default: those that the runtime trusts. */
  readonly ca?: string | undefined;
  /** The certificate of the client, as PEM, where the server asks for one. */
  readonly cert?: string | undefined;
  /** The private key of the certificate, as PEM. */
  readonly key?: string | undefined;
  /** The name that the server's certificate must have. Default: the host of the URL. */
  readonly servername?: string | undefined;
}

/** The certificates, or what gets them: it is asked again at each `reload()`. */
export type TlsSource = ServerTls | (() => ServerTls | Promise<ServerTls>);
