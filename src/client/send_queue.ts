/**
 * The send queue: calls that wait for their turn, first come, first served.
 *
 * @module
 */

import { onAbort } from "../contract/abort.ts";

/** One call that waits, and its item. */
interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Stops listening to the signal. */
  ignoreSignal: (() => void) | undefined;
  before: Waiting<Item> | undefined;
  behind: Waiting<Item> | undefined;
}

/**
 * A queue whose callers wait for a promise and may give up. It is a linked list, since leaving an array moves everything
 * behind, and any number of calls may wait.
 */
export class SendQueue<Item> {
  #first: Waiting<Item> | undefined;
  #last: Waiting<Item> | undefined;
  #length = 0;

  /** How many calls wait. */
  get length(): number {
    return this.#length;
  }

  /** Waits at the end of the queue. Rejects with the signal's reason when it aborts; it must not have aborted yet. */
  wait(item: Item, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const before = this.#last;
      const waiting: Waiting<Item> = { item, resolve, reject, ignoreSignal: undefined, before, behind: undefined };
      if (before === undefined) this.#first = waiting;
      else before.behind = waiting;
      this.#last = waiting;
      this.#length++;
      if (signal === undefined) return;
      waiting.ignoreSignal = onAbort(signal, () => {
        this.#leave(waiting);
        reject(signal.reason);
      });
    });
  }

  /** Resolves the promise of the first call and returns its item. There must be one. */
  next(): Item {
    const first = this.#first!;
    this.#leave(first);
    first.ignoreSignal?.();
    first.resolve();
    return first.item;
  }

  /** Rejects every promise. */
  fail(error: Error): void {
    while (this.#first !== undefined) {
      const first = this.#first;
      this.#leave(first);
      first.ignoreSignal?.();
      first.reject(error);
    }
  }

  #leave(waiting: Waiting<Item>): void {
    const { before, behind } = waiting;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    // A call that has left may be kept by its promise, and must not keep the others.
    waiting.before = waiting.behind = undefined;
    this.#length--;
  }
}
