/**
 * Expiry: what follows when a deadline of a connection has passed.
 *
 * @module
 */

import { READABLE } from "../contract/adapter.ts";
import type { Deadlines } from "../reactor/deadlines.ts";
import type { Poll } from "../reactor/poll.ts";
import type { Slab } from "../reactor/slab.ts";
import type { Connection } from "./connection.ts";
import type { RateLimit } from "./rate_limit.ts";
import type { Receiver } from "./receiver.ts";
import type { CloseReason } from "../status/stats.ts";
import { canStall, type Timeouts } from "./timeouts.ts";

/** What expiry uses. */
export interface ExpiryParts {
  readonly poll: Poll;
  readonly slab: Slab<Connection>;
  readonly timeouts: Timeouts;
  readonly rate: RateLimit | undefined;
  readonly receiver: Receiver;
  /** The handshake of a connection took too long. */
  readonly late: (connection: Connection) => void;
  /** Ends a connection, with the last bytes of its protocol where that has some. */
  readonly end: (connection: Connection, reason: CloseReason) => void;
  /** A connection leaves that waited for what it had sent. */
  readonly depart: (connection: Connection) => void;
  /** Removes a connection. */
  readonly remove: (connection: Connection, reason: CloseReason) => void;
  /** The connection's socket threw, against the contract. */
  readonly failed: (connection: Connection, error: unknown) => void;
}

/** Handles the deadlines that have passed, at the end of a tick. */
export class Expiry {
  readonly #with: ExpiryParts;

  /** Expiry with these parts. */
  constructor(parts: ExpiryParts) {
    this.#with = parts;
  }

  /** To be called after the tick's input was handled: a connection that is late only because we were is not late. */
  run(): void {
    const { poll, timeouts, rate, receiver, late, end, depart, remove } = this.#with;
    this.#late(timeouts.frame, (connection) => end(connection, "frame-timeout"));
    this.#late(timeouts.handshake, late);
    this.#late(timeouts.idle, (connection) => {
      // Its bytes wait for us: the connection is not idle.
      if (receiver.holds(connection)) timeouts.idle.set(connection.token, timeouts.now);
      else end(connection, "idle");
    });
    this.#late(timeouts.linger, (connection) => remove(connection, connection.closeReason ?? "shutdown"));
    this.#late(timeouts.returning, (connection) => {
      depart(connection);
      // This tick has written already.
      poll.wake();
    });
    this.#late(timeouts.stall, (connection) => {
      if (canStall(connection)) remove(connection, "stalled");
      // The connection is not late, and its deadline starts anew.
      else timeouts.stall.set(connection.token, timeouts.now);
    });
    this.#late(timeouts.ping, (connection) => this.#ping(connection));
    if (rate) this.#late(rate.waiting, (connection) => poll.ready(connection.token, READABLE));
  }

  /** A ping is due: it goes only when nothing was delivered since the last one. */
  #ping(connection: Connection): void {
    const { token, bytesDelivered, deliveredAtPing, control, feed, protocol } = connection;
    const { poll, timeouts } = this.#with;
    if (bytesDelivered === deliveredAtPing && !control) {
      feed.giveControl(connection, protocol!.ping);
      poll.wake();
    }
    connection.deliveredAtPing = bytesDelivered;
    timeouts.ping.set(token, timeouts.now);
  }

  #late(deadlines: Deadlines, deal: (connection: Connection) => void): void {
    if (!deadlines.fired) return;
    for (const token of deadlines.expired()) {
      const connection = this.#with.slab.get(token);
      if (!connection) continue;
      try {
        deal(connection);
      } catch (error) {
        this.#with.failed(connection, error);
      }
    }
  }
}
