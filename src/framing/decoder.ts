/**
 * The frame decoder: bytes in, whole frames out.
 *
 * @module
 */

import { NOTHING } from "../bytes.ts";
import { checkOptions, type Checks, isBoolean, isString, isWhole } from "../check.ts";
import { type Framing, type FramingName, framingOf, overhead, TOO_LARGE, UNKNOWN } from "./framing.ts";
import { ReceiveBuffer } from "./receive_buffer.ts";

/** Bytes that are kept of a frame over the limit. */
const HEAD = 16;

/** Takes whole frames, headers included. The bytes are valid only until the call returns: copy what is kept. */
export interface FrameSink {
  /** Takes a run of `count` frames, back to back in `bytes` from `start` to `end`: they came whole in one chunk. */
  frames(bytes: Uint8Array, start: number, end: number, count: number): void;
  /** Takes one frame of `length` bytes that came in several chunks. */
  pieces(pieces: readonly Uint8Array[], length: number): void;
}

/** Takes what a decoder of a WebSocket finds: frames, and the control frames between them. */
export interface ControlSink extends FrameSink {
  /** Takes a control frame: a ping, a pong or a close. The payload is the taker's to keep. */
  control(opcode: number, payload: Uint8Array): void;
}

/** Cuts what a connection sends into whole frames, wherever the stream is split into chunks. */
export interface Decoder {
  /** The largest payload in bytes. It may change between two chunks. */
  maxFrame: number;
  /** Whether the stream broke a rule. Nothing can be decoded after that. */
  readonly failed: boolean;
  /** Which rule that is, for a protocol with close codes; `undefined`: a frame was over the limit. */
  readonly failure?: DecoderFailure | undefined;
  /** Whether the sender has said that it sends no more. */
  readonly closed?: boolean;
  /** The close code with which it has; `undefined`: without one, or it has not. */
  readonly closeCode?: number | undefined;
  /** The first bytes of what is not whole or was refused, about as many as a guess at its kind needs. */
  readonly head: Uint8Array;
  /** More than 0 while a frame or a message is not whole; 0 at a boundary. */
  readonly pending: number;
  /** Bytes of memory that it holds for what is not whole. */
  readonly retainedBytes: number;
  /** How many pings, messages without a payload, were swallowed. */
  readonly pings: number;
  /** Decodes one chunk and hands on what is whole, in order. Returns how many frames it has completed, pings included. */
  decode(chunk: Uint8Array, sink: ControlSink): number;
  /** Drops what is not whole and its memory: for a stream that has ended. */
  reset(): void;
}

/** A rule of a protocol that a stream broke. */
export interface DecoderFailure {
  /** The close code for it (RFC 6455, 7.4.1). */
  readonly code: number;
  /** Whether the rule is the limit of a message. */
  readonly tooLarge: boolean;
  /** What is wrong, in words. */
  readonly why: string;
}

/** The options of a {@link FrameDecoder}. */
export interface FrameDecoderOptions {
  /** How frames are delimited. Default `u64`. */
  readonly framing?: FramingName | undefined;
  /** The largest payload in bytes. Default 1 MiB. */
  readonly maxFrame?: number | undefined;
  /**
   * Whether the decoder may keep chunks: large pieces of a partial frame are then not copied. Default false: a chunk may be
   * changed as soon as it is decoded.
   */
  readonly ownsChunks?: boolean | undefined;
}

const DECODER_CHECKS: Checks = {
  framing: isString,
  maxFrame: /* @__PURE__ */ isWhole("bytes", 1, 2 ** 30),
  ownsChunks: isBoolean,
};

/**
 * Cuts a byte stream into frames, wherever the stream is split into chunks.
 *
 * Whole frames are handed on as they lie in the chunk, many at a time and without a copy; only the part of a frame
 * that a chunk ends with is kept. Memory grows with the bytes received, never with a length that was only declared. A
 * frame over `maxFrame` is refused from its header: the decoder is then `failed`, and ignores everything after.
 *
 * @example
 * ```ts
 * import { FrameDecoder } from "mobcast/core";
 *
 * const decoder = new FrameDecoder({ maxFrame: 1024 });
 * decoder.decode(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, 65]), {
 *   frames: (bytes, start, end, count) => console.log(count, bytes.slice(start, end)), // 1, the nine bytes
 *   pieces: (pieces, length) => console.log(length, pieces),
 * });
 * ```
 */
