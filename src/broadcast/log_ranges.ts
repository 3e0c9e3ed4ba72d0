/**
 * Log ranges: parts of the log that a connection has sent itself and does not receive (`echo: "others"`).
 *
 * @module
 */

/** A range of the log. */
export interface LogRange {
  /** The offset where it begins. */
  readonly from: number;
  /** The offset where it ends. */
  to: number;
  /** How many frames it holds: counting them in the log would be a walk. */
  frames: number;
}

/** Bytes of a buffer that an empty list keeps for the next ranges. */
const KEPT = 64;

/**
 * A list of ranges in order. Only its first and its last range are objects, since a connection that is stuck may have one for
 * each frame of a byte: those between them are numbers of 7 bits a byte, three bytes for a small range.
 */
export class LogRanges {
  #first: LogRange | undefined;
  #last: LogRange | undefined;
  /** The ranges between: for each the gap before it, its length and its frames. */
  #bytes: Uint8Array = new Uint8Array(KEPT);
  #read = 0;
  #written = 0;
  /** Where the range before the last one ends. */
  #lastGapFrom = 0;

  /** The first range; `undefined` when there is none. */
  get first(): LogRange | undefined {
    return this.#first;
  }

  /** Bytes of memory that the list holds. */
  get retainedBytes(): number {
    return this.#bytes.length;
  }

  /** Adds a range behind all others: it lengthens the last one when nothing lies between them. */
  add(from: number, to: number, frames: number): void {
    const last = this.#last;
    if (last?.to === from) {
      last.to = to;
      last.frames += frames;
      return;
    }
    this.#last = { from, to, frames };
    if (!last) this.#first = this.#last;
    else {
      if (last !== this.#first) this.#encode(last);
      this.#lastGapFrom = last.to;
    }
  }

  /** Drops the first range. There must be one. */
  shift(): void {
    const { to } = this.#first!;
    if (this.#read < this.#written) {
      const from = to + this.#readNumber();
      this.#first = { from, to: from + this.#readNumber(), frames: this.#readNumber() };
      if (this.#read === this.#written) this.#reset();
    } else {
      if (this.#first === this.#last) this.#last = undefined;
      this.#first = this.#last;
    }
  }

  #encode({ from, to, frames }: LogRange): void {
    // Three numbers below 2^53 are at most 24 bytes.
    if (this.#written + 24 > this.#bytes.length) this.#makeRoom();
    this.#writeNumber(from - this.#lastGapFrom);
    this.#writeNumber(to - from);
    this.#writeNumber(frames);
  }

  #makeRoom(): void {
    const held = this.#bytes.subarray(this.#read, this.#written);
    const bytes = new Uint8Array(Math.max(KEPT, 2 * held.length));
    bytes.set(held);
    this.#bytes = bytes;
    this.#read = 0;
    this.#written = held.length;
  }

  #reset(): void {
    this.#read = this.#written = 0;
    if (this.#bytes.length > KEPT) this.#bytes = new Uint8Array(KEPT);
  }

  #writeNumber(number: number): void {
    let left = number;
    for (; left >= 128; left = Math.floor(left / 128)) this.#bytes[this.#written++] = (left % 128) | 128;
    this.#bytes[this.#written++] = left;
  }

  #readNumber(): number {
    let number = 0;
    for (let unit = 1;; unit *= 128) {
      const byte = this.#bytes[this.#read++]!;
      if (byte < 128) return number + byte * unit;
      number += (byte - 128) * unit;
    }
  }
}
