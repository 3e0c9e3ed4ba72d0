/**
 * The message reader: hands messages to iterators that may have to wait, first come, first served.
 *
 * @module
 */

/** A message: bytes in a buffer of their own. */
export type Message = Uint8Array<ArrayBuffer>;

/** Where messages come from. */
export interface MessageSource {
  /** The next message; `undefined` when there is none now. */
  take(): Message | undefined;
  /** Whether there will be no further message. Throws the error that ended it. */
  isOver(): boolean;
}

type Result<Item> = IteratorResult<Item, void>;

/** Looks for a message for one call of `next()`. Returns whether the call is settled. */
type Look = () => boolean;

/** One reader for all iterators of a client: each message goes to one of them. */
export class MessageReader {
  readonly #source: MessageSource;
  /** Calls of `next()` that wait, in order. */
  readonly #waiting: Set<Look> = new Set();

  /** A reader of `source`, which calls {@link wake} when it has more, or is over. */
  constructor(source: MessageSource) {
    this.#source = source;
  }

  /** Settles the calls that wait, as far as there are messages. */
  wake(): void {
    for (const look of this.#waiting) {
      if (!look()) return;
      this.#waiting.delete(look);
    }
  }

  /** Iterates over the messages, each turned into an item. */
  iterate<Item>(itemOf: (message: Message) => Item): AsyncGenerator<Item, void, void> {
    return new MessageIterator(this.#source, this.#waiting, itemOf);
  }
}

/** No generator: the `return()` of a generator waits for its `next()`, which may wait forever. */
class MessageIterator<Item> implements AsyncGenerator<Item, void, void> {
  readonly #source: MessageSource;
  readonly #waiting: Set<Look>;
  readonly #itemOf: (message: Message) => Item;
  /** What ends each call of this iterator that waits. */
  readonly #own: Map<Look, () => void> = new Map();
  #done = false;

  constructor(source: MessageSource, waiting: Set<Look>, itemOf: (message: Message) => Item) {
    this.#source = source;
    this.#waiting = waiting;
    this.#itemOf = itemOf;
  }

  next(): Promise<Result<Item>> {
    return new Promise((resolve, reject) => {
      const end = (): void => resolve({ done: true, value: undefined });
      if (this.#done) return end();
      const look = (): boolean => {
        try {
          const message = this.#source.take();
          if (message) resolve({ done: false, value: this.#itemOf(message) });
          else if (this.#source.isOver()) end();
          else return false;
        } catch (error) {
          reject(error);
        }
        this.#own.delete(look);
        return true;
      };
      if (this.#waiting.size === 0 && look()) return;
      this.#own.set(look, end);
      this.#waiting.add(look);
    });
  }

  return(): Promise<Result<Item>> {
    this.#done = true;
    for (const [look, end] of this.#own) {
      this.#waiting.delete(look);
      end();
    }
    this.#own.clear();
    return this.next();
  }

  async throw(error: unknown): Promise<Result<Item>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
