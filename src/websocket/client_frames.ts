/**
 * The frames of a WebSocket client (RFC 6455, 5): what may come in which order, and what becomes of it until a decoder takes
 * it.
 *
 * @module
 */

import { NOTHING } from "../bytes.ts";
import type { ControlSink, Decoder, DecoderFailure } from "../framing/decoder.ts";
import { clientHeaderSize, declaredLength, LONGEST_HEADER, OPCODE, refusesFrame } from "./client_header.ts";
import { isCloseCode } from "./close.ts";
import { CLOSE, CONTINUATION, FIN, TEXT } from "./frame.ts";
import { copyUnmasked } from "./mask.ts";
import { readUtf8, WHOLE } from "./utf8.ts";

/** Which rule a client broke. */
export interface Failure extends DecoderFailure {
  readonly code: 1002 | 1003 | 1007 | 1009;
}

/**
 * Reads client frames, wherever the stream is split into chunks, and never changes a chunk. A decoder says what becomes of
 * the payloads. What breaks a rule is refused from the first byte that shows it: the decoder is then `failed`.
 */
export abstract class ClientFrames implements Decoder {
  /** The largest message in bytes, all its fragments together. */
  protected maxMessage: number;
  readonly #takesText: boolean;
  /** The header of the frame under way, made when it is first needed: an idle connection has none. */
  #header: Uint8Array | undefined;
  /** Bytes of it that came; 0 between frames. */
  #headerLength = 0;
  /** Bytes of payload that are missing. */
  #left = 0;
  /** The payload of the control frame under way. */
  #control: Uint8Array | undefined;
  /** Bytes of payload in the frames of the message under way. */
  #length = 0;
  #failure: Failure | undefined;
  /** What the frame that broke a rule begins with. */
  #refused: Uint8Array | undefined;
  #closed = false;
  #closeCode: number | undefined;
  /** Text or binary once a message has begun that is not whole; 0 between messages. */
  protected kind = 0;
  /** Bytes of the payload under way that came before, modulo four: the place in its mask. */
  protected phase = 0;
  /** Messages that the chunk under way has completed, and control frames between messages. */
  protected completed = 0;
  /** Messages without a payload. */
  protected empty = 0;

  /** Frames of messages of up to `maxMessage` bytes in all their fragments; `takesText`: also of text. */
  constructor(maxMessage: number, takesText: boolean) {
    this.maxMessage = maxMessage;
    this.#takesText = takesText;
  }

  /** See {@link Decoder.maxFrame}. */
  abstract maxFrame: number;

  /** Which rule the client broke; `undefined` when none. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** See {@link Decoder.failed}. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether a close frame came: nothing after it counts. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The code of the close frame; `undefined` when none came, or one without a code. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** The header of the frame that broke a rule or is not whole, as far as it came. */
  get head(): Uint8Array {
    return this.#refused ?? this.#header?.slice(0, this.#headerLength) ?? NOTHING;
  }

  /** See {@link Decoder.pending}. A fragment without a payload begins a message, too. */
  get pending(): number {
    const ofMessage = this.kind === 0 ? 0 : 1 + this.#length - (this.#control ? 0 : this.#left);
    return this.#headerLength + ofMessage;
  }

