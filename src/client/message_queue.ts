/**
 * The message queue: messages between the client that receives them and the application that takes them.
 *
 * @module
 */

import { Queue } from "../contract/queue.ts";
import type { Framing } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";

/** Frames below this many bytes are copied together when they have to wait: each alone costs some 300 bytes more. */
const SMALL = 1024;

/** Bytes of a block of small frames. */
const BLOCK = 4 * 1024;

/** Bytes that an entry costs beside those it holds, on the three runtimes 150 to 500. */
const ENTRY_COST = 256;

/** A part of the queue: frames back to back, or one payload. */
interface Entry {
  bytes: Uint8Array;
  /** Where the next frame begins; -1: `bytes` is a payload. */
  at: number;
  /** Where the frames end. */
  end: number;
  /** What it counts for. */
  cost: number;
}

/**
 * A queue of messages that the application may wait for. Frames wait as they came, many in one entry, and become messages
 * when they are taken: a message of one byte costs its frame, not an object.
 */
export class MessageQueue {
  readonly #framing: Framing;
  readonly #maxFrame: number;
  readonly #entries: Queue<Entry> = new Queue();
  /** The last entry, while it is a block that takes small frames. */
  #block: Entry | undefined;
  #bytes = 0;
  #waiting: (() => void)[] = [];

  /** An empty queue of frames in `framing`, none of them with a payload over `maxFrame`. */
  constructor(framing: Framing, maxFrame: number) {
    this.#framing = framing;
    this.#maxFrame = maxFrame;
  }

  /** Bytes that the messages nobody took yet hold, overhead and pinned buffers included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds `count` whole frames, which lie in a chunk that does not change. {@link wake} tells of them, once for many. */
  push(chunk: Uint8Array, start: number, end: number, count: number): void {
    const size = end - start;
    const { header, trailer } = this.#framing;
    if (size < SMALL && this.#entries.length > 0) this.#append(chunk, start, end);
    else if (count === 1) this.#add(chunk.slice(start + header, end - trailer), -1, 0);
    // A large part of its buffer is kept as it is, a small one would pin the rest.
    else if (2 * size >= chunk.buffer.byteLength) this.#add(chunk, start, end);
    else this.#add(chunk.slice(start, end), 0, size);
  }

  /** Adds a frame of `length` bytes that came in pieces. */
  pushPieces(pieces: readonly Uint8Array[], length: number): void {
    const { header, trailer } = this.#framing;
    const frame = concatenate(pieces, length);
    if (length < SMALL) this.push(frame, 0, length, 1);
    else this.#add(frame.subarray(header, length - trailer), -1, 0);
  }

  /** The next message, or `undefined` when there is none. It is a copy: to keep it does not keep the rest of a chunk. */
  take(): Uint8Array | undefined {
    const entry = this.#entries.first;
    if (entry === undefined) return undefined;
    if (entry.at === -1) {
      this.#drop(entry);
      return entry.bytes;
    }
    const { header, trailer } = this.#framing;
    const start = entry.at;
    entry.at = this.#framing.end(entry.bytes, start, entry.end, this.#maxFrame);
    const message = entry.bytes.slice(start + header, entry.at - trailer);
    if (entry.at === entry.end) this.#drop(entry);
    return message;
  }

  /** Drops all messages. */
  clear(): void {
    this.#entries.clear();
    this.#block = undefined;
    this.#bytes = 0;
  }

  /** Resolves at the next {@link wake}, when there may be a message. */
  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Resolves every {@link wait}. */
  wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }

  #add(bytes: Uint8Array, at: number, end: number): Entry {
    this.#closeBlock();
    const entry = { bytes, at, end, cost: bytes.buffer.byteLength + ENTRY_COST };
    this.#entries.push(entry);
    this.#bytes += entry.cost;
    return entry;
  }

  /** Adds small frames to the block, or begins one with them. */
  #append(chunk: Uint8Array, start: number, end: number): void {
    if (this.#block === undefined || this.#block.end + end - start > BLOCK) {
      this.#block = this.#add(new Uint8Array(BLOCK), 0, 0);
    }
    const block = this.#block;
    block.bytes.set(chunk.subarray(start, end), block.end);
    block.end += end - start;
  }

  /** The block takes no more, and gives back what it did not need. */
  #closeBlock(): void {
    const block = this.#block;
    this.#block = undefined;
    if (block === undefined || 2 * block.end >= BLOCK) return;
    block.bytes = block.bytes.slice(0, block.end);
    this.#bytes += block.end + ENTRY_COST - block.cost;
    block.cost = block.end + ENTRY_COST;
  }

  #drop(entry: Entry): void {
    this.#entries.shift();
    this.#bytes -= entry.cost;
    if (entry === this.#block) this.#block = undefined;
  }
}
