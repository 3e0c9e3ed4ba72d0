/**
 * Handshakes: what happens between a TCP connection and one over TLS, each with its deadline and exactly one outcome.
 *
 * @module
 */

import { constants } from "node:crypto";
import type { Socket as NetSocket } from "node:net";
import { setImmediate } from "node:timers";
import type { createServer, SecureContextOptions, Server, TLSSocket } from "node:tls";
import { AwakeClock } from "../../src/reactor/awake_clock.ts";
import { eventLoop } from "../shared/event_loop.ts";
import { SOCKET_OPTIONS } from "../shared/node_socket.ts";

/** The socket over TLS, or why there is none. */
export type Outcome = TLSSocket | Error;

/** The handshakes at one listener, with the certificates that the listener has at the time. */
export class Handshakes {
  readonly #server: Server;
  readonly #needCertificate: boolean;
  readonly #clock: AwakeClock = new AwakeClock(eventLoop);
  readonly #pending: Map<NetSocket, (outcome: Outcome) => void> = new Map();

  /** `make` is `createServer` of `node:tls`. The server never listens: it is given connections. */
  constructor(certificates: SecureContextOptions, make: typeof createServer) {
    this.#needCertificate = certificates.ca !== undefined;
    this.#server = make({
      ...certificates,
      ...SOCKET_OPTIONS,
      allowHalfOpen: false,
      minVersion: "TLSv1.2",
      // A client could make us work for it again and again; TLS 1.3 has done away with it.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      // Node's own deadline, two minutes, counts while the process is stopped.
      handshakeTimeout: 2 ** 31 - 1,
      requestCert: this.#needCertificate,
      rejectUnauthorized: this.#needCertificate,
    });
    this.#server.on("secureConnection", (socket) => this.#end(socket, this.#objection(socket) ?? socket));
    this.#server.on("tlsClientError", (error, socket) => this.#end(socket, inWords(error, socket)));
  }

  /**
   * Begins a handshake; `over` is told how it ended. Returns what ends it now. The deadline is our own, since the
   * runtimes tell of theirs and leave the connection open, and counts only while the process runs.
   */
  begin(raw: NetSocket, milliseconds: number, over: (outcome: Outcome) => void): () => void {
    const end = (outcome: Outcome): void => {
      if (!this.#pending.delete(raw)) return;
      cancel();
      // Later, so that the alert which tells the client why is on its way.
      if (outcome instanceof Error) setImmediate(() => raw.destroy());
      over(outcome);
    };
    const cancel = this.#clock.after(milliseconds, () => end(late(milliseconds)));
    this.#pending.set(raw, end);
    raw.on("error", (error) => end(error));
    raw.once("close", () => end(leftError()));
    this.#server.emit("connection", raw);
    return () => end(new Error("the listener was closed"));
  }

  #end(socket: TLSSocket, outcome: Outcome): void {
    if (outcome instanceof Error) socket.on("error", () => {});
    const end = this.#pending.get(rawOf(socket));
    if (end !== undefined) end(outcome);
    // Late, or not one of ours: nobody waits for it.
    else if (!(outcome instanceof Error)) socket.destroy();
  }

  /** Looks again: on Deno `authorized` is true when nobody was asked for a certificate (measured, 2.9.5). */
  #objection(socket: TLSSocket): Error | undefined {
    if (!this.#needCertificate) return undefined;
    if (!socket.authorized) return inWords(new Error("its certificate is not authorised"), socket);
    // Deno keeps sessions for the whole process, whatever authority they were made with
    // (https://github.com/denoland/deno/pull/34630): one that is resumed here says nothing of ours.
    if ("Deno" in globalThis && socket.isSessionReused()) return new Error("it resumed a session: connect anew");
    // Without a certificate this is {} on some runtimes and null on others.
    const certificate: object | null = socket.getPeerCertificate();
    return Object.keys(certificate ?? {}).length > 0 ? undefined : new Error("it has no certificate");
  }
}

/** The client left before the handshake was done. */
export function leftError(): Error {
  return Object.assign(new Error("the client left during the handshake"), { code: "ECONNRESET" });
}

function late(milliseconds: number): Error {
  return Object.assign(new Error(`no handshake within ${milliseconds} ms`), { code: "ETIMEDOUT" });
}

/** The connection below one over TLS: all three runtimes keep it here, and name it nowhere else. */
function rawOf(socket: TLSSocket): NetSocket {
  return (socket as unknown as { _parent: NetSocket })._parent;
}

/** OpenSSL's texts have addresses and source files in them; its codes say the same in a word. */
function inWords(error: Error & { code?: string }, socket: TLSSocket): Error {
  // A certificate that was refused: the error is of the hang-up that followed, the reason is here.
  const refused: unknown = socket.authorizationError;
  const code = typeof refused === "string" ? refused : (refused as { code?: string } | null)?.code ?? error.code;
  return code === undefined ? error : Object.assign(new Error(`TLS handshake failed (${code})`), { code });
}
