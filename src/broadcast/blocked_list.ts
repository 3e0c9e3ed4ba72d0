/**
 * The blocked list: the connections of a feed that wait for WRITABLE, and what follows from how far behind they are.
 *
 * @module
 */

import type { FeedEvents } from "./feed_events.ts";
import { LagHeap } from "./lag_heap.ts";
import type { BroadcastOptions } from "./options.ts";
import type { Subscriber } from "./subscriber.ts";

/** Finds the furthest behind, tells once of each that passes half of `maxLag`, and holds all others (`block`). */
export class BlockedList<Member extends Subscriber> {
  /** Whether one connection is so far behind that none may be read from (`block`). */
  backpressure = false;
  readonly #options: BroadcastOptions;
  readonly #events: FeedEvents<Member>;
  /** Those within half of `maxLag` when they were looked at, and those beyond. */
  readonly #near: LagHeap<Member> = new LagHeap();
  readonly #far: LagHeap<Member> = new LagHeap();
  /** The connection that was told to hold all others; `undefined`: none does. */
  #holder: Member | undefined;

  /** An empty list. */
  constructor(options: BroadcastOptions, events: FeedEvents<Member>) {
    this.#options = options;
    this.#events = events;
  }

  /** The connection that is furthest behind; `undefined` when none is blocked. */
  get first(): Member | undefined {
    const far = this.#far.first;
    const near = this.#near.first;
    return !far || (near && near.cursor < far.cursor) ? near : far;
  }

  /** Adds a connection that is not in the list. `end` is the end of the log. */
  add(connection: Member, end: number): void {
    this.#near.add(connection);
    // Well under the half: one that stays around it is told of once.
    if (connection.slow && end - connection.cursor <= this.#options.maxLag / 4) connection.slow = false;
  }

  /** Removes a connection; does nothing when it is not in the list. */
  remove(connection: Member): void {
    this.#near.remove(connection);
    this.#far.remove(connection);
  }

  /** Tells of the connections that have passed half of `maxLag`, and looks at no others. */
  watch(end: number): void {
    const half = this.#options.maxLag / 2;
    for (let first = this.#near.first; first && end - first.cursor > half; first = this.#near.first) {
      this.#near.remove(first);
      this.#far.add(first);
      this.tellSlow(first);
    }
  }

  /** A connection has passed half of `maxLag`: tells of it, once. What is pending for a leaving one does not grow. */
  tellSlow(connection: Member): void {
    if (connection.slow || connection.until !== Infinity) return;
    connection.slow = true;
    this.#events.slow(connection);
  }

  /** Sets or ends the back-pressure (`block`), at the end of a tick. */
  settle(end: number): void {
    const { slowConsumer, maxLag } = this.#options;
    if (slowConsumer !== "block") return;
    const { first } = this;
    // What goes before control frames is pending, too.
    const worst = first ? end - first.cursor + (first.remainder?.length ?? 0) : 0;
    this.backpressure = this.backpressure ? worst > maxLag / 2 : worst > maxLag;
    if (!this.backpressure) this.#holder = undefined;
    else if (!this.#holder || this.#holder.heapIndex === -1) this.#events.heldBack(this.#holder = first!);
  }
}
