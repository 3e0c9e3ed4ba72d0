/**
 * The chunk queue: bytes that wait to be read, at a cost that is in proportion to them.
 *
 * @module
 */

import { Queue } from "./queue.ts";
import { NOTHING } from "../bytes.ts";

/** Chunks below this many bytes are small. */
const SMALL = 1024;

/** Bytes of a block of small chunks. */
const BLOCK = 4 * 1024;

/** Bytes that a chunk costs beside its buffer, on the three runtimes 150 to 500. */
const CHUNK_COST = 256;

/** Bytes of larger buffers that a queue may pin for each loose chunk. */
const PINNED = 16 * 1024;

/**
 * A queue of chunks that do not change. Small chunks that wait behind others are copied together, since each alone costs
 * more than its bytes. What comes out may be several chunks in one.
 */
export class ChunkQueue extends Queue<Uint8Array> {
  /** How many small chunks wait as they are. */
  readonly #looseChunks: number;
  readonly #views: boolean;
  #bytes = 0;
  /** The last chunk, with `views`; empty when the queue is. */
  #last: Uint8Array = NOTHING;
  /** Bytes of the buffers behind the chunks, with `views`: those of one buffer in a row count once. */
  #pinned = 0;
  /** Small chunks behind all others, which are not in the queue yet. There are none when the queue is empty. */
  #tail: Uint8Array | undefined;
  #filled = 0;

  /**
   * An empty queue. The first `looseChunks` small chunks are not copied: they may be read at once. With `views` the chunks may
   * be parts of larger buffers: what these hold counts, and a small part is copied when there are many.
   */
  constructor(looseChunks: number, views: boolean) {
    super();
    this.#looseChunks = looseChunks;
    this.#views = views;
  }

  /** How many bytes wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of memory that the queue holds, with `views`: whole buffers, and what chunks cost beside them. */
  get retainedBytes(): number {
    const tail = this.#tail ? BLOCK + CHUNK_COST : 0;
    return this.#pinned + tail + this.length * CHUNK_COST;
  }

  /** See {@link Queue.push}. With `isExact` the buffer of the chunk holds nothing else, and is not looked at for that. */
  override push(chunk: Uint8Array, isExact = false): void {
    this.#bytes += chunk.length;
    if (chunk.length < SMALL && this.length >= this.#looseChunks) return this.#append(chunk);
    if (this.#tail) this.#closeTail(2 * this.#filled < BLOCK);
    super.push(this.#views ? this.#counted(chunk, isExact) : chunk);
  }

  /** See {@link Queue.shift}. */
  override shift(): Uint8Array | undefined {
    const first = super.shift();
    if (!first) return undefined;
    this.#bytes -= first.length;
    if (this.length === 0) {
      this.#last = NOTHING;
      this.#pinned = 0;
      // It is read next, and not copied again for that.
      if (this.#tail) this.#closeTail(false);
    } else if (this.#views && this.first!.buffer !== first.buffer) {
      this.#pinned -= first.buffer.byteLength;
    }
    return first;
  }

  /** Takes the first `length` bytes of the first chunk, which is longer. */
  shiftPart(length: number): Uint8Array {
    const first = this.first!;
    this.#bytes -= length;
    this.replaceFirst(first.subarray(length));
    return first.subarray(0, length);
  }

  /** See {@link Queue.clear}. */
  override clear(): void {
    super.clear();
    this.#bytes = this.#pinned = this.#filled = 0;
    this.#last = NOTHING;
    this.#tail = undefined;
  }

  /** The chunk, or a copy when it would pin too much. Counts what it pins. */
  #counted(chunk: Uint8Array, isExact: boolean): Uint8Array {
    let counted = chunk;
    if (isExact) this.#pinned += chunk.length;
    else if (chunk.buffer !== this.#last.buffer) {
      const buffer = chunk.buffer.byteLength;
      const most = 2 * this.#bytes + this.#looseChunks * PINNED;
      if (2 * chunk.length < buffer && this.#pinned + buffer > most) counted = chunk.slice();
      this.#pinned += counted.buffer.byteLength;
    }
    this.#last = counted;
    return counted;
  }

  /** Adds a small chunk to the tail. */
  #append(chunk: Uint8Array): void {
    if (this.#filled + chunk.length > BLOCK) this.#closeTail(false);
    this.#tail ??= new Uint8Array(BLOCK);
    this.#tail.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  /** The tail takes no more, and is a chunk like any other. With `copy` it gives back what it did not need. */
  #closeTail(copy: boolean): void {
    const tail = this.#tail!;
    const length = this.#filled;
    this.#tail = undefined;
    this.#filled = 0;
    const closed = copy ? tail.slice(0, length) : tail.subarray(0, length);
    super.push(this.#views ? this.#counted(closed, false) : closed);
  }
}
