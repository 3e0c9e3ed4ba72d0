/**
 * The chunk queue: bytes that wait to be read, at a cost that is in proportion to them.
 *
 * @module
 */

import { Queue } from "./queue.ts";

/** Chunks that wait as they are. Small ones behind them are copied together: each alone costs more than its bytes. */
const LOOSE_CHUNKS = 64;

/** Chunks below this many bytes are small. */
const SMALL = 1024;

/** Bytes of a block of small chunks. */
const BLOCK = 4 * 1024;

/** A queue of chunks. What comes out may be several chunks in one. */
export class ChunkQueue extends Queue<Uint8Array> {
  /** Small chunks behind all others, which are not in the queue yet. There are none when the queue is empty. */
  #tail: Uint8Array | undefined;
  #filled = 0;

  /** See {@link Queue.push}. */
  override push(chunk: Uint8Array): void {
    if (chunk.length >= SMALL || this.length < LOOSE_CHUNKS) {
      this.#closeTail();
      super.push(chunk);
      return;
    }
    if (this.#filled + chunk.length > BLOCK) this.#closeTail();
    this.#tail ??= new Uint8Array(BLOCK);
    this.#tail.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  /** See {@link Queue.shift}. */
  override shift(): Uint8Array | undefined {
    const first = super.shift();
    if (this.length === 0) this.#closeTail();
    return first;
  }

  /** See {@link Queue.clear}. */
  override clear(): void {
    super.clear();
    this.#tail = undefined;
    this.#filled = 0;
  }

  /** The tail takes no more, and is a chunk like any other. */
  #closeTail(): void {
    const tail = this.#tail;
    if (tail === undefined) return;
    this.#tail = undefined;
    super.push(tail.slice(0, this.#filled));
    this.#filled = 0;
  }
}
