/** A sink for decoders, made from one function that takes whole frames. */

import type { FrameSink } from "../../src/framing/decoder.ts";
import { concatenate } from "../../src/framing/receive_buffer.ts";

/** Frames in pieces are put together first. */
export function wholeFrames(
  take: (bytes: Uint8Array, start: number, end: number, count: number) => void,
): FrameSink {
  return { frames: take, pieces: (pieces, length) => take(concatenate(pieces, length), 0, length, 1) };
}
