/**
 * The inbox: what a runtime has read from a connection and the core has not.
 *
 * @module
 */

/** Bytes after which a socket stops reading from the kernel (rule 5). One more chunk may come after that. */
const LIMIT = 64 * 1024;

/** Bytes in one step of a write that does not go out at once: Node and Deno tell of no progress inside a write. */
export const WRITE_STEP: number = 64 * 1024;

/** A queue of chunks with an end. */
export class Inbox {
  #chunks: Uint8Array[] = [];
  #next = 0;
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

  /** A chunk came. */
  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The stream is over after the chunks that came. */
  end(): void {
    this.#ended = true;
  }

  /** The next chunk; `undefined` when there is none yet, `null` when there will be none. */
  shift(): Uint8Array | undefined | null {
    const chunk = this.#chunks[this.#next];
    if (chunk === undefined) return this.#ended ? null : undefined;
    this.#next++;
    this.#bytes -= chunk.length;
    if (this.#next === this.#chunks.length) {
      this.#chunks = [];
      this.#next = 0;
    }
    return chunk;
  }

  /** Forgets everything: nobody will read it. */
  clear(): void {
    this.#chunks = [];
    this.#next = 0;
    this.#bytes = 0;
    this.#ended = true;
  }
}
