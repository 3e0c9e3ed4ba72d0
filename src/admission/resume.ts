/**
 * Resuming: a client says in its first frame up to where it has received the stream, and is told where its stream begins.
 *
 * @module
 */

import type { Resumption } from "../broadcast/history.ts";
import { FirstFrameHandshake } from "./first_frame.ts";
import { decodeHello, encodeHello, helloLength, type Numbering, type StreamOffset } from "../framing/hello.ts";
import type { Framing } from "../framing/framing.ts";
import type { HandshakeResult, HandshakeStep } from "./handshake.ts";

const reason = "handshake-failed";
const WRONG: HandshakeResult = { state: "rejected", reason, why: "its first frame is no hello: does it resume?" };
const LEFT: HandshakeResult = { state: "rejected", reason, why: "it left before it said where it resumes" };

/** Makes the step of a listener in the framing of its mob, which knows these ways to count, the first before the others. */
export function resumeStep(framing: Framing, numberings: readonly Numbering[]): HandshakeStep {
  return (connection) => {
    const accepts = (payload: Uint8Array): boolean => {
      const asked = decodeHello(framing, "mob1", payload);
      if (asked) connection.resumption = new Resuming(framing, numberings, asked);
      return asked !== undefined;
    };
    return new FirstFrameHandshake({ length: helloLength(framing), accepts, wrong: WRONG, left: LEFT }, connection);
  };
}

/** A stream that resumes, if it can. */
class Resuming implements Resumption {
  readonly #framing: Framing;
  readonly #numberings: readonly Numbering[];
  readonly #asked: StreamOffset;
  /** In which way the client counts on; `undefined`: it has to begin anew. */
  #numbering: Numbering | undefined;

  constructor(framing: Framing, numberings: readonly Numbering[], asked: StreamOffset) {
    this.#framing = framing;
    this.#numberings = numberings;
    this.#asked = asked;
  }

  from(end: number): number | undefined {
    const numbering = this.#numberings.find(({ epoch }) => epoch === this.#asked.epoch);
    const from = this.#asked.offset - (numbering?.base ?? 0);
    // What lies in the future was counted in another stream, whatever it says.
    if (!numbering || from > end) return undefined;
    this.#numbering = numbering;
    return Math.max(from, numbering.from);
  }

  answer(cursor: number): Uint8Array {
    const { epoch, base } = this.#numbering ?? this.#numberings.find(({ from }) => from <= cursor)!;
    return encodeHello(this.#framing, "MOB1", { epoch, offset: base + cursor });
  }
}
