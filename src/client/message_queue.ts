/**
 * The message queue: messages between the client that receives them and the application that takes them.
 *
 * @module
 */

/** A queue of messages that somebody may be waiting for. */
export class MessageQueue {
  #messages: Uint8Array[] = [];
  /** The next message in the list; those before it were taken. */
  #next = 0;
  #bytes = 0;
  #waiting: (() => void)[] = [];

  /** Bytes of the messages that nobody took yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a message. Those who wait are told by {@link wake}, once for many messages. */
  push(message: Uint8Array): void {
    this.#messages.push(message);
    this.#bytes += message.length;
  }

  /** The next message, or `undefined` when there is none. */
  take(): Uint8Array | undefined {
    const message = this.#messages[this.#next];
    if (message === undefined) return undefined;
    this.#next++;
    this.#bytes -= message.length;
    if (this.#next === this.#messages.length) this.clear();
    return message;
  }

  /** Forgets what nobody took. */
  clear(): void {
    this.#messages = [];
    this.#next = this.#bytes = 0;
  }

  /** Resolves at the next {@link wake}: look then whether there is something. */
  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Lets all who wait look for themselves at what has changed. */
  wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }
}
