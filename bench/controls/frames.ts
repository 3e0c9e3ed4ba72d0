/** Cuts what a connection sends at the end of a whole frame, for the controls. It checks nothing. */

import { Buffer } from "node:buffer";

/** Keeps the part of a frame that has come, and copies it once, when the frame is whole. */
export class Cutter {
  #parts: Buffer[] = [];
  #held = 0;
  #needed = 8;

  /** Takes a chunk. Returns the whole frames that are there now, back to back, if any. */
  cut(chunk: Buffer): Buffer | undefined {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return undefined;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#held);
    let end = 0;
    this.#needed = 8;
    while (end + 8 <= bytes.length) {
      const length = 8 + bytes.readUInt32BE(end + 4);
      if (end + length > bytes.length) {
        this.#needed = length;
        break;
      }
      end += length;
    }
    this.#held = bytes.length - end;
    this.#parts = this.#held > 0 ? [bytes.subarray(end)] : [];
    return end > 0 ? bytes.subarray(0, end) : undefined;
  }
}

/** The frames of a run of whole ones, one by one. */
export function* framesOf(bytes: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    yield bytes.subarray(at, end);
    at = end;
  }
}
