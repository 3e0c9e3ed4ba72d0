/**
 * Stamps: the first bytes of each payload of a load.
 *
 * @module
 */

import { type FramingName, FRAMINGS } from "../framing/framing.ts";

/** The name of a framing that can carry a load: its payloads hold any byte. */
export type BenchFraming = Exclude<FramingName, "line">;

/** The names of these framings; the first is the default. */
export const BENCH_FRAMINGS: readonly BenchFraming[] = ["u64", "u32"];

/** Bytes of a stamp: the run, the publisher, the number of the frame of that publisher, and the time of sending. */
export const STAMP = 20;

/** Builds the frames of one run. */
export class Stamper {
  readonly #run: number;
  readonly #header: number;
  readonly #template: Uint8Array;

  /** Makes frames with `size` bytes of payload. `run` marks them. */
  constructor(framing: BenchFraming, size: number, run: number) {
    const { header, write } = FRAMINGS[framing];
    this.#run = run;
    this.#header = header;
    this.#template = new Uint8Array(header + size);
    write(new Uint8Array(size).fill(0x78), this.#template, 0);
  }

  /** `count` frames back to back, numbered from `first`; `sentAt` returns the time of sending of each. */
  frames(publisher: number, first: number, count: number, sentAt: (index: number) => number): Uint8Array {
    const stride = this.#template.length;
    const bytes = new Uint8Array(stride * count);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < count; index++) {
      bytes.set(this.#template, index * stride);
      const at = index * stride + this.#header;
      view.setUint32(at, this.#run);
      view.setUint32(at + 4, publisher);
      view.setUint32(at + 8, first + index);
      view.setFloat64(at + 12, sentAt(index));
    }
    return bytes;
  }
}
