/**
 * What was read of a stream: up to where, how some of its messages began, and when it was made. By that it is known again.
 *
 * @module
 */

import type { StreamInfo } from "@nats-io/jetstream";
import { equalBytes } from "../../src/bytes.ts";

/** How many bytes of a message tell it from another at its place. */
const MARK = 64;

/** A message that came. */
interface Mark {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** What was read. */
export class Reading {
  /** The sequence of the last message that came, or was missed. */
  sequence = 0;
  /** Behind which message it began. */
  #opened = 0;
  #created = "";
  /** The first message since it began, or went on after something had happened to the servers; and the last one. */
  #first: Mark | undefined;
  #last: Mark | undefined;

  /** It begins behind a message. */
  open({ created }: StreamInfo, sequence: number): void {
    this.#created = created;
    this.#opened = this.sequence = sequence;
  }

  /** It goes on with another consumer. */
  goOn(): void {
    this.#first = undefined;
  }

  /** A message has come. */
  take(sequence: number, bytes: Uint8Array): void {
    this.sequence = sequence;
    this.#last = { sequence, bytes: markOf(bytes) };
    this.#first ??= this.#last;
  }

  /** All before a message is missed. */
  skip(to: number): void {
    this.sequence = to - 1;
    this.#last = undefined;
  }

  /** It begins anew, in a stream that is another one. */
  restart({ created, state }: StreamInfo): void {
    const { first_seq: first, last_seq: last } = state;
    // What a stream that has lost its end had before this mob joined is of mobs that it may not know.
    if (created !== this.#created) this.#opened = 0;
    this.#created = created;
    this.#first = this.#last = undefined;
    this.sequence = Math.max(0, first - 1, Math.min(this.#opened, last));
  }

  /** Whether the stream was made anew. */
  isAnother({ created }: StreamInfo): boolean {
    return created !== this.#created;
  }

  /**
   * What a stream has differs from what was read, up to `sequence`: why, for people. `undefined`: it does not. `get` asks for
   * a message of the stream, which may be gone.
   */
  async difference(
    info: StreamInfo,
    get: (sequence: number) => Promise<{ readonly data: Uint8Array } | null>,
    sequence: number = this.sequence,
  ): Promise<string | undefined> {
    const { first_seq: first, last_seq: last } = info.state;
    if (this.isAnother(info)) return "the stream was made anew";
    if (last < sequence) return `the stream has lost its end, from message ${last + 1} to ${sequence}`;
    for (const mark of new Set([this.#first, this.#last])) {
      if (!mark || mark.sequence < first) continue;
      const message = await get(mark.sequence);
      if (message && !equalBytes(markOf(message.data), mark.bytes)) {
        return `message ${mark.sequence} of the stream is another one now`;
      }
    }
    return undefined;
  }
}

/** Where to begin, for so many bytes of messages: the sequence before the first of them. */
export function startOf({ state }: StreamInfo, history: number): number {
  const { bytes, first_seq: first, last_seq: last, messages } = state;
  if (history === 0 || messages === 0) return last;
  // Servers say how large all messages are together. Twice as many as that asks for, since the last ones may be small.
  const count = Math.ceil(2 * history / (bytes / messages));
  return Math.max(first - 1, last - count, 0);
}

function markOf(bytes: Uint8Array): Uint8Array {
  // A copy: `slice` of a Buffer is none.
  return new Uint8Array(bytes.subarray(0, MARK));
}
