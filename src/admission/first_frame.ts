/**
 * The first frame: a step of a handshake that is one frame, such as the secret.
 *
 * @module
 */

import type { ControlSink } from "../framing/decoder.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import type { Handshake, HandshakeResult, Handshaking } from "./handshake.ts";

/** What the first frame has to be. */
export interface FirstFrame {
  /** The most bytes of its payload. */
  readonly length: number;
  /** Whether a payload is it. */
  readonly accepts: (payload: Uint8Array) => boolean;
  /** The result when it is not. */
  readonly wrong: HandshakeResult;
  /** The result when the connection ends before it. */
  readonly left: HandshakeResult;
}

/**
 * The handshake of a frame: the first one that is no ping has to be it. The connection's own decoder cuts it, so that the
 * bytes after it are decoded once, and a protocol around the frames needs nothing of its own.
 */
export class FirstFrameHandshake implements Handshake {
  readonly #frame: FirstFrame;
  readonly #connection: Handshaking;
  readonly #maxFrame: number;
  readonly #sink: ControlSink;
  /** Whether the first frame is the right one; `undefined` while it is not whole. */
  #right: boolean | undefined;

  /** Makes a handshake that asks the connection for `frame`. */
  constructor(frame: FirstFrame, connection: Handshaking) {
    this.#frame = frame;
    this.#connection = connection;
    // A header that declares more than the frame's length is wrong at once, and no more is kept.
    this.#maxFrame = connection.decoder.maxFrame;
    connection.decoder.maxFrame = frame.length;
    this.#sink = {
      frames: (bytes, start, end) => this.#compare(bytes, start, end),
      pieces: (pieces, length) => this.#compare(concatenate(pieces, length), 0, length),
      control: (opcode, payload) => connection.receiveControl(opcode, payload),
    };
  }

  /** See {@link Handshake.retainedBytes}: the decoder's are counted as the connection's. */
  get retainedBytes(): number {
    return 0;
  }

  /** See {@link Handshake.receive}. Pings are shorter than the frame, so no part of a chunk holds more than that. */
  receive(chunk: Uint8Array): HandshakeResult {
    const { decoder, feed } = this.#connection;
    const whole = feed.framing.size(this.#frame.length);
    for (let at = 0; at < chunk.length;) {
      const next = Math.min(chunk.length, at + (decoder.pending === 0 ? whole : 1));
      decoder.decode(chunk.subarray(at, next), this.#sink);
      at = next;
      if (this.#right === false || decoder.failed) return this.#frame.wrong;
      if (decoder.closed) return this.#frame.left;
      if (!this.#right) continue;
      decoder.maxFrame = this.#maxFrame;
      return { state: "accepted", rest: chunk.subarray(at) };
    }
    return MORE;
  }

  #compare(bytes: Uint8Array, start: number, end: number): void {
    const { framing } = this.#connection.feed;
    const payload = bytes.subarray(
      framing.payloadAt(bytes, start),
      framing.end(bytes, start, end, end) - framing.trailer,
    );
    this.#right ??= this.#frame.accepts(payload);
  }
}

const MORE: HandshakeResult = { state: "more" };
