/**
 * TLS handshakes, each with a deadline and exactly one outcome.
 *
 * @module
 */

import { constants } from "node:crypto";
import type { Socket as NetSocket } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import type { CertificateSubject } from "../../src/contract/tls.ts";
import { systemError } from "../../src/errors.ts";
import { AwakeClock } from "../../src/reactor/awake_clock.ts";
import { eventLoop } from "../shared/event_loop.ts";
import { SOCKET_OPTIONS } from "../shared/node_socket.ts";
import { onDeno } from "../shared/which.ts";

/** The socket over TLS, or why there is none. */
export type Outcome = TLSSocket | Error;

/** The handshakes of one listener, with its current certificates. */
export class Handshakes {
  readonly #server: Server;
  readonly #needCertificate: boolean;
  readonly #clock: AwakeClock = new AwakeClock(eventLoop);
  readonly #pending: Map<NetSocket, (outcome: Outcome) => void> = new Map();

  /** The server never listens: `begin` hands connections to it. */
  constructor(certificates: SecureContextOptions) {
    this.#needCertificate = certificates.ca !== undefined;
    this.#server = createServer({
      ...certificates,
      ...SOCKET_OPTIONS,
      allowHalfOpen: false,
      minVersion: "TLSv1.2",
      // With renegotiation a client can cause work again and again. TLS 1.3 has none.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      // None: Node's own deadline counts while the process is stopped, and Deno's holds on to a handshake that has failed
      // until the time is over (measured, 2.9.5).
      handshakeTimeout: -1,
      requestCert: this.#needCertificate,
      rejectUnauthorized: this.#needCertificate,
    });
    this.#server.on("secureConnection", (socket) => this.#end(socket, this.#objection(socket) ?? socket));
    this.#server.on("tlsClientError", (error, socket) => this.#end(socket, inWords(error, socket)));
  }

  /**
   * Begins a handshake, and calls `over` with its outcome. Returns a function that ends it now. The deadline counts only
   * while the process runs; the deadlines of the runtimes leave the connection open.
   */
  begin(raw: NetSocket, milliseconds: number, over: (outcome: Outcome) => void): () => void {
    const end = (outcome: Outcome): void => {
      if (!this.#pending.delete(raw)) return;
      cancel();
      // Later, so that the alert with the reason is sent first.
      if (outcome instanceof Error) eventLoop.defer(() => raw.destroy());
      over(outcome);
    };
    const cancel = this.#clock.after(milliseconds, () => end(late(milliseconds)));
    this.#pending.set(raw, end);
    raw.on("error", (error) => end(error));
    raw.once("close", () => end(leftError()));
    this.#server.emit("connection", raw);
    return () => end(new Error("the listener was closed"));
  }

  /** The subject of the certificate that the client had to have; `undefined` where it needs none. */
  subjectOf(socket: TLSSocket): CertificateSubject | undefined {
    // A resumed session may remember a certificate, though this listener asks for none.
    if (!this.#needCertificate) return undefined;
    return { ...socket.getPeerCertificate().subject } as unknown as CertificateSubject;
  }

  #end(socket: TLSSocket, outcome: Outcome): void {
    if (outcome instanceof Error) socket.on("error", () => {});
    const end = this.#pending.get(rawOf(socket));
    if (end) end(outcome);
    // The handshake has ended already, so nothing waits for this socket.
    else if (!(outcome instanceof Error)) socket.destroy();
  }

  /**
   * Checks again, so that a runtime which asks for no certificate accepts no client: on Deno `authorized` is true then
   * (measured, 2.9.5).
   */
  #objection(socket: TLSSocket): Error | undefined {
    if (!this.#needCertificate) return undefined;
    if (!socket.authorized) return inWords(new Error("its certificate is not authorised"), socket);
    // Deno keeps sessions for the whole process, whatever authority they were made with
    // (https://github.com/denoland/deno/pull/34630), so a resumed session proves nothing to this listener.
    if (onDeno && socket.isSessionReused()) return new Error("it resumed a session: connect anew");
    // Without a certificate this is {} on some runtimes and null on others.
    const certificate: object | null = socket.getPeerCertificate();
    return Object.keys(certificate ?? {}).length > 0 ? undefined : new Error("it has no certificate");
  }
}

/** The client left before the handshake was done. */
export function leftError(): Error {
  return systemError("ECONNRESET", "the client left during the handshake");
}

function late(milliseconds: number): Error {
  return systemError("ETIMEDOUT", `no handshake within ${milliseconds} ms`);
}

/** The TCP connection below a TLS socket. No runtime documents a way to it; all three keep it here. */
function rawOf(socket: TLSSocket): NetSocket {
  return (socket as unknown as { _parent: NetSocket })._parent;
}

/** The error with its code as text: OpenSSL's own texts contain memory addresses and source files. */
function inWords(error: Error & { code?: string }, socket: TLSSocket): Error {
  // When a certificate is refused, the error is only the hang-up that follows; the reason is here.
  const refused: unknown = socket.authorizationError;
  const code = typeof refused === "string" ? refused : (refused as { code?: string } | null)?.code ?? error.code;
  return code === undefined ? error : systemError(code, `TLS handshake failed (${code})`);
}
