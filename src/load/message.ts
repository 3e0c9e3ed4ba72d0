/**
 * The messages of a load. `mobcast bench`, the end-to-end scenarios and the benchmark (bench/generator.c) send and check the
 * same ones. A payload begins with a stamp, in big-endian:
 *
 * | bytes | what |
 * | --- | --- |
 * | 0 to 3 | run: tells the messages of one load from all others |
 * | 4 to 7 | publisher: which client sent it, from 0 |
 * | 8 to 11 | sequence: its number among those of its publisher, from 0 |
 * | 12 to 19 | time: when it was due, in milliseconds by the clock of the load, a float |
 *
 * The rest is filling: a stretch of one fixed series, which begins at another place for each sequence number.
 *
 * @module
 */

import { type FramingName, FRAMINGS } from "../framing/framing.ts";

/** The name of a framing that can carry a load: its payloads hold any byte. */
export type BenchFraming = Exclude<FramingName, "line">;

/** Those framings, the default first. */
export const BENCH_FRAMINGS: readonly BenchFraming[] = ["u64", "u32"];

/** Bytes of a stamp. */
export const STAMP = 20;

/** How many different fillings there are. */
const FILLINGS = 251;

/** The series, as long as the longest filling so far. */
let series: Uint8Array = new Uint8Array(0);

/** The filling of a message with this sequence number. A view: it must not change. */
function filling(sequence: number, length: number): Uint8Array {
  if (series.length < length + FILLINGS) {
    series = Uint8Array.from(
      { length: Math.max(2 * series.length, length + FILLINGS) },
      (_, index) => (index * 167) >> 3,
    );
  }
  const from = sequence % FILLINGS;
  return series.subarray(from, from + length);
}

/** Builds the frames of one run. */
export class Stamper {
  readonly #header: number;
  readonly #size: (sequence: number) => number;
  readonly #run: number;

  /** Frames with payloads of `size` bytes, at least {@link STAMP}, for each sequence number. */
  constructor(framing: BenchFraming, size: number | ((sequence: number) => number), run: number) {
    this.#header = FRAMINGS[framing].header;
    this.#size = typeof size === "number" ? () => size : size;
    this.#run = run;
  }

  /** `count` frames back to back, numbered from `first` on; `sentAt` gives the time of each. */
  frames(publisher: number, first: number, count: number, sentAt: (index: number) => number): Uint8Array {
    const header = this.#header;
    let length = 0;
    for (let sequence = first; sequence < first + count; sequence++) length += header + this.#size(sequence);
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    for (let index = 0, at = 0; index < count; index++) {
      const sequence = first + index;
      const size = this.#size(sequence);
      // A longer header begins with zeros.
      view.setUint32(at + header - 4, size);
      at += header;
      view.setUint32(at, this.#run);
      view.setUint32(at + 4, publisher);
      view.setUint32(at + 8, sequence);
      view.setFloat64(at + 12, sentAt(index));
      bytes.set(filling(sequence, size - STAMP), at + STAMP);
      at += size;
    }
    return bytes;
  }
}

/** What tells the messages of a load from others. */
export interface Run {
  readonly framing: BenchFraming;
  /** The number in each stamp. */
  readonly id: number;
}

/** The whole length of the frame that begins at `at`; `undefined` when its header is not all there. */
export function frameLength({ framing }: Run, view: DataView, at: number): number | undefined {
  const { header } = FRAMINGS[framing];
  return at + header > view.byteLength ? undefined : header + view.getUint32(at + header - 4);
}

/** What a stamp says. */
export interface Stamp {
  readonly publisher: number;
  readonly sequence: number;
  readonly sentAt: number;
}

/** The stamp of the frame of `length` bytes at `at`, whose stamp is all there; `undefined` when it is of no frame of the run. */
export function stampOf({ framing, id }: Run, view: DataView, at: number, length: number): Stamp | undefined {
  const { header } = FRAMINGS[framing];
  const stamp = at + header;
  if (length < header + STAMP || view.getUint32(stamp) !== id) return undefined;
  return {
    publisher: view.getUint32(stamp + 4),
    sequence: view.getUint32(stamp + 8),
    sentAt: view.getFloat64(stamp + 12),
  };
}

/** Whether a frame of the run has its filling, byte for byte. */
export function isIntact({ framing }: Run, frame: Uint8Array, sequence: number, equal: Equal): boolean {
  const rest = frame.subarray(FRAMINGS[framing].header + STAMP);
  return equal(rest, filling(sequence, rest.length));
}

/** Cuts bytes into whole frames, wherever they are split. */
export class FrameCutter {
  readonly #run: Run;
  #rest: Uint8Array = new Uint8Array(0);

  /** Begins at the start of a frame. */
  constructor(run: Run) {
    this.#run = run;
  }

  /** Bytes of a frame that is not whole yet. */
  get rest(): number {
    return this.#rest.length;
  }

  /** Takes the next bytes, and calls `each` for every whole frame: it lies in `bytes` from `at` on. */
  cut(chunk: Uint8Array, each: (bytes: Uint8Array, view: DataView, at: number, length: number) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    for (;;) {
      const length = frameLength(this.#run, view, at);
      if (length === undefined || at + length > bytes.length) break;
      each(bytes, view, at, length);
      at += length;
    }
    this.#rest = bytes.slice(at);
  }
}

/** Both arrays as one. */
export function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/** Whether two arrays hold the same bytes. A runtime's own comparison is ten times as fast as {@link equalBytes}. */
export type Equal = (one: Uint8Array, other: Uint8Array) => boolean;

/** Compares byte by byte. */
export const equalBytes: Equal = (one, other) => {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
};
