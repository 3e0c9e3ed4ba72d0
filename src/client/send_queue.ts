/**
 * The waiting line: those who wait for their turn, first come, first served.
 *
 * @module
 */

import { onAbort } from "../contract/abort.ts";

/** One who waits, and with what. */
interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Takes back what was to be done when the signal aborts. */
  ignoreSignal: (() => void) | undefined;
  before: Waiting<Item> | undefined;
  behind: Waiting<Item> | undefined;
}

/**
 * A queue whose members wait for a promise, and may give up. It is a linked list: in an array each that goes makes all
 * behind it move, and as many may wait as an application likes.
 */
export class SendQueue<Item> {
  #first: Waiting<Item> | undefined;
  #last: Waiting<Item> | undefined;
  #length = 0;

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** Waits at the end of the line. Rejects with the signal's reason when it aborts first; it has not aborted yet. */
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

  /** It is the first one's tick: its promise resolves, and what it waited with is returned. There must be one. */
  next(): Item {
    const first = this.#first!;
    this.#leave(first);
    first.ignoreSignal?.();
    first.resolve();
    return first.item;
  }

  /** Nobody's tick will come. */
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
    // One that has left and is kept for its promise must not keep the others.
    waiting.before = waiting.behind = undefined;
    this.#length--;
  }
}
