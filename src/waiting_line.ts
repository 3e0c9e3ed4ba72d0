/**
 * The waiting line: those who wait for their turn, first come, first served.
 *
 * @module
 */

/** One who waits, and with what. */
interface Waiting<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A queue whose members wait for a promise, and may give up. */
export class WaitingLine<Item> {
  readonly #line: Waiting<Item>[] = [];

  /** How many wait. */
  get length(): number {
    return this.#line.length;
  }

  /** Waits at the end of the line. Rejects with the signal's reason when it aborts first. */
  wait(item: Item, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#line.splice(this.#line.indexOf(waiting), 1);
        reject(signal?.reason);
      };
      const settled = (): void => signal?.removeEventListener("abort", abort);
      const waiting: Waiting<Item> = {
        item,
        resolve: () => (settled(), resolve()),
        reject: (error) => (settled(), reject(error)),
      };
      this.#line.push(waiting);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** It is the first one's turn: its promise resolves, and what it waited with is returned. There must be one. */
  next(): Item {
    const { item, resolve } = this.#line.shift()!;
    resolve();
    return item;
  }

  /** Nobody's turn will come. */
  fail(error: Error): void {
    for (const { reject } of this.#line.splice(0)) reject(error);
  }
}