  /** See {@link Decoder.retainedBytes}. */
  get retainedBytes(): number {
    return (this.#header?.length ?? 0) + (this.#control?.length ?? 0);
  }

  /** See {@link Decoder.pings}. */
  get pings(): number {
    return this.empty;
  }

  /**
   * Decodes one chunk, see {@link Decoder.decode}. Returns how many messages the chunk has completed, and how many control
   * frames came between messages: those inside a message do not count, so that they do not renew its deadline.
   */
  decode(chunk: Uint8Array, sink: ControlSink): number {
    this.completed = 0;
    let at = 0;
    while (at < chunk.length && !this.#failure && !this.#closed) {
      if (this.#left > 0) {
        at = this.#payload(chunk, at, sink);
        continue;
      }
      const next = this.kind === 0 && this.#headerLength === 0 ? this.messages(chunk, at, sink) : at;
      at = next > at ? next : this.#begin(chunk, at, sink);
    }
    this.flush(sink);
    if (this.#failure || this.#closed) this.reset();
    return this.completed;
  }

  /** See {@link Decoder.reset}. */
  reset(): void {
    this.#headerLength = this.#left = 0;
    this.#length = this.kind = 0;
    this.#header = this.#control = undefined;
  }

  /**
   * Takes whole messages of one frame each, as many as it likes, the first of which begins at `at`. Returns where it
   * stopped: at `at`, or at the frame that it does not take.
   */
  protected abstract messages(chunk: Uint8Array, at: number, sink: ControlSink): number;

  /** Takes payload of a message: the bytes of the chunk from `at` to `end`, the mask of which is in `header` from `mask` on. */
  protected abstract part(
    chunk: Uint8Array,
    at: number,
    end: number,
    header: Uint8Array,
    mask: number,
    sink: ControlSink,
  ): void;

  /** A message is whole; it has `length` bytes, at least 1. */
  protected abstract whole(length: number, sink: ControlSink): void;

  /** Hands on what is whole and was not handed on yet: a ping or a control frame has come, or the chunk is at its end. */
  protected abstract flush(sink: ControlSink): void;

  /** Whether the stream inside the messages, if there is one, is at a boundary. */
  protected abstract get between(): boolean;

  /** Fails the connection: a rule is broken. What came before is still handed on. */
  protected fail(code: Failure["code"], why: string): void {
    this.#refused = this.#header?.slice(0, this.#headerLength);
    this.#failure = { code, tooLarge: code === 1009, why };
  }

  /** Takes bytes of a header. Returns where it stopped: behind the header, or at the end of the chunk. */
  #begin(chunk: Uint8Array, from: number, sink: ControlSink): number {
    const header = this.#header ??= new Uint8Array(LONGEST_HEADER);
    for (let at = from; at < chunk.length;) {
      header[this.#headerLength++] = chunk[at++]!;
      if (this.#headerLength === 1) continue;
      if (this.#headerLength === 2 && !this.#allows(header[0]!, header[1]!)) return at;
      if (this.#headerLength < clientHeaderSize(header[1]!)) continue;
      this.#declare(header, sink);
      return at;
    }
    return chunk.length;
  }

  /** Checks the first two bytes of a frame. */
  #allows(first: number, second: number): boolean {
    const why = refusesFrame(first, second, this.kind !== 0);
    if (why) this.fail(1002, why);
    else if ((first & OPCODE) === TEXT && !this.#takesText) {
      this.fail(1003, "a message is text, and mobcast.u64 has none");
    }
    return !this.#failure;
  }

  /** Takes a whole header. */
  #declare(header: Uint8Array, sink: ControlSink): void {
    const length = declaredLength(header);
    if (length < 0) return this.fail(1002, "a length is not in its shortest form");
    const opcode = header[0]! & OPCODE;
    if (opcode < CLOSE) {
      if (this.#length + length > this.maxMessage) return this.fail(1009, "a message is over maxFrame");
      if (opcode !== CONTINUATION) this.kind = opcode;
      this.#length += length;
    } else if (length > 0) {
      this.#control = new Uint8Array(length);
    }
    this.#left = length;
    this.phase = 0;
    if (length === 0) this.#end(header, sink);
  }

  /** Takes payload. Returns where it ends in the chunk. */
  #payload(chunk: Uint8Array, at: number, sink: ControlSink): number {
    const header = this.#header!;
    const mask = this.#headerLength - 4;
    const end = Math.min(chunk.length, at + this.#left);
    const control = this.#control;
    if (control) {
      const start = control.length - this.#left;
      copyUnmasked(chunk, at, end, control, undefined, start, header, mask, this.phase);
    } else this.part(chunk, at, end, header, mask, sink);
    if (this.#failure) return end;
    this.phase = (this.phase + end - at) & 3;
    this.#left -= end - at;
    if (this.#left === 0) this.#end(header, sink);
    return end;
  }

  /** A frame is whole. */
  #end(header: Uint8Array, sink: ControlSink): void {
    const first = header[0]!;
    const opcode = first & OPCODE;
    if (opcode >= CLOSE) {
      this.flush(sink);
      if (!this.#failure) this.#endControl(opcode, sink);
    } else if ((first & FIN) !== 0) {
      const length = this.#length;
      if (length > 0) this.whole(length, sink);
      else this.#endEmpty(sink);
      this.kind = this.#length = 0;
    }
    this.#headerLength = 0;
  }

  /** A message without a payload is a ping of mobcast. */
  #endEmpty(sink: ControlSink): void {
    this.flush(sink);
    this.empty++;
    if (this.between) this.completed++;
  }

  #endControl(opcode: number, sink: ControlSink): void {
    const payload = this.#control ?? NOTHING;
    this.#control = undefined;
    if (opcode === CLOSE && !this.#close(payload)) return;
    if (this.kind === 0 && this.between) this.completed++;
    sink.control(opcode, payload);
  }

  /** Takes the payload of a close frame: nothing, or a code and a reason. */
  #close(payload: Uint8Array): boolean {
    const code = payload.length > 1 ? payload[0]! << 8 | payload[1]! : undefined;
    if (payload.length === 1) this.fail(1002, "a close frame has half a code");
    else if (code !== undefined && !isCloseCode(code)) this.fail(1002, `a close frame has code ${code}`);
    else if (readUtf8(WHOLE, payload, 2, payload.length) !== WHOLE) this.fail(1007, "a close reason is not UTF-8");
    else this.#closed = true;
    this.#closeCode = this.#closed ? code : undefined;
    return this.#closed;
  }
}