export class FrameDecoder implements Decoder {
  readonly #framing: Framing;
  /** See {@link Decoder.maxFrame}. */
  maxFrame: number;
  readonly #ownsChunks: boolean;
  /** Made when it is first needed: an idle connection has none. */
  #partial: ReceiveBuffer | undefined;
  #pings = 0;
  /** What the frame over the limit begins with. */
  #refused: Uint8Array | undefined;
  /** Frames that the chunk under way has completed. */
  #completed = 0;

  /** Makes a decoder at the start of a stream. Throws a `TypeError` or a `RangeError` when an option is wrong. */
  constructor(options?: FrameDecoderOptions) {
    const given = checkOptions("a FrameDecoder", options, DECODER_CHECKS);
    this.#framing = framingOf(given.framing ?? "u64");
    this.maxFrame = given.maxFrame ?? 2 ** 20;
    this.#ownsChunks = given.ownsChunks ?? false;
  }

  /** Whether a frame was over the limit. Nothing can be decoded after that. */
  get failed(): boolean {
    return this.#refused !== undefined;
  }

  /** The first bytes of the frame that is over the limit or not whole, about as many as a guess at its kind needs. */
  get head(): Uint8Array {
    return this.#refused ?? this.#partial?.head.slice(0, Math.min(this.pending, HEAD)) ?? NOTHING;
  }

  /** Bytes kept of a frame that is not whole yet; 0 at a frame boundary. */
  get pending(): number {
    return this.#partial?.length ?? 0;
  }

  /** Bytes of memory that it holds for the frame that is not whole, and of one small buffer that it keeps for the next. */
  get retainedBytes(): number {
    return this.#partial?.retainedBytes ?? 0;
  }

  /** How many pings, frames without a payload, were swallowed. */
  get pings(): number {
    return this.#pings;
  }

  /**
   * Decodes one chunk and hands its whole frames to `sink`, in order. Returns how many frames the chunk has completed,
   * pings included.
   */
  decode(chunk: Uint8Array, sink: FrameSink): number {
    if (this.failed) return 0;
    this.#completed = 0;
    const partial = this.#partial;
    const from = partial && partial.length > 0 ? this.#finish(partial, chunk, sink) : 0;
    if (from < chunk.length && !this.failed) this.#scan(chunk, from, sink);
    return this.#completed;
  }

  /** Drops a partial frame and its buffer: for a stream that has ended. */
  reset(): void {
    this.#partial = undefined;
  }

  /** Completes the partial frame with the head of the chunk. Returns where the next frame starts. */
  #finish(partial: ReceiveBuffer, chunk: Uint8Array, sink: FrameSink): number {
    let at = 0;
    for (;;) {
      const missing = this.#framing.missing(partial, chunk, at, this.maxFrame);
      if (missing === TOO_LARGE) {
        this.#fail(this.head);
        return chunk.length;
      }
      if (missing === 0) break;
      const taken = Math.min(missing, chunk.length - at);
      if (taken === 0) return chunk.length;
      partial.append(chunk, at, at + taken);
      at += taken;
    }
    const { length } = partial;
    this.#completed++;
    if (length === overhead(this.#framing)) this.#pings++;
    else sink.pieces(partial.pieces(), length);
    partial.clear();
    return at;
  }

  /** Hands on the whole frames of the chunk from `from` on, and keeps the rest. */
  #scan(chunk: Uint8Array, from: number, sink: FrameSink): void {
    const empty = overhead(this.#framing);
    const to = chunk.length;
    let start = from;
    let at = from;
    let count = 0;
    let end = UNKNOWN;
    while (at < to) {
      end = this.#framing.end(chunk, at, to, this.maxFrame);
      if (end < 0 || end > to) break;
      this.#completed++;
      if (end - at > empty) {
        count++;
      } else {
        // A ping ends the run before it: what is handed on holds no pings.
        this.#pings++;
        if (count > 0) sink.frames(chunk, start, at, count);
        start = end;
        count = 0;
      }
      at = end;
    }
    if (count > 0) sink.frames(chunk, start, at, count);
    if (end === TOO_LARGE) this.#fail(chunk.slice(at, at + HEAD));
    else if (at < to) this.#keep(chunk, at, to);
  }

  /** Keeps what a frame begins with. */
  #keep(chunk: Uint8Array, from: number, to: number): void {
    this.#partial ??= new ReceiveBuffer(this.#ownsChunks);
    this.#partial.append(chunk, from, to);
  }

  #fail(head: Uint8Array): void {
    this.#refused = head;
    this.reset();
  }
}
