/** An engine in memory that stores each message at once, and loses nothing unless it is told to. */

import type { BusStream, StreamPosition, StreamReader } from "../../src/contract/bus_stream.ts";

/** One stream for all. */
export class PlainEngine {
  /** The messages, from sequence 1 on. */
  readonly messages: Uint8Array[] = [];
  /** The sequence of the first message that it still has. */
  first = 1;
  /** The next messages are gone for this reader, so many of them. */
  readonly skips: Map<PlainStream, number> = new Map();
  readonly streams: PlainStream[] = [];
  /** Names its life. */
  readonly life: string;

  constructor(life = "one") {
    this.life = life;
  }

  /** A reader. */
  stream(): PlainStream {
    const stream = new PlainStream(this);
    this.streams.push(stream);
    return stream;
  }

  /** A message comes last. */
  put(message: Uint8Array): number {
    const sequence = this.messages.push(message);
    for (const stream of this.streams) stream.give(sequence, message);
    return sequence;
  }
}

/** One mob's stream. */
export class PlainStream implements BusStream {
  readonly name = "plain";
  maxMessage = 300;
  /** Whether what was there before comes later than the answer of `open`. */
  isLate = false;
  readonly #engine: PlainEngine;
  #reader: StreamReader | undefined;

  constructor(engine: PlainEngine) {
    this.#engine = engine;
  }

  open(reader: StreamReader, _terms: unknown, history: number): Promise<StreamPosition> {
    const { messages, first, life } = this.#engine;
    this.#reader = reader;
    let sequence = messages.length;
    // With what lies around frames in messages.
    for (let left = 2 * history; sequence >= first && left > 0; sequence--) left -= messages[sequence - 1]!.length;
    const past = messages.slice(sequence);
    const give = (): void => past.forEach((message, at) => reader.message(sequence + at + 1, message));
    if (!this.isLate) give();
    else setTimeout(give, 20);
    return Promise.resolve({ sequence, epoch: life, ...(this.isLate && { last: messages.length }) });
  }

  /** The next messages are gone for this reader alone. */
  skip(count: number): void {
    this.#engine.skips.set(this, count);
  }

  give(sequence: number, message: Uint8Array): void {
    const skips = this.#engine.skips.get(this) ?? 0;
    if (skips > 0) {
      this.#engine.skips.set(this, skips - 1);
      this.#reader?.missed(sequence, sequence + 1);
    } else this.#reader?.message(sequence, message);
  }

  append(message: Uint8Array): Promise<number> {
    return Promise.resolve(this.#engine.put(message.slice()));
  }

  pause(): void {}
  resume(): void {}
  close(): Promise<void> {
    this.#reader = undefined;
    return Promise.resolve();
  }
}
