/**
 * The send buffer: the frames that a client has to send.
 *
 * @module
 */

import { NOTHING } from "../bytes.ts";
import type { Framing } from "../framing/framing.ts";

/** Bytes of a block; a larger frame has one of its own. */
const BLOCK = 64 * 1024;

/** Bytes that are written front to back, once: a runtime may send them after it has taken them. */
interface Block {
  readonly bytes: Uint8Array;
  /** The offset of its first byte. */
  readonly start: number;
  filled: number;
}

/** A log for one reader: frames behind one another, and offsets that count from 0. */
export class SendBuffer {
  /** The offset after the last byte. */
  end = 0;
  readonly #framing: Framing;
  #blocks: Block[] = [];

  /** An empty one, for frames in `framing`. */
  constructor(framing: Framing) {
    this.#framing = framing;
  }

  /** Adds the frame of a payload, which the framing must be able to carry. */
  appendPayload(payload: Uint8Array): void {
    const length = this.#framing.size(payload.length);
    let last = this.#blocks.at(-1);
    if (!last || last.filled + length > last.bytes.length) {
      this.#blocks.push(last = { bytes: new Uint8Array(Math.max(BLOCK, length)), start: this.end, filled: 0 });
    }
    this.#framing.write(payload, last.bytes, last.filled);
    last.filled += length;
    this.end += length;
  }

  /** The bytes from `offset` to the end of their block; what is before it is dropped. */
  read(offset: number): Uint8Array {
    this.trim(offset);
    const first = this.#blocks[0];
    return first ? first.bytes.subarray(offset - first.start, first.filled) : NOTHING;
  }

  /** Drops the blocks before `offset`, all but the last where that has room. */
  trim(offset: number): void {
    for (const { start, filled, bytes } of this.#blocks) {
      if (start + filled > offset || (this.#blocks.length === 1 && filled < bytes.length)) return;
      this.#blocks = this.#blocks.slice(1);
    }
  }
}
