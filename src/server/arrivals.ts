/**
 * Arrivals: what an adapter accepts, and what the application joins, become connections.
 *
 * @module
 */

import type { AcceptBackoff } from "../admission/accept_backoff.ts";
import type { Registry, Socket } from "../contract/adapter.ts";
import type { Token } from "../contract/token.ts";
import type { Poll } from "../reactor/poll.ts";
import type { Acceptor } from "./acceptor.ts";
import type { Connection } from "./connection.ts";
import type { Handshaker } from "./handshaker.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Listener } from "./listener.ts";
import type { Timeouts } from "./timeouts.ts";

/** What arrivals use. */
export interface ArrivalsParts {
  readonly poll: Poll;
  readonly timeouts: Timeouts;
  readonly acceptor: Acceptor;
  readonly acceptBackoff: AcceptBackoff;
  readonly lifecycle: Lifecycle;
  /** The time, by the adapter's clock. */
  readonly now: () => number;
}

/** Makes the registries of listeners, and lets each connection join, after its handshake where there is one. */
export class Arrivals {
  /** Takes connections through their handshake; `undefined` while no listener asks for one: they join at once. */
  handshaker: Handshaker | undefined;
  /** The registry that the sockets of `mob.join()` call. */
  readonly localRegistry: Pick<Registry, "ready"> = {
    ready: (token, readiness) => this.#with.poll.ready(token, readiness),
  };
  readonly #with: ArrivalsParts;

  /** Arrivals with these parts. */
  constructor(parts: ArrivalsParts) {
    this.#with = parts;
  }

  /** The registry that the adapter calls for a listener. */
  registryFor(listener: Listener): Registry {
    const { poll, acceptor, acceptBackoff, lifecycle } = this.#with;
    acceptor.opens(listener);
    return {
      handshakeStarted: (remoteAddress) => acceptor.handshakeStarted(listener, remoteAddress),
      handshakeFailed: (remoteAddress, error) => acceptor.handshakeFailed(remoteAddress, error),
      accept: (socket) => this.#accept(listener, socket),
      ready: (token, readiness) => poll.ready(token, readiness),
      acceptFailed: (error) => {
        lifecycle.acceptFailed(error);
        return acceptBackoff.failed(error);
      },
    };
  }

  /** Adds a connection of the application, without a handshake. Returns its token, or why it is refused. */
  join(socket: Socket): Token | string {
    const connection = this.#with.acceptor.place(undefined, socket);
    if (typeof connection === "string") return connection;
    this.open(connection);
    return connection.token;
  }

  /** The connection joins: its stream begins here, and `onJoin` will be called. */
  open(connection: Connection): void {
    const { poll, timeouts, lifecycle, now } = this.#with;
    const { token, feed } = connection;
    connection.phase = "open";
    connection.handshake = undefined;
    connection.pingsBefore = connection.decoder.pings;
    connection.since = now();
    feed.add(connection);
    timeouts.handshake.clear(token);
    timeouts.idle.set(token);
    if (connection.protocol) timeouts.ping.set(token);
    lifecycle.joined(connection);
    if (lifecycle.hooks.any || feed.hasPending(connection)) poll.wake();
  }

  /** A listener has accepted a client, after its TLS handshake if there is one. */
  #accept(listener: Listener, socket: Socket): Token | undefined {
    const { handshaker } = this;
    const connection = this.#with.acceptor.accept(listener, socket);
    // Only a protocol has an answer, and it has a handshake.
    if (connection?.phase === "refused") handshaker!.answer(connection);
    else if (connection) handshaker ? handshaker.begin(connection) : this.open(connection);
    return connection?.token;
  }
}
