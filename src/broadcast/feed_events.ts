/**
 * Feed events: what a feed tells the server of a connection.
 *
 * @module
 */

import type { Subscriber } from "./subscriber.ts";

/** What a feed tells the dispatcher. Called while the feed flushes: handlers must not remove connections. */
export interface FeedEvents<Member extends Subscriber> {
  /** The connection's socket is full: the connection waits for WRITABLE. */
  blocked(connection: Member): void;
  /** The connection's socket took bytes. For current connections only when `idleTimeout` is set. */
  progressed(connection: Member): void;
  /** The connection's socket took control frames: it is not stalled. That is no sign of life from its client. */
  tookControl(connection: Member): void;
  /** A connection that was blocked or paused, or is leaving, has received everything. */
  caughtUp(connection: Member): void;
  /** The connection has passed half of `maxLag`. */
  slow(connection: Member): void;
  /** The connection holds all others back (`block`), from now on. */
  heldBack(connection: Member): void;
  /** The connection's socket threw, against the contract. */
  failed(connection: Member, error: unknown): void;
}
