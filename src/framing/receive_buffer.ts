/**
 * The receive buffer: the bytes of a frame that is not whole yet.
 *
 * @module
 */

import { NOTHING } from "../bytes.ts";

/** Bytes in a block of copied bytes, once so many have come. */
const BLOCK = 64 * 1024;

/** A partial frame keeps a block of up to this size for the next one, so that busy connections do not allocate. */
const KEPT_BLOCK = 4096;

/** A piece this large is worth keeping as it is. More than any header, so that headers always lie in one block. */
export const WORTH_KEEPING = 1024;

/**
 * The bytes of a frame that is not whole. Small pieces are copied into blocks. A large piece of a chunk that is ours is
 * kept as it is, so that its bytes are copied only once, into the log. Memory grows with the bytes that came, to twice
 * as much at most, whatever length the header declares.
 */
export class ReceiveBuffer {
  /** How many bytes came. */
  length = 0;
  /** Bytes of the chunks that its pieces are of, and of the blocks before the last one. */
  #pinned = 0;
  readonly #ownsChunks: boolean;
  /** The pieces before the block. */
  #pieces: Uint8Array[] = [];
  #block: Uint8Array = NOTHING;
  #filled = 0;

  /** An empty one. With `ownsChunks`, chunks that are appended do not change any more. */
  constructor(ownsChunks: boolean) {
    this.#ownsChunks = ownsChunks;
  }

  /** Bytes of memory that it holds: whole buffers, however little of them is used. */
  get retainedBytes(): number {
    return this.#pinned + this.#block.length;
  }

  /** The first bytes: all of the header that came, at least. */
  get head(): Uint8Array {
    return this.#pieces[0] ?? this.#block;
  }

  /** The last byte that came; `undefined` when none did. */
  get last(): number | undefined {
    return this.#filled > 0 ? this.#block[this.#filled - 1] : this.#pieces.at(-1)?.at(-1);
  }

  /** Takes the bytes of a chunk from `from` to `to`. */
  append(chunk: Uint8Array, from: number, to: number): void {
    const size = to - from;
    this.length += size;
    // Not a small part of a large buffer, of which the rest would be kept with it.
    if (this.#ownsChunks && size >= WORTH_KEEPING && 2 * size >= chunk.buffer.byteLength) {
      this.#closeBlock();
      this.#pieces.push(chunk.subarray(from, to));
      this.#pinned += chunk.buffer.byteLength;
    } else {
      this.#copy(chunk, from, to);
    }
  }

  /** All of it, in order. */
  pieces(): readonly Uint8Array[] {
    this.#closeBlock();
    return this.#pieces;
  }

  /** Forgets it, for the next one. */
  clear(): void {
    this.length = this.#filled = this.#pinned = 0;
    if (this.#pieces.length > 0) this.#pieces = [];
    if (this.#block.length > KEPT_BLOCK) this.#block = NOTHING;
  }

  #copy(chunk: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to;) {
      if (this.#filled === this.#block.length) this.#makeRoom(to - at);
      const next = Math.min(to, at + this.#block.length - this.#filled);
      this.#block.set(chunk.subarray(at, next), this.#filled);
      this.#filled += next - at;
      at = next;
    }
  }

  /** A small block doubles, a large one is followed by another: nothing is moved again and again. */
  #makeRoom(wanted: number): void {
    const isFull = this.#filled >= BLOCK;
    if (isFull) this.#closeBlock();
    // Only a full block is followed by a large one: else alternating large and small pieces would leave many blocks.
    const size = isFull ? BLOCK : Math.min(2 * (this.#filled + wanted), BLOCK);
    const block = new Uint8Array(Math.max(size, 64));
    block.set(this.#block.subarray(0, this.#filled));
    this.#block = block;
  }

  #closeBlock(): void {
    if (this.#filled > 0) {
      this.#pieces.push(this.#block.subarray(0, this.#filled));
      this.#pinned += this.#block.length;
    }
    this.#block = NOTHING;
    this.#filled = 0;
  }
}

/** The pieces as one, of `length` bytes. */
export function concatenate(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
