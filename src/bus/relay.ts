/**
 * The relay: what lies between reading frames and publishing them. Without a bus there is nothing between: the publisher
 * is its own relay, and what is read is published at once.
 *
 * @module
 */

import type { Framing } from "../framing/framing.ts";

/** Takes the frames that were read. */
export interface Relay<Sender> {
  /**
   * Whether no connection may be read from now: one is too far behind (`block`), or the relay has no room. When it ends,
   * the next tick reads those that were held back.
   */
  readonly backpressure: boolean;
  /**
   * How many bytes the largest feed may get for one byte of frames in `framing`, at the worst: 1 where frames are handed
   * on as they came.
   */
  growth(framing: Framing): number;
  /**
   * Takes a run of `count` whole frames of `sender`, in `bytes` from `start` to `end`, and copies what it keeps. Returns
   * by how many bytes the largest feed has grown beyond the run's own: the reader's budget counts them.
   */
  publish(sender: Sender, bytes: Uint8Array, start: number, end: number, count: number): number;
  /** Takes one whole frame of `length` bytes that came in pieces. Returns the same. */
  publishPieces(sender: Sender, pieces: readonly Uint8Array[], length: number): number;
}
