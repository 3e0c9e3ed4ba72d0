/**
 * The acceptor: makes a connection of each socket that admission accepts.
 *
 * @module
 */

import type { AcceptBackoff } from "../admission/accept_backoff.ts";
import type { Admission } from "../admission/admission.ts";
import type { Publisher } from "../broadcast/publisher.ts";
import { queueControl } from "../broadcast/control.ts";
import type { Adapter, Socket } from "../contract/adapter.ts";
import { FrameDecoder } from "../framing/decoder.ts";
import type { Slab } from "../reactor/slab.ts";
import { Connection } from "./connection.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Listener } from "./listener.ts";
import type { ResolvedOptions } from "./options.ts";

/** What the acceptor uses. */
export interface AcceptorParts {
  readonly adapter: Adapter;
  readonly slab: Slab<Connection>;
  readonly publisher: Publisher<Connection>;
  readonly admission: Admission;
  readonly acceptBackoff: AcceptBackoff;
  readonly lifecycle: Lifecycle;
  /** Why every new connection is refused; `undefined` while the mob is open. */
  readonly closing: () => string | undefined;
}

/** The most connections at a time that are refused and get an answer. Each goes within a second. */
export const ANSWERS = 64;

/** Puts sockets into the slab, or refuses them; both are counted and logged. */
export class Acceptor {
  readonly #options: Pick<ResolvedOptions, "framing" | "maxFrame" | "history">;
  readonly #with: AcceptorParts;
  /** Connections that were refused when they came, and get an answer. */
  #answering = 0;

  /** An acceptor for the connections in the slab of `parts`. */
  constructor(options: Pick<ResolvedOptions, "framing" | "maxFrame" | "history">, parts: AcceptorParts) {
    this.#options = options;
    this.#with = parts;
  }

  /** A listener opens: where there is a history, what its connections will receive is kept from now on. */
  opens({ framing, protocol }: Listener): void {
    if (this.#options.history === 0) return;
    for (const kind of protocol?.kinds ?? [framing]) this.#with.publisher.feed(kind);
  }

  /** A client has reached a TLS listener. Returns whether its handshake may begin. */
  handshakeStarted({ accessList }: Listener, remoteAddress: string): boolean {
    const obstacle = this.#with.closing() ?? this.#with.admission.handshakeStarted(remoteAddress, accessList);
    if (obstacle) this.#refuse(remoteAddress, obstacle);
    return !obstacle;
  }

  /** A TLS handshake failed. */
  handshakeFailed(remoteAddress: string, error: Error): void {
    this.#with.admission.handshakeOver(remoteAddress);
    this.#with.lifecycle.handshakeFailed(remoteAddress, error, this.#with.adapter.now());
    this.#with.acceptBackoff.tryNow();
  }

  /**
   * A listener has accepted a client, after its TLS handshake if there is one. Returns its connection. One that is refused
   * has one too where the listener's protocol has an answer for it; `undefined`: it gets none.
   */
  accept(listener: Listener, socket: Socket): Connection | undefined {
    this.#with.admission.handshakeOver(socket.remoteAddress);
    const connection = this.place(listener, socket);
    return typeof connection === "string" ? this.#refused(listener, socket, connection) : connection;
  }

  /** The mob has closed: a client that comes now gets no answer, which nothing would end. */
  stop(): void {
    this.#answering = ANSWERS;
  }

  /** A connection has left. */
  leave({ admitted, socket }: Connection): void {
    if (admitted) this.#with.admission.leave(socket.remoteAddress);
    else this.#answering--;
  }

  /** Makes a connection in a slot of the slab, or returns why not. Without a listener it is the application that joins. */
  place(listener: Listener | undefined, socket: Socket): Connection | string {
    const { remoteAddress } = socket;
    const obstacle = this.#with.closing() ?? this.#with.admission.enter(remoteAddress, listener?.accessList);
    if (obstacle) return this.#refuse(remoteAddress, obstacle);
    const connection = this.#insert(listener, socket);
    if (!connection) {
      // Admission counts as the slab does, so this slab has retired slots.
      this.#with.admission.leave(remoteAddress);
      return this.#refuse(remoteAddress, "no slot is left");
    }
    this.#with.acceptBackoff.succeeded();
    return connection;
  }

  /** Makes a connection for an answer, which counts for no limit. There is none when too many get theirs already. */
  #refused(listener: Listener, socket: Socket, obstacle: string): Connection | undefined {
    if (!listener.protocol || this.#answering >= ANSWERS) return undefined;
    const connection = this.#insert(listener, socket);
    if (!connection) return undefined;
    this.#answering++;
    connection.admitted = false;
    connection.phase = "refused";
    queueControl(connection, listener.protocol.refusal(obstacle));
    return connection;
  }

  #insert(listener: Listener | undefined, socket: Socket): Connection | undefined {
    // A protocol brings its own feed: until then the mob's, which is there.
    const { framing = this.#options.framing } = (listener?.protocol ? undefined : listener) ?? {};
    const decoder = new FrameDecoder({ framing, maxFrame: this.#options.maxFrame, ownsChunks: true });
    const feed = this.#with.publisher.feed(framing);
    const token = this.#with.slab.insert((token) =>
      new Connection(token, socket, listener, decoder, feed, this.#with.adapter.now())
    );
    return token === undefined ? undefined : this.#with.slab.get(token);
  }

  #refuse(remoteAddress: string, obstacle: string): string {
    this.#with.lifecycle.rejected(remoteAddress, "refused", obstacle, this.#with.adapter.now());
    return obstacle;
  }
}
