/**
 * Poll: collects readiness between ticks and hands it over as one batch.
 *
 * @module
 */

import type { Adapter, Readiness } from "../contract/adapter.ts";
import type { Token } from "../contract/token.ts";

/**
 * Turns the callbacks of a runtime into ticks: one deferred call gets all events, each token once, in the order in which
 * the tokens first became ready.
 *
 * A token that becomes ready while a tick runs is for the next tick, so no tick goes on for ever.
 *
 * @example
 * ```ts
 * import { Poll, READABLE, tokenOf } from "mobcast/core";
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
  /** The events collected now, and those being handled. The two maps take turns: a tick allocates none. */
  #collecting: Map<Token, Readiness> = new Map();
  #handling: Map<Token, Readiness> = new Map();
  #armed = false;
  readonly #run = (): void => this.#deliver();

  /** Makes a poll that delivers batches to `tick`, when the adapter's `defer` says so. */
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
