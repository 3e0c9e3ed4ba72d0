/**
 * Timeouts: the deadlines that a connection can have.
 *
 * @module
 */

import type { Token } from "../contract/token.ts";
import { AwakeClock, type Clock } from "../reactor/awake_clock.ts";
import { Deadlines } from "../reactor/deadlines.ts";
import { LIMITS, type Limits } from "./options.ts";

/** How long a connection that was told everything may take to hang up, in milliseconds. Then it is dropped. */
const LINGER = 1000;

/** How long a handshake may take where a frame may take for ever, in milliseconds. */
const DEFAULT_HANDSHAKE = LIMITS.frameTimeout.default;

/** The slice of a mob's options that sets deadlines. */
export type TimeoutOptions = Pick<Limits, "stallTimeout" | "frameTimeout" | "idleTimeout" | "drainTimeout">;

/** The five kinds of deadline that a connection can have. */
export class Timeouts {
  /** What they go by. */
  readonly clock: Clock;
  /** Bytes are waiting and none was taken. */
  readonly stall: Deadlines;
  /** A frame has begun and is not whole. */
  readonly frame: Deadlines;
  /** It has not finished its handshake. */
  readonly handshake: Deadlines;
  /** Nothing happens. */
  readonly idle: Deadlines;
  /** It was told everything and has not hung up. */
  readonly linger: Deadlines;
  readonly #all: readonly Deadlines[];

  /** Deadlines with the timeouts of the options. */
  constructor(adapter: Clock, options: TimeoutOptions, wake: () => void) {
    const clock = this.clock = new AwakeClock(adapter);
    this.stall = new Deadlines(clock, options.stallTimeout, wake);
    this.frame = new Deadlines(clock, options.frameTimeout, wake);
    // A connection that may shake hands for ever would be a way to fill the mob without knowing anything.
    this.handshake = new Deadlines(clock, options.frameTimeout || DEFAULT_HANDSHAKE, wake);
    this.idle = new Deadlines(clock, options.idleTimeout, wake);
    this.linger = new Deadlines(clock, Math.min(LINGER, options.drainTimeout), wake);
    this.#all = [this.stall, this.frame, this.handshake, this.idle, this.linger];
  }

  /** A connection is gone. */
  clear(token: Token): void {
    for (const deadlines of this.#all) deadlines.clear(token);
  }

  /** Everybody is gone. */
  stop(): void {
    for (const deadlines of this.#all) deadlines.stop();
  }
}
