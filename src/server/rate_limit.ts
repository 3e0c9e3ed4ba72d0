/**
 * The rate limit: keeps each connection to a number of frames and bytes a second, by not reading from it.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import type { Connection } from "./connection.ts";
import { Deadlines } from "../reactor/deadlines.ts";
import type { ResolvedOptions } from "./options.ts";

/** How long a connection over its rate is not read from, in milliseconds. */
const WAIT = 50;

/** Stands for no limit. Not `Infinity`: `0 * Infinity` is NaN, and would be credited when no time has passed. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** What is left in a connection's token bucket; negative when it is overdrawn. */
interface Credit {
  frames: number;
  bytes: number;
  /** When it was last filled. */
  at: number;
}

/**
 * A token bucket for each connection. It holds up to one second's worth and fills at the rate. A read may overdraw it by
 * one chunk; the connection then waits until it is filled again, so the average holds.
 */
export class RateLimit {
  /** Connections over their rate; the dispatcher makes them readable again when they expire. */
  readonly waiting: Deadlines;
  readonly #frames: number;
  readonly #bytes: number;
  readonly #credits: Map<Connection, Credit> = new Map();

  /** Makes a limit with the rates of the options; a rate of 0 is no limit. */
  constructor(options: ResolvedOptions, adapter: Adapter, wake: () => void) {
    this.#frames = options.maxFrameRate || UNLIMITED;
    this.#bytes = options.maxByteRate || UNLIMITED;
    this.waiting = new Deadlines(adapter, WAIT, wake);
  }

  /** Whether the connection may be read from now. If not, it is among the {@link waiting}. */
  allows(connection: Connection, now: number): boolean {
    if (this.waiting.has(connection.token)) return false;
    const credit = this.#credits.get(connection);
    if (!credit) {
      this.#credits.set(connection, { frames: this.#frames, bytes: this.#bytes, at: now });
      return true;
    }
    const seconds = (now - credit.at) / 1000;
    credit.frames = Math.min(this.#frames, credit.frames + seconds * this.#frames);
    credit.bytes = Math.min(this.#bytes, credit.bytes + seconds * this.#bytes);
    credit.at = now;
    if (credit.frames > 0 && credit.bytes > 0) return true;
    this.waiting.set(connection.token, now);
    return false;
  }

  /** Takes what was read out of the connection's bucket. */
  spend(connection: Connection, frames: number, bytes: number): void {
    const credit = this.#credits.get(connection);
    if (!credit) return;
    credit.frames -= frames;
    credit.bytes -= bytes;
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    this.waiting.clear(connection.token);
    this.#credits.delete(connection);
  }
}
