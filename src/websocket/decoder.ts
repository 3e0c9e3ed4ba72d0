/**
 * The WebSocket decoder: what a client sends in, whole messages out, as the frames in which a server sends them on.
 *
 * @module
 */

import type { ControlSink } from "../framing/decoder.ts";
import { ReceiveBuffer, WORTH_KEEPING } from "../framing/receive_buffer.ts";
import { ClientFrames } from "./client_frames.ts";
import { headerSize, writeHeader } from "../framing/server_frames.ts";
import { BINARY, FIN, MASKED, TEXT } from "./frame.ts";
import { copyUnmasked, unmask } from "./mask.ts";
import { SCRATCH, SCRATCH_WORDS } from "./scratch.ts";
import { BROKEN, readUtf8, WHOLE } from "./utf8.ts";

/** Small pieces are unmasked here before they are copied into a receive buffer. */
const SMALL = /* @__PURE__ */ new Uint8Array(WORTH_KEEPING);
const SMALL_WORDS = /* @__PURE__ */ new Int32Array(SMALL.buffer);

/** Bytes that a client's frame has more than a server's: its mask. Always a multiple of four. */
const MASK_BYTES = 4;

/** The part of a chunk that is in the scratch, where frames are unmasked: from `from` to `to`. */
const loaded: { chunk: Uint8Array | undefined; from: number; to: number } = { chunk: undefined, from: 0, to: 0 };

/**
 * Decodes what a WebSocket client sends. Messages come out as whole frames of a server: binary, also those of text, without a
 * mask, and back to back, many at a time. They lie in memory that all decoders share, so a sink must not decode.
 */
export class WebSocketDecoder extends ClientFrames {
  /** The message that is not whole; made when it is first needed. */
  #partial: ReceiveBuffer | undefined;
  /** Where the text of that message stands inside a character. */
  #text = WHOLE;

  /** A decoder of messages of up to `maxFrame` bytes. */
  constructor(maxFrame: number) {
    super(maxFrame, true);
  }

  /** See {@link Decoder.maxFrame}. */
  override get maxFrame(): number {
    return this.maxMessage;
  }

  override set maxFrame(bytes: number) {
    this.maxMessage = bytes;
  }

  /** See {@link ClientFrames.retainedBytes}. */
  override get retainedBytes(): number {
    return super.retainedBytes + (this.#partial?.retainedBytes ?? 0);
  }

  /** See {@link ClientFrames.decode}. */
  override decode(chunk: Uint8Array, sink: ControlSink): number {
    // It may be the same memory as before, with other bytes in it.
    loaded.chunk = undefined;
    return super.decode(chunk, sink);
  }

  /** See {@link ClientFrames.reset}. */
  override reset(): void {
    super.reset();
    this.#partial = undefined;
    this.#text = WHOLE;
  }

  /**
   * Takes the messages that lie whole in the scratch. A server's frame is the client's without the four bytes of its mask, so
   * a run of them moves down word by word, over what was read already.
   */
  protected override messages(chunk: Uint8Array, at: number, sink: ControlSink): number {
    const first = plainEnd(chunk, at, chunk.length, this.maxMessage);
    if (first === 0) return at;
    if (loaded.chunk !== chunk || at < loaded.from || first > loaded.to) load(chunk, at);
    const offset = loaded.from;
    const start = at - offset;
    const to = loaded.to - offset;
    let source = start;
    let target = start;
    let count = 0;
    for (;;) {
      const end = plainEnd(SCRATCH, source, to, this.maxMessage);
      if (end === 0 || !move(source, end, target)) break;
      target += end - source - MASK_BYTES;
      source = end;
      count++;
    }
    if (count > 0) {
      this.completed += count;
      sink.frames(SCRATCH, start, target, count);
    }
    return offset + source;
  }

  /** Keeps a part of a message. A large one is unmasked into memory that is kept as it is. */
  protected override part(chunk: Uint8Array, at: number, end: number, header: Uint8Array, mask: number): void {
    const size = end - at;
    const isLarge = size >= WORTH_KEEPING;
    const piece = isLarge ? new Uint8Array(size) : SMALL;
    const words = isLarge ? new Int32Array(piece.buffer, 0, size >> 2) : SMALL_WORDS;
    const isAscii = copyUnmasked(chunk, at, end, piece, words, 0, header, mask, this.phase);
    if (this.kind === TEXT && !(isAscii && this.#text === WHOLE)) {
      this.#text = readUtf8(this.#text, piece, 0, size);
      if (this.#text === BROKEN) return this.#refuseText();
    }
    this.#partial ??= new ReceiveBuffer(true);
    this.#partial.append(piece, 0, size);
  }

  /** Hands on a message that came in parts. */
  protected override whole(length: number, sink: ControlSink): void {
    if (this.#text !== WHOLE) return this.#refuseText();
    const partial = this.#partial!;
    const header = new Uint8Array(headerSize(length));
    writeHeader(length, header, 0);
    this.completed++;
    sink.pieces([header, ...partial.pieces()], header.length + length);
    partial.clear();
  }

  /** Nothing is left to hand on. */
  protected override flush(): void {}

  /** There is no stream inside. */
  protected override get between(): boolean {
    return true;
  }

  #refuseText(): void {
    this.fail(1007, "a message of text is not UTF-8");
  }
}

/** Fills the scratch with the chunk from `from` on. */
function load(chunk: Uint8Array, from: number): void {
  loaded.chunk = chunk;
  loaded.from = from;
  loaded.to = Math.min(chunk.length, from + SCRATCH.length);
  SCRATCH.set(chunk.subarray(from, loaded.to));
}

/**
 * Where the message of one frame at `at` ends, if all of it lies before `to` and it may be moved to the run; else 0. It is no
 * judge of what breaks a rule.
 */
function plainEnd(bytes: Uint8Array, at: number, to: number, maxFrame: number): number {
  // No payload follows a header of fewer bytes.
  if (to - at < 7) return 0;
  const first = bytes[at]!;
  if (first !== (FIN | BINARY) && first !== (FIN | TEXT)) return 0;
  let length = bytes[at + 1]! - MASKED;
  let payload = at + 6;
  if (length === 126) {
    length = bytes[at + 2]! << 8 | bytes[at + 3]!;
    payload = at + 8;
    if (length < 126) return 0;
  }
  // 127, a length of eight bytes, is for frames that are larger than the scratch.
  if (length <= 0 || length > maxFrame || bytes[at + 1] === 255) return 0;
  return payload + length > to ? 0 : payload + length;
}

/** Makes the client's frame that lies in the scratch a server's at `target`. Returns false when its text is not UTF-8. */
function move(source: number, end: number, target: number): boolean {
  const isText = SCRATCH[source] === (FIN | TEXT);
  const second = SCRATCH[source + 1]! - MASKED;
  const size = second === 126 ? 4 : 2;
  // The header goes first: the payload may move over the one that it is made of.
  SCRATCH[target] = FIN | BINARY;
  SCRATCH[target + 1] = second;
  if (size === 4) {
    SCRATCH[target + 2] = SCRATCH[source + 2]!;
    SCRATCH[target + 3] = SCRATCH[source + 3]!;
  }
  const payload = source + size + MASK_BYTES;
  const to = target + size;
  const isAscii = unmask(SCRATCH, SCRATCH_WORDS, payload, end, to, SCRATCH, payload - MASK_BYTES, 0);
  return !isText || isAscii || readUtf8(WHOLE, SCRATCH, to, to + end - payload) === WHOLE;
}
