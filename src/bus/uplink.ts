/**
 * The uplink: lies between reading frames and publishing them. Without a bus the publisher is the uplink, and publishes what
 * is read at once; with one the frames go out, and are published when they are back.
 *
 * @module
 */

import type { FrameRules } from "../framing/framing.ts";

/** Takes the frames that the receiver has read. */
export interface Uplink<Sender> {
  /**
   * Whether no connection may be read from now, because one is too far behind (`block`) or the bus has no room. When it
   * ends, the next tick reads the connections that were held back.
   */
  readonly backpressure: boolean;
  /**
   * Whether even the last bytes of a connection that has ended have to wait. The bus has no room for them. Not while one
   * connection holds all others back (`block`): it may be that one, and nothing of the bus is published until it is gone.
   */
  readonly holdsEnds: boolean;
  /**
   * The most bytes that the largest feed may get for one byte of frames in `framing`; 1 where frames stay as they are.
   */
  growth(framing: FrameRules): number;
  /**
   * Takes `count` whole frames of `sender`, in `bytes` from `start` to `end`, and copies what it keeps. Returns how many
   * bytes more than these the largest feed has got: the receiver's budget counts them. Without a sender the frames are the
   * application's own, in the mob's framing.
   */
  publish(sender: Sender | undefined, bytes: Uint8Array, start: number, end: number, count: number): number;
  /** Takes one whole frame of `length` bytes that came in pieces. Returns the same. */
  publishPieces(sender: Sender, pieces: readonly Uint8Array[], length: number): number;
}
