/**
 * Stamps: what the payload of each frame of a load begins with.
 *
 * @module
 */

import { type FramingName, FRAMINGS } from "../framing/framing.ts";

/** The name of a framing that can carry a load: its payloads hold any byte. */
export type BenchFraming = Exclude<FramingName, "line">;

/** Those framings, the default first. */
export const BENCH_FRAMINGS: readonly BenchFraming[] = ["u64", "u32"];

/** Bytes of a stamp: run, publisher, number of the frame among those of its publisher, and when it was sent. */
export const STAMP = 20;

/** Builds the frames of one run. */
export class Stamper {
  readonly #run: number;
  readonly #header: number;
  readonly #template: Uint8Array;

  /** Frames of `size` bytes of payload. `run` tells them from those of others. */
  constructor(framing: BenchFraming, size: number, run: number) {
    const { header, write } = FRAMINGS[framing];
    this.#run = run;
    this.#header = header;
    this.#template = new Uint8Array(header + size);
    write(new Uint8Array(size).fill(0x78), this.#template, 0);
  }

  /** `count` frames back to back, numbered from `first` on; `sentAt` says when each was sent. */
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
