/**
 * The decoder of the subprotocol `mobcast.u64`: the payloads of binary messages, one behind the other, are a stream of u64
 * frames.
 *
 * @module
 */

import { type ControlSink, FrameDecoder } from "../framing/decoder.ts";
import { ClientFrames } from "./client_frames.ts";
import { copyUnmasked } from "./mask.ts";
import { SCRATCH, SCRATCH_WORDS } from "./scratch.ts";

/**
 * Decodes what a client of `mobcast.u64` sends. Messages and their fragments may cut the stream anywhere, and may be of any
 * length: nothing of them is kept but the frame that is not whole. The frames come out of memory that all decoders share,
 * so a sink must not decode.
 */
export class PackedDecoder extends ClientFrames {
  /** Cuts the stream into frames. Not an owner of chunks: they lie in the scratch. */
  readonly #frames: FrameDecoder;
  /** Bytes of the stream that the chunk under way has put into the scratch. */
  #filled = 0;

  /** A decoder of frames with up to `maxFrame` bytes of payload. */
  constructor(maxFrame: number) {
    super(Number.MAX_SAFE_INTEGER, false);
    this.#frames = new FrameDecoder({ framing: "u64", maxFrame });
  }

  /** See {@link Decoder.maxFrame}: it is that of the u64 frames. */
  override get maxFrame(): number {
    return this.#frames.maxFrame;
  }

  override set maxFrame(bytes: number) {
    this.#frames.maxFrame = bytes;
  }

  /** The header of the WebSocket frame that broke a rule, or the first bytes of the u64 frame that is too large or not whole. */
  override get head(): Uint8Array {
    const { head } = this.#frames;
    return head.length > 0 ? head : super.head;
  }

  /** See {@link ClientFrames.pending}. */
  override get pending(): number {
    return super.pending + this.#frames.pending;
  }

  /** See {@link ClientFrames.retainedBytes}. */
  override get retainedBytes(): number {
    return super.retainedBytes + this.#frames.retainedBytes;
  }

  /** Frames without a payload, and messages without one. */
  override get pings(): number {
    return super.pings + this.#frames.pings;
  }

  /** See {@link ClientFrames.reset}. */
  override reset(): void {
    super.reset();
    this.#frames.reset();
  }

  /** Every message goes through {@link part}: the stream has no use for where it begins and ends. */
  protected override messages(_chunk: Uint8Array, at: number): number {
    return at;
  }

  /** Puts a piece of the stream into the scratch. */
  protected override part(
    chunk: Uint8Array,
    from: number,
    to: number,
    header: Uint8Array,
    mask: number,
    sink: ControlSink,
  ): void {
    for (let at = from; at < to && !this.failed;) {
      if (this.#filled === SCRATCH.length) this.flush(sink);
      const size = Math.min(to - at, SCRATCH.length - this.#filled);
      const start = this.#filled;
      const phase = this.phase + at - from;
      copyUnmasked(chunk, at, at + size, SCRATCH, SCRATCH_WORDS, start, header, mask, phase);
      this.#filled += size;
      at += size;
    }
  }

  /** A message counts by its frames: an end of a message is no end of a frame. */
  protected override whole(): void {}

  /** Decodes what is in the scratch. */
  protected override flush(sink: ControlSink): void {
    const length = this.#filled;
    if (length === 0) return;
    this.#filled = 0;
    this.completed += this.#frames.decode(SCRATCH.subarray(0, length), sink);
    if (this.#frames.failed) this.fail(1009, "a frame is over maxFrame");
  }

  /** Whether no u64 frame is under way. */
  protected override get between(): boolean {
    return this.#frames.pending === 0;
  }
}
