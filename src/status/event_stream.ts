/**
 * The event stream: what happens in a mob, for each loop that iterates it.
 *
 * @module
 */

import { Queue } from "../contract/queue.ts";
import type { MobEvent } from "./events.ts";

/** How many events wait for a loop. When more come, the oldest are dropped. */
const MOST = 1024;

/** Hands each event to every subscription. */
export class EventStream {
  readonly #now: () => number;
  readonly #subscriptions: Set<Subscription> = new Set();
  #ended = false;

  /** Without subscriptions. `now` is the clock of the events. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether there is a subscription: an event without one need not be made. */
  get watched(): boolean {
    return this.#subscriptions.size > 0;
  }

  /** Subscribes to what happens from now on. `return()` of the iterator ends it. */
  subscribe(): AsyncIterableIterator<MobEvent> {
    const subscription = new Subscription(this.#now, () => this.#subscriptions.delete(subscription));
    if (this.#ended) subscription.end();
    else this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Something happened. */
  emit(event: MobEvent): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
  }

  /** Nothing happens any more: each subscription ends after its last event. */
  end(): void {
    this.#ended = true;
    for (const subscription of this.#subscriptions) subscription.end();
    this.#subscriptions.clear();
  }
}

type Result = IteratorResult<MobEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

/** The events that one loop has not taken. */
class Subscription implements AsyncIterableIterator<MobEvent, undefined> {
  readonly #now: () => number;
  readonly #stop: () => void;
  readonly #events: Queue<MobEvent> = new Queue();
  /** Calls of `next` that wait. While there is one, no event does. */
  readonly #waiting: Queue<(result: Result) => void> = new Queue();
  /** Events that were dropped before those that wait. */
  #dropped = 0;
  #ended = false;

  constructor(now: () => number, stop: () => void) {
    this.#now = now;
    this.#stop = stop;
  }

  push(event: MobEvent): void {
    const take = this.#waiting.shift();
    if (take) return take({ done: false, value: event });
    if (this.#events.length === MOST) {
      this.#events.shift();
      this.#dropped++;
    }
    this.#events.push(event);
  }

  end(): void {
    this.#ended = true;
    for (let take = this.#waiting.shift(); take; take = this.#waiting.shift()) take(DONE);
  }

  next(): Promise<Result> {
    const event = this.#take();
    if (event) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<Result> {
    this.#stop();
    this.#events.clear();
    this.#dropped = 0;
    this.end();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): MobEvent | undefined {
    if (this.#dropped === 0) return this.#events.shift();
    const count = this.#dropped;
    this.#dropped = 0;
    return { type: "dropped", at: this.#now(), count };
  }
}
