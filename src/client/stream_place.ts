/**
 * A client's place in the stream of a mob: what one connection asks for, what it is told, and what it has received since.
 *
 * @module
 */

import { type Framing, TOO_LARGE, UNKNOWN } from "../framing/framing.ts";
import { decodeHello, helloLength, helloOf, NO_OFFSET, type StreamOffset } from "../framing/hello.ts";

/** The place of one connection. */
export class StreamPlace {
  /** Bytes of the frames that were received. */
  received = 0;
  /** Whether what came first is no hello of a mob. */
  wrong = false;
  readonly #framing: Framing;
  readonly #asked: StreamOffset;
  readonly #hello: Uint8Array;
  #filled = 0;
  #begins: StreamOffset | undefined;

  /** A place that goes on at `asked`, which is where an earlier connection has received the stream up to. */
  constructor(framing: Framing, asked: StreamOffset = NO_OFFSET) {
    this.#framing = framing;
    this.#asked = asked;
    this.#hello = new Uint8Array(framing.size(helloLength(framing)));
  }

  /** The first message of the client. */
  get hello(): Uint8Array {
    return helloOf(this.#framing, "mob1", this.#asked);
  }

  /** Whether the mob has said where the stream begins. */
  get begun(): boolean {
    return this.#begins !== undefined;
  }

  /** Up to where the stream was received. */
  get end(): StreamOffset {
    const begins = this.#begins;
    return begins ? { epoch: begins.epoch, offset: begins.offset + this.received } : this.#asked;
  }

  /** How many bytes are missing between what was asked for and where the stream begins; `undefined`: that is not known. */
  get missing(): number | undefined {
    const begins = this.#begins;
    if (begins?.epoch !== this.#asked.epoch || begins.offset < this.#asked.offset) return undefined;
    return begins.offset - this.#asked.offset;
  }

  /** Takes the bytes of the mob's hello, and returns those behind it. */
  receive(chunk: Uint8Array): Uint8Array {
    const { header, trailer } = this.#framing;
    const taken = chunk.subarray(0, this.#hello.length - this.#filled);
    this.#hello.set(taken, this.#filled);
    this.#filled += taken.length;
    const { length } = this.#hello;
    const end = this.#framing.end(this.#hello, 0, this.#filled, length - header - trailer);
    if (end === TOO_LARGE || (end !== UNKNOWN && end !== length)) this.wrong = true;
    if (this.wrong || this.#filled < length) return chunk.subarray(taken.length);
    this.#begins = decodeHello(this.#framing, "MOB1", this.#hello.subarray(header, length - trailer));
    this.wrong = !this.#begins;
    return chunk.subarray(taken.length);
  }
}
