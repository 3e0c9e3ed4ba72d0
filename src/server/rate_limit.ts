/**
 * Rate limit: keeps a connection to so many frames and bytes a second, by not reading from it.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import type { Connection } from "./connection.ts";
import { Deadlines } from "../reactor/deadlines.ts";
import type { ResolvedOptions } from "./options.ts";

/** How long a connection over its rate waits before it is looked at again, in milliseconds. */
const WAIT = 50;

/** Stands for no limit. Not `Infinity`: in no time at all, `0 * Infinity` would be credited, which is NaN. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** What a connection may still send: negative when it has overdrawn. */
interface Credit {
  frames: number;
  bytes: number;
  /** When the credit was last topped up. */
  at: number;
}

/**
 * A bucket for each connection that holds up to one second's worth and fills at the rate. A read may overdraw it by
 * one chunk, which the connection then waits off: the average holds.
 */
export class RateLimit {
  /** The connections that wait; the mob makes them readable again when they expire. */
  readonly waiting: Deadlines;
  readonly #frames: number;
  readonly #bytes: number;
  readonly #credits: Map<Connection, Credit> = new Map();

  /** Limits to the rates of the options; a rate of 0 is no limit. */
  constructor(options: ResolvedOptions, adapter: Adapter, wake: () => void) {
    this.#frames = options.maxFrameRate || UNLIMITED;
    this.#bytes = options.maxByteRate || UNLIMITED;
    this.waiting = new Deadlines(adapter, WAIT, wake);
  }

  /** Whether the connection may be read from now. When not, it is among the {@link waiting}. */
  allows(connection: Connection, now: number): boolean {
    if (this.waiting.has(connection.token)) return false;
    const credit = this.#credits.get(connection);
    if (credit === undefined) {
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

  /** So much was read from the connection. */
  spend(connection: Connection, frames: number, bytes: number): void {
    const credit = this.#credits.get(connection);
    if (credit === undefined) return;
    credit.frames -= frames;
    credit.bytes -= bytes;
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    this.waiting.clear(connection.token);
    this.#credits.delete(connection);
  }
}
