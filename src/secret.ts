/**
 * The shared secret: what a client has to say in its first frame, where the mob asks for it.
 *
 * @module
 */

import { type Framing, type FramingName, FRAMINGS, TOO_LARGE } from "./framing.ts";

/** The longest secret in bytes: a stranger makes us keep no more than that. */
const LONGEST = 4096;

/** What one who has yet to say the secret has said of its first frame. */
export interface Hearing {
  readonly bytes: Uint8Array;
  /** How many of the bytes are there. */
  filled: number;
}

/** Knows the secret, and hears whether others do. */
export class Secret {
  readonly #framing: Framing;
  readonly #payload: Uint8Array;

  /** The secret in its framing; {@link refusesSecret} has nothing against it. */
  constructor(secret: string, framing: FramingName) {
    this.#framing = FRAMINGS[framing];
    this.#payload = new TextEncoder().encode(secret);
  }

  /** A newcomer, who has said nothing yet. */
  begin(): Hearing {
    const { header, trailer } = this.#framing;
    return { bytes: new Uint8Array(header + this.#payload.length + trailer), filled: 0 };
  }

  /**
   * Hears more of a newcomer. `undefined`: its first frame is not whole; `wrong`: it is not the secret, which one that
   * is longer shows by its header; otherwise it was, and these are the bytes behind it. Pings are no first frame.
   */
  hear(hearing: Hearing, chunk: Uint8Array): Uint8Array | "wrong" | undefined {
    const { header, trailer } = this.#framing;
    const { bytes } = hearing;
    for (let at = 0;;) {
      const missing = this.#framing.missing(bytes, hearing.filled, chunk, at, this.#payload.length);
      if (missing === TOO_LARGE) return "wrong";
      if (missing > 0) {
        const part = chunk.subarray(at, at + missing);
        if (part.length === 0) return undefined;
        bytes.set(part, hearing.filled);
        hearing.filled += part.length;
        at += part.length;
      } else if (hearing.filled === header + trailer) {
        hearing.filled = 0;
      } else {
        const said = bytes.subarray(header, hearing.filled - trailer);
        return sameBytes(said, this.#payload) ? chunk.subarray(at) : "wrong";
      }
    }
  }
}

/**
 * Whether two strings of bytes are the same, in a time that depends on the length of the first alone: it does not tell
 * how many bytes of a guess were right. Not `timingSafeEqual`, which is a runtime's (`node:crypto`).
 */
export function sameBytes(said: Uint8Array, secret: Uint8Array): boolean {
  let difference = said.length ^ secret.length;
  for (let index = 0; index < said.length; index++) difference |= said[index]! ^ (secret[index] ?? 0);
  return difference === 0;
}

/** Why this cannot be a secret, or `undefined`; without a word of it. */
export function refusesSecret(secret: string, framing: FramingName): string | undefined {
  const payload = new TextEncoder().encode(secret);
  if (payload.length === 0) return "it is empty, leave it out to ask for none";
  if (payload.length > LONGEST) return `it has ${payload.length} bytes, and ${LONGEST} are the most`;
  if (new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload) !== secret) {
    return "it holds half a surrogate pair, which has no UTF-8";
  }
  return FRAMINGS[framing].refuses(payload);
}
