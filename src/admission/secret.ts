/**
 * The shared secret: what a client has to say in its first frame, where the mob asks for it.
 *
 * @module
 */

import { type Framing, type FramingName, FRAMINGS, TOO_LARGE } from "../framing/framing.ts";
import type { ReceiveBuffer } from "../framing/receive_buffer.ts";

/** The longest secret in bytes: an unauthenticated connection makes us keep no more than that. */
const LONGEST = 4096;

/** Knows the secret, and receives whether others do. */
export class SecretCheck {
  readonly #framing: Framing;
  readonly #payload: Uint8Array;

  /** The secret in its framing; {@link refusesSecret} has nothing against it. */
  constructor(secret: string, framing: FramingName) {
    this.#framing = FRAMINGS[framing];
    this.#payload = new TextEncoder().encode(secret);
  }

  /**
   * Receives more of an incoming connection, of whose first frame `said` is what came before. `undefined`: it is not whole; `wrong`: it
   * is not the secret, which one that is longer shows by its header; otherwise it was, and these are the bytes behind
   * it. Pings are no first frame.
   */
  receive(said: ReceiveBuffer, chunk: Uint8Array): Uint8Array | "wrong" | undefined {
    const { header, trailer } = this.#framing;
    for (let at = said.length === 0 ? this.#afterPings(chunk, 0) : 0;;) {
      const missing = this.#framing.missing(said, chunk, at, this.#payload.length);
      if (missing === TOO_LARGE) return "wrong";
      if (missing > 0) {
        const to = Math.min(at + missing, chunk.length);
        if (to === at) return undefined;
        said.append(chunk, at, to);
        at = to;
      } else if (said.length === header + trailer) {
        said.clear();
        at = this.#afterPings(chunk, at);
      } else {
        const payload = said.head.subarray(header, said.length - trailer);
        return sameBytes(payload, this.#payload) ? chunk.subarray(at) : "wrong";
      }
    }
  }

  /** Where the whole pings end that the chunk has from `from` on. They cost no more than those of a member. */
  #afterPings(chunk: Uint8Array, from: number): number {
    const { header, trailer } = this.#framing;
    const ping = header + trailer;
    let at = from;
    while (at < chunk.length && this.#framing.end(chunk, at, chunk.length, this.#payload.length) === at + ping) {
      at += ping;
    }
    return at;
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
