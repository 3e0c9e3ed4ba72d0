/**
 * Back-off: how long a listener waits after an accept that failed.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import { logger } from "../logger.ts";

/** The first wait, in milliseconds; each further one is twice as long. */
const FIRST_WAIT = 10;

/** The longest wait, in milliseconds: so long after descriptors are free again a listener can still be closed. */
const LONGEST_WAIT = 1000;

/** Errors that say the incoming connection went away before it was accepted: its trouble alone, and the next one may be waiting. */
const ADMISSION_TROUBLE: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "ECONNRESET",
  "ENOTCONN",
  "EPROTO",
  "NotConnected",
  "ConnectionAborted",
  "ConnectionReset",
]);

/** Counts failed accepts, and says when to try again: one log line and growing waits for each episode. */
export class AcceptBackoff {
  /** Accepts that failed, ever. */
  failures = 0;
  readonly #adapter: Pick<Adapter, "after">;
  /** The last wait of this episode; 0 when there is none. */
  #wait = 0;
  /** What ends the waits that are under way. */
  readonly #waiting: Set<() => void> = new Set();

  /** A back-off with the adapter's timers. */
  constructor(adapter: Pick<Adapter, "after">) {
    this.#adapter = adapter;
  }

  /** An accept failed. Resolves when it is time for the next one. */
  failed(error: Error): Promise<void> {
    this.failures++;
    const code = (error as { code?: string }).code ?? error.name;
    if (ADMISSION_TROUBLE.has(code)) {
      logger.debug("Cannot accept a connection that is gone already: {code}", { code });
      return Promise.resolve();
    }
    if (this.#wait === 0) logger.warning("Cannot accept connections: {code}, trying again", { code, error });
    this.#wait = Math.min(LONGEST_WAIT, this.#wait === 0 ? FIRST_WAIT : 2 * this.#wait);
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#waiting.delete(end);
        resolve();
      };
      const cancel = this.#adapter.after(this.#wait, end);
      this.#waiting.add(end);
    });
  }

  /** A connection has gone, and its descriptor with it: that may have been what was missing. */
  tryNow(): void {
    if (this.#waiting.size === 0) return;
    // The descriptor may take a moment to be free: the waits start anew, the episode goes on.
    this.#wait = FIRST_WAIT;
    for (const end of [...this.#waiting]) end();
  }

  /** An accept succeeded: the episode is over. */
  succeeded(): void {
    if (this.#wait === 0) return;
    this.#wait = 0;
    logger.info("Accepting connections again");
  }
}
