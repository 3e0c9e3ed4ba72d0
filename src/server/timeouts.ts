/**
 * The timeouts: the deadlines that a connection can have.
 *
 * @module
 */

import type { Token } from "../contract/token.ts";
import { AwakeClock, type Clock } from "../reactor/awake_clock.ts";
import { Deadlines } from "../reactor/deadlines.ts";
import type { Connection } from "./connection.ts";
import { type Limits, RANGES } from "./options.ts";

/** How long a client may take to hang up after its stream has ended, in milliseconds. Then it is dropped. */
const LINGER = 1000;

/** How long a handshake may take where `frameTimeout` is 0, in milliseconds. */
const DEFAULT_HANDSHAKE = RANGES.frameTimeout.default;

/** The slice of a mob's options that sets deadlines. */
export type TimeoutOptions = Pick<
  Limits,
  "stallTimeout" | "frameTimeout" | "idleTimeout" | "drainTimeout" | "pingInterval"
>;

/** Whether something is pending for a connection. Under `skip` a socket can be full with nothing pending. */
export function canStall(connection: Connection): boolean {
  return connection.leaving || connection.feed.hasPending(connection);
}

type AllDeadlines = readonly [Deadlines, Deadlines, Deadlines, Deadlines, Deadlines, Deadlines, Deadlines];

/** The kinds of deadline that a connection can have. */
export class Timeouts {
  /** The clock of all deadlines. */
  readonly clock: Clock;
  /** When this tick began, by that clock. */
  now = 0;
  /** Bytes are pending and the socket takes none. */
  readonly stall: Deadlines;
  /** A frame is not whole yet. */
  readonly frame: Deadlines;
  /** The handshake is not finished. */
  readonly handshake: Deadlines;
  /** The connection neither sends nor receives. */
  readonly idle: Deadlines;
  /** The stream has ended and the client has not hung up. */
  readonly linger: Deadlines;
  /** A ping of the connection's protocol is due. */
  readonly ping: Deadlines;
  /** What the connection has sent is not back from the bus. */
  readonly returning: Deadlines;
  readonly #all: readonly Deadlines[];

  /** Makes the deadlines with the timeouts of the options. */
  constructor(adapter: Clock, options: TimeoutOptions, wake: () => void) {
    const clock = this.clock = new AwakeClock(adapter);
    const { stallTimeout, frameTimeout, idleTimeout, drainTimeout, pingInterval } = options;
    // Without a deadline, clients that do not know the secret could fill the mob.
    const handshakeTimeout = frameTimeout || DEFAULT_HANDSHAKE;
    const linger = Math.min(LINGER, drainTimeout);
    const timeouts = [stallTimeout, frameTimeout, handshakeTimeout, idleTimeout, linger, pingInterval, drainTimeout];
    this.#all = timeouts.map((timeout) => new Deadlines(clock, timeout, wake));
    [this.stall, this.frame, this.handshake, this.idle, this.linger, this.ping, this.returning] = this
      .#all as AllDeadlines;
  }

  /** A tick begins: its time is that of all deadlines that it sets. */
  beginTick(): void {
    this.now = this.clock.now();
  }

  /** Milliseconds until a connection is removed as `stalled`; `undefined`: nothing is pending, or its socket takes bytes. */
  stallsIn(connection: Connection): number | undefined {
    return canStall(connection) ? this.stall.left(connection.token) : undefined;
  }

  /** Clears all deadlines of a connection. */
  clear(token: Token): void {
    for (const deadlines of this.#all) deadlines.clear(token);
  }

  /** Clears all deadlines and stops their timers. */
  stop(): void {
    for (const deadlines of this.#all) deadlines.stop();
  }
}
