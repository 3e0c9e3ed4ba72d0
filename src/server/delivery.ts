/**
 * Delivery: what a feed tells of the connections that it writes to, and what follows for their deadlines and reading.
 *
 * @module
 */

import type { FeedEvents } from "../broadcast/feed_events.ts";
import type { Connection } from "./connection.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Receiver } from "./receiver.ts";
import type { Timeouts } from "./timeouts.ts";

/** Called while a feed flushes, so it removes no connection. */
export class Delivery implements FeedEvents<Connection> {
  /** Connections whose sockets threw, with the errors. */
  readonly broken: [Connection, unknown][] = [];
  readonly #timeouts: Timeouts;
  readonly #lifecycle: Lifecycle;
  readonly #receiver: () => Receiver;

  /** `receiver` returns the receiver, which is made later: it needs the feeds. */
  constructor(timeouts: Timeouts, lifecycle: Lifecycle, receiver: () => Receiver) {
    this.#timeouts = timeouts;
    this.#lifecycle = lifecycle;
    this.#receiver = receiver;
  }

  /** See {@link FeedEvents.blocked}: the stall begins. Less may be pending than before, also of what is stepped over. */
  blocked(connection: Connection): void {
    const { token } = connection;
    const { stall, now } = this.#timeouts;
    if (!stall.has(token)) stall.set(token, now);
    this.#receiver().unpause(connection);
  }

  /** See {@link FeedEvents.progressed}: the connection is neither stalled nor idle. */
  progressed(connection: Connection): void {
    const { token, phase } = connection;
    const { idle, now } = this.#timeouts;
    this.tookControl(connection);
    if (phase === "open") idle.set(token, now);
  }

  /** See {@link FeedEvents.tookControl}. */
  tookControl({ token }: Connection): void {
    const { stall, now } = this.#timeouts;
    if (stall.has(token)) stall.set(token, now);
  }

  /** See {@link FeedEvents.caughtUp}: an open connection is read again, and the stream of a leaving one ends. */
  caughtUp(connection: Connection): void {
    const { stall, linger, now } = this.#timeouts;
    stall.clear(connection.token);
    if (connection.phase === "open") {
      this.#receiver().unpause(connection);
    } else if (connection.phase === "draining") {
      connection.phase = "shut";
      connection.socket.shutdown();
      linger.set(connection.token, now);
    }
  }

  /** See {@link FeedEvents.slow}: it is not read from until it has caught up. */
  slow(connection: Connection): void {
    this.#lifecycle.behind("slow", connection);
  }

  /** See {@link FeedEvents.heldBack}. */
  heldBack(connection: Connection): void {
    this.#lifecycle.behind("held-back", connection);
  }

  /** See {@link FeedEvents.failed}. */
  failed(connection: Connection, error: unknown): void {
    this.broken.push([connection, error]);
  }
}
