/**
 * The frames of a stream, in columns: a thousand receivers go through them, and objects would not fit into a processor's cache.
 *
 * @module
 */

/** A frame of the stream. */
export interface StreamFrame {
  readonly publisher: number;
  readonly sequence: number;
  readonly sentAt: number;
  /** Where it begins and ends, as offsets in the stream. */
  readonly start: number;
  readonly end: number;
}

/** Frames in their order, the first ones dropped. */
export class FrameTable {
  /** The number of the first frame that is held. */
  first = 0;
  /** How many frames there were. */
  count = 0;
  #ends: Float64Array = new Float64Array(64);
  #starts: Float64Array = new Float64Array(64);
  #times: Float64Array = new Float64Array(64);
  #publishers: Uint32Array = new Uint32Array(64);
  #sequences: Uint32Array = new Uint32Array(64);

  /** Adds a frame. */
  push({ publisher, sequence, sentAt, start, end }: StreamFrame): void {
    const at = this.count - this.first;
    if (at === this.#ends.length) this.#grow();
    this.#ends[at] = end;
    this.#starts[at] = start;
    this.#times[at] = sentAt;
    this.#publishers[at] = publisher;
    this.#sequences[at] = sequence;
    this.count++;
  }

  /** A frame by its number; `undefined` when it is not held. */
  get(number: number): StreamFrame | undefined {
    const at = number - this.first;
    if (at < 0 || number >= this.count) return undefined;
    return {
      publisher: this.#publishers[at]!,
      sequence: this.#sequences[at]!,
      sentAt: this.#times[at]!,
      start: this.#starts[at]!,
      end: this.#ends[at]!,
    };
  }

  /**
   * The number of the first frame from `number` on that ends behind `offset`. Before it calls `each` with the time of one
   * frame in `sample`, of every publisher as often.
   */
  pass(number: number, offset: number, sample: number, each?: (sentAt: number) => void): number {
    const [ends, publishers, sequences] = [this.#ends, this.#publishers, this.#sequences];
    const count = this.count - this.first;
    let at = number - this.first;
    for (; at < count && ends[at]! <= offset; at++) {
      if (each !== undefined && ((sequences[at]! + publishers[at]!) & (sample - 1)) === 0) each(this.#times[at]!);
    }
    return at + this.first;
  }

  /** Drops the frames before a number. */
  drop(number: number): void {
    const gone = number - this.first;
    for (const column of this.#columns()) column.copyWithin(0, gone, this.count - this.first);
    this.first = number;
  }

  #columns(): (Float64Array | Uint32Array)[] {
    return [this.#ends, this.#starts, this.#times, this.#publishers, this.#sequences];
  }

  #grow(): void {
    const length = 2 * this.#ends.length;
    const [ends, starts, times] = [this.#ends, this.#starts, this.#times].map((column) => {
      const grown = new Float64Array(length);
      grown.set(column);
      return grown;
    });
    const [publishers, sequences] = [this.#publishers, this.#sequences].map((column) => {
      const grown = new Uint32Array(length);
      grown.set(column);
      return grown;
    });
    [this.#ends, this.#starts, this.#times] = [ends!, starts!, times!];
    [this.#publishers, this.#sequences] = [publishers!, sequences!];
  }
}
