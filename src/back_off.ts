/**
 * Back-off: how long a door waits after an accept that failed.
 *
 * @module
 */

import { logger } from "./logger.ts";

/** The first wait, in milliseconds; each further one is twice as long. */
const FIRST_WAIT = 10;

/** The longest wait, in milliseconds: so long after descriptors are free again a door can still be closed. */
const LONGEST_WAIT = 1000;

/** Errors that say the newcomer went away before it was accepted: its trouble alone, and the next one may be waiting. */
const NEWCOMERS_TROUBLE: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "ECONNRESET",
  "ENOTCONN",
  "EPROTO",
  "NotConnected",
  "ConnectionAborted",
  "ConnectionReset",
]);

/** Counts failed accepts, and says what to do about them: one log line and growing waits for each episode. */
export class AcceptBackOff {
  /** Accepts that failed, ever. */
  failures = 0;
  #wait = 0;

  /** An accept failed. Returns how many milliseconds to wait before the next one. */
  failed(error: Error): number {
    this.failures++;
    const code = (error as { code?: string }).code ?? error.name;
    if (NEWCOMERS_TROUBLE.has(code)) {
      logger.debug("Cannot accept a connection that is gone already: {code}", { code });
      return 0;
    }
    if (this.#wait === 0) logger.warning("Cannot accept connections: {code}, trying again", { code, error });
    this.#wait = Math.min(LONGEST_WAIT, this.#wait === 0 ? FIRST_WAIT : 2 * this.#wait);
    return this.#wait;
  }

  /** An accept succeeded: the episode is over. */
  succeeded(): void {
    if (this.#wait === 0) return;
    this.#wait = 0;
    logger.info("Accepting connections again");
  }
}
