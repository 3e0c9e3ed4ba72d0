/**
 * Poll: collects readiness between ticks and hands it over as one batch.
 *
 * @module
 */

import type { Adapter, Readiness } from "../contract/adapter.ts";
import type { Token } from "../contract/token.ts";

/**
 * Ticks the callbacks of a runtime into ticks: however many events come for however many tokens, one deferred call
 * gets them all, each token once, in the order in which they first became ready.
 *
 * What becomes ready while a tick runs is for the next tick, so no tick can go on for ever.
 *
 * @example
 * ```ts
 * import { Poll, READABLE, tokenOf } from "mobcast";
 * import { memoryAdapter } from "mobcast/memory";
 *
 * const poll = new Poll(memoryAdapter(), (events) => {
 *   for (const [token, readiness] of events) console.log(token, readiness);
 * });
 * poll.ready(tokenOf(0, 1), READABLE);
 * ```
 */
export class Poll {
  readonly #adapter: Adapter;
  readonly #tick: (events: ReadonlyMap<Token, Readiness>) => void;
  /** Collects now; the other one is being handled, or empty. Two maps for ever: a tick allocates none. */
  #collecting: Map<Token, Readiness> = new Map();
  #handling: Map<Token, Readiness> = new Map();
  #armed = false;
  readonly #run = (): void => this.#deliver();

  /** Delivers batches to `tick`, at the moments that the adapter's `defer` chooses. */
  constructor(adapter: Adapter, tick: (events: ReadonlyMap<Token, Readiness>) => void) {
    this.#adapter = adapter;
    this.#tick = tick;
  }

  /** Records that a token is ready. */
  ready(token: Token, readiness: Readiness): void {
    this.#collecting.set(token, (this.#collecting.get(token) ?? 0) | readiness);
    this.wake();
  }

  /** Asks for a tick, even one without events. Asking again before it runs changes nothing. */
  wake(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#adapter.defer(this.#run);
  }

  #deliver(): void {
    const events = this.#collecting;
    this.#collecting = this.#handling;
    this.#handling = events;
    // Disarmed before the tick runs: what the tick makes ready arms the next one.
    this.#armed = false;
    try {
      this.#tick(events);
    } finally {
      events.clear();
    }
  }
}
