/**
 * The inbox: chunks that a runtime has read from a connection and the core has not.
 *
 * @module
 */

import { ChunkQueue } from "../../src/contract/chunk_queue.ts";

/** Bytes from which a socket stops reading from the kernel (rule 5). One more chunk may come after that. */
const LIMIT = 64 * 1024;

/** Bytes in one step of a write that does not go out at once: Node and Deno report no progress inside a write. */
export const WRITE_STEP: number = 64 * 1024;

/** A queue of chunks with an end. */
export class Inbox {
  /** The first chunk is mostly read at once, so only later ones are copied. */
  readonly #chunks: ChunkQueue = new ChunkQueue(1, false);
  #ended = false;

  /** Whether nothing more should be read from the kernel for now. */
  get full(): boolean {
    return this.#chunks.bytes >= LIMIT;
  }

  /** Whether the stream has ended, read or not. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Adds a chunk. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  /** Ends the stream after the chunks so far. */
  end(): void {
    this.#ended = true;
  }

  /** Takes the next chunk; `undefined` when there is none yet, `null` at the end of the stream. */
  shift(): Uint8Array | undefined | null {
    return this.#chunks.shift() ?? (this.#ended ? null : undefined);
  }

  /** Drops everything: it will not be read. */
  clear(): void {
    this.#chunks.clear();
    this.#ended = true;
  }
}
