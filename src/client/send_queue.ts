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
  /** What it counts for in {@link SendQueue.bytes}. */
  readonly bytes: number;
  /** Stops listening to the signal. */
  readonly ignoreSignal: (() => void) | undefined;
}

/**
 * A queue whose callers wait for a promise and may give up. It is a set, since leaving an array moves everything behind,
 * and any number of calls may wait.
 */
export class SendQueue<Item> {
  readonly #calls: Set<Waiting<Item>> = new Set();
  /** Where the queue begins: a new iterator would pass all places of calls that have left. */
  #from: Iterator<Waiting<Item>> = this.#calls.values();

  /** Bytes of the messages of the calls that wait. */
  bytes = 0;

  /** How many calls wait. */
  get length(): number {
    return this.#calls.size;
  }

  /** Waits at the end of the queue. Rejects with the signal's reason when it aborts; it must not have aborted yet. */
  wait(item: Item, signal: AbortSignal | undefined, bytes = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      const ignoreSignal = signal && onAbort(signal, () => {
        this.#remove(call);
        reject(signal.reason);
      });
      const call: Waiting<Item> = { item, resolve, reject, bytes, ignoreSignal };
      this.#calls.add(call);
      this.bytes += bytes;
    });
  }

  /** Resolves the promise of the first call and returns its item. There must be one. */
  next(): Item {
    const { item, resolve } = this.#shift();
    resolve();
    return item;
  }

  /** Rejects every promise. */
  fail(error: Error): void {
    while (this.length > 0) this.#shift().reject(error);
  }

  #shift(): Waiting<Item> {
    let { value } = this.#from.next();
    // An iterator that has come to the end stays there.
    if (value === undefined) value = (this.#from = this.#calls.values()).next().value;
    this.#remove(value);
    value.ignoreSignal?.();
    return value;
  }

  #remove(call: Waiting<Item>): void {
    this.#calls.delete(call);
    this.bytes -= call.bytes;
  }
}
