/**
 * A shared answer: what asks at the same time gets the same, so that many who ask cost no more than one.
 *
 * @module
 */

/** Asks once at a time. What comes while a question is under way is answered by the next, since it may know of later things. */
export class SharedAnswer<Answer> {
  readonly #ask: () => Promise<Answer>;
  #current: Promise<Answer> | undefined;
  #next: Promise<Answer> | undefined;

  /** `ask` asks. */
  constructor(ask: () => Promise<Answer>) {
    this.#ask = ask;
  }

  /** An answer to a question that begins now or later. */
  get(): Promise<Answer> {
    if (this.#current === undefined) return this.#start();
    return this.#next ??= this.#current.then(() => this.#start(), () => this.#start());
  }

  #start(): Promise<Answer> {
    this.#next = undefined;
    const asking = this.#ask().finally(() => {
      if (this.#current === asking) this.#current = undefined;
    });
    return this.#current = asking;
  }
}
