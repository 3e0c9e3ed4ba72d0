/**
 * The message queue: messages between the client that receives them and the application that takes them.
 *
 * @module
 */

import { ChunkQueue } from "../contract/chunk_queue.ts";
import type { Framing } from "../framing/framing.ts";
import type { Message } from "./message_reader.ts";
import { concatenate } from "../framing/receive_buffer.ts";

/** Payloads from this many bytes on wait by themselves: the queue of chunks copies none of them. */
const LARGE = 1024;

/**
 * A queue of messages that the application may wait for. Frames wait as they came, many in one chunk, and become messages
 * when they are taken: a message of one byte costs its frame, not an object.
 */
export class MessageQueue {
  readonly #framing: Framing;
  readonly #maxFrame: number;
  /** Chunks of whole frames, and large payloads. */
  readonly #chunks: ChunkQueue = new ChunkQueue(1, true);
  /** The chunks that are payloads. */
  readonly #payloads: Set<Uint8Array> = new Set();
  /** Where the next frame begins in the first chunk. */
  #at = 0;

  /** An empty queue of frames in `framing`, none of them with a payload over `maxFrame`. */
  constructor(framing: Framing, maxFrame: number) {
    this.#framing = framing;
    this.#maxFrame = maxFrame;
  }

  /** Bytes that the messages that wait hold, overhead and pinned buffers included. */
  get bytes(): number {
    return this.#chunks.retainedBytes;
  }

  /** Adds `count` whole frames, which lie in a chunk that does not change. */
  push(chunk: Uint8Array, start: number, end: number, count: number): void {
    const { header, trailer } = this.#framing;
    if (count > 1 || !this.#isAlone(end - start)) this.#chunks.push(chunk.subarray(start, end));
    else this.#pushPayload(chunk.slice(start + header, end - trailer));
  }

  /** Adds a frame of `length` bytes that came in pieces: its header is in the first, its trailer in the last. */
  pushPieces(pieces: readonly Uint8Array[], length: number): void {
    if (!this.#isAlone(length)) return this.#chunks.push(concatenate(pieces, length));
    const { header, trailer } = this.#framing;
    const parts = [...pieces];
    const last = parts.length - 1;
    parts[0] = parts[0]!.subarray(header);
    parts[last] = parts[last]!.subarray(0, parts[last]!.length - trailer);
    this.#pushPayload(concatenate(parts, length - header - trailer));
  }

  /** The next message, or `undefined` when there is none. It is a copy: to keep it does not keep the rest of a chunk. */
  take(): Message | undefined {
    const chunk = this.#chunks.first;
    if (!chunk) return undefined;
    if (this.#payloads.size > 0 && this.#payloads.delete(chunk)) return this.#chunks.shift() as Message;
    const { header, trailer } = this.#framing;
    const start = this.#at;
    const end = this.#framing.end(chunk, start, chunk.length, this.#maxFrame);
    this.#at = end;
    if (end === chunk.length) {
      this.#at = 0;
      this.#chunks.shift();
    }
    return chunk.slice(start + header, end - trailer) as Message;
  }

  /** Drops all messages. */
  clear(): void {
    this.#chunks.clear();
    this.#payloads.clear();
    this.#at = 0;
  }

  /** Whether a frame of so many bytes is large, or the only one: it waits as a payload, and is not copied again. */
  #isAlone(size: number): boolean {
    const { header, trailer } = this.#framing;
    return this.#chunks.length === 0 || size - header - trailer >= LARGE;
  }

  #pushPayload(payload: Uint8Array): void {
    this.#payloads.add(payload);
    this.#chunks.push(payload, true);
  }
}
