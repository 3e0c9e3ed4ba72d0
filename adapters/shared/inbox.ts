/**
 * The inbox: chunks that a runtime has read from a connection and the core has not.
 *
 * @module
 */

/** Bytes from which a socket stops reading from the kernel (rule 5). One more chunk may come after that. */
const LIMIT = 64 * 1024;

/** Chunks below this are copied together when they have to wait: each alone costs some hundred bytes more than it has. */
const SMALL = 1024;

/** Bytes of a block of small chunks. */
const BLOCK = 4 * 1024;

/** Bytes in one step of a write that does not go out at once: Node and Deno report no progress inside a write. */
export const WRITE_STEP: number = 64 * 1024;

/** Replaces a chunk that was read, so that its bytes can be freed. */
const NOTHING: Uint8Array = new Uint8Array(0);

/** A queue of chunks with an end. */
export class Inbox {
  #chunks: Uint8Array[] = [];
  #next = 0;
  /** The block that the last chunk begins, while it takes small chunks. */
  #block: Uint8Array | undefined;
  #bytes = 0;
  #ended = false;

  /** Whether nothing more should be read from the kernel for now. */
  get full(): boolean {
    return this.#bytes >= LIMIT;
  }

  /** Whether the stream has ended, read or not. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Adds a chunk. */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    // The first chunk is mostly read at once, so only later ones are copied.
    if (this.#chunks.length > 0 && chunk.length < SMALL) this.#append(chunk);
    else this.#add(chunk);
  }

  /** Adds a small chunk to the last block, or begins a block with it. */
  #append(chunk: Uint8Array): void {
    const last = this.#chunks.length - 1;
    const filled = this.#block === undefined ? BLOCK : this.#chunks[last]!.length;
    if (this.#block !== undefined && filled + chunk.length <= BLOCK) {
      this.#block.set(chunk, filled);
      this.#chunks[last] = this.#block.subarray(0, filled + chunk.length);
      return;
    }
    const block = new Uint8Array(BLOCK);
    block.set(chunk);
    this.#add(block.subarray(0, chunk.length));
    this.#block = block;
  }

  /** Adds a chunk as it is. The block before it is closed, and its free bytes are given back. */
  #add(chunk: Uint8Array): void {
    const last = this.#chunks.length - 1;
    if (this.#block !== undefined && last >= 0) this.#chunks[last] = this.#chunks[last]!.slice();
    this.#block = undefined;
    this.#chunks.push(chunk);
  }

  /** Ends the stream after the chunks so far. */
  end(): void {
    this.#ended = true;
  }

  /** Takes the next chunk; `undefined` when there is none yet, `null` at the end of the stream. */
  shift(): Uint8Array | undefined | null {
    const chunk = this.#chunks[this.#next];
    if (chunk === undefined) return this.#ended ? null : undefined;
    this.#chunks[this.#next++] = NOTHING;
    this.#bytes -= chunk.length;
    if (this.#next === this.#chunks.length) {
      this.#block = undefined;
      this.#chunks = [];
      this.#next = 0;
    }
    return chunk;
  }

  /** Drops everything: it will not be read. */
  clear(): void {
    this.#block = undefined;
    this.#chunks = [];
    this.#next = 0;
    this.#bytes = 0;
    this.#ended = true;
  }
}
