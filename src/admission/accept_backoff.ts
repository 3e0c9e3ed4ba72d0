/**
 * The accept backoff: how long a listener waits after a failed accept.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import { logger } from "../logger.ts";

/** The first wait, in milliseconds; each further wait is twice as long. */
const FIRST_WAIT = 10;

/** The longest wait, in milliseconds: a listener accepts again at most that long after descriptors are free. */
const LONGEST_WAIT = 1000;

/** Errors of one incoming connection that went away before it was accepted; the next connection may be fine. */
const CONNECTION_GONE: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "ECONNRESET",
  "ENOTCONN",
  "EPROTO",
]);

/** Counts failed accepts, and says when to try again. A series of failures is one log line and growing waits. */
export class AcceptBackoff {
  /** Accepts that have failed. */
  failures = 0;
  readonly #adapter: Pick<Adapter, "after">;
  /** The last wait of this series of failures; 0 when there is none. */
  #wait = 0;
  /** Functions that end the waits under way. */
  readonly #waiting: Set<() => void> = new Set();

  /** Makes a backoff with the adapter's timers. */
  constructor(adapter: Pick<Adapter, "after">) {
    this.#adapter = adapter;
  }

  /** An accept failed. Resolves when it is time to try again. */
  failed(error: Error): Promise<void> {
    this.failures++;
    const code = (error as { code?: string }).code ?? error.name;
    if (CONNECTION_GONE.has(code)) {
      logger.debug("Cannot accept a connection that is gone already: {code}", { code });
      return Promise.resolve();
    }
    if (this.#wait === 0) logger.error("Cannot accept connections: {code}, trying again", { code, error });
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

  /** A connection is gone and its descriptor may be free: ends the waits. */
  tryNow(): void {
    if (this.#waiting.size === 0) return;
    // The descriptor may take a moment to be free, so the waits start anew and the series goes on.
    this.#wait = FIRST_WAIT;
    for (const end of [...this.#waiting]) end();
  }

  /** An accept succeeded: the series of failures is over. */
  succeeded(): void {
    if (this.#wait === 0) return;
    this.#wait = 0;
    logger.info("Accepting connections again");
  }
}
