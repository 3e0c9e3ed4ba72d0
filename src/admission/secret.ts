/**
 * The shared secret: what a client has to send in its first frame, where the listener asks for it.
 *
 * @module
 */

import { type Framing, type FramingName, FRAMINGS, overhead, TOO_LARGE } from "../framing/framing.ts";
import { ReceiveBuffer } from "../framing/receive_buffer.ts";
import type { Handshake, HandshakeResult, HandshakeStep } from "./handshake.ts";

/** The longest secret in bytes: no more is kept of an unauthenticated connection. */
const LONGEST = 4096;

/** The handshake of a secret: the first frame that is no ping has to be the secret. */
export class SecretHandshake implements Handshake {
  readonly #framing: Framing;
  readonly #secret: Uint8Array;
  /** The bytes received of the first frame. */
  readonly #partial: ReceiveBuffer = new ReceiveBuffer(false);

  /** Makes a handshake that accepts `secret` as the payload of a frame in `framing`. */
  constructor(secret: Uint8Array, framing: FramingName) {
    this.#framing = FRAMINGS[framing];
    this.#secret = secret;
  }

  /** See {@link Handshake.retainedBytes}: at most twice the secret and a header. */
  get retainedBytes(): number {
    return this.#partial.retainedBytes;
  }

  /** See {@link Handshake.receive}. A header that declares more than the secret's length is wrong at once. */
  receive(chunk: Uint8Array): HandshakeResult {
    const partial = this.#partial;
    const { header, trailer } = this.#framing;
    for (let at = partial.length === 0 ? this.#afterPings(chunk, 0) : 0;;) {
      const missing = this.#framing.missing(partial, chunk, at, this.#secret.length);
      if (missing === TOO_LARGE) return WRONG;
      if (missing > 0) {
        const to = Math.min(at + missing, chunk.length);
        if (to === at) return MORE;
        partial.append(chunk, at, to);
        at = to;
      } else if (partial.length === header + trailer) {
        partial.clear();
        at = this.#afterPings(chunk, at);
      } else {
        const payload = partial.head.subarray(header, partial.length - trailer);
        return sameBytes(payload, this.#secret) ? { state: "accepted", rest: chunk.subarray(at) } : WRONG;
      }
    }
  }

  /** Where the whole pings that start at `from` end. Skipping them costs no more than for an open connection. */
  #afterPings(chunk: Uint8Array, from: number): number {
    const ping = overhead(this.#framing);
    let at = from;
    while (at < chunk.length && this.#framing.end(chunk, at, chunk.length, this.#secret.length) === at + ping) {
      at += ping;
    }
    return at;
  }
}

const MORE: HandshakeResult = { state: "more" };
const WRONG: HandshakeResult = { state: "rejected", why: "its first frame is not the secret" };

/** Makes the step for a secret, which {@link refusesSecret} accepts. */
export function secretStep(secret: string, framing: FramingName): HandshakeStep {
  const payload = new TextEncoder().encode(secret);
  return () => new SecretHandshake(payload, framing);
}

/**
 * Whether two byte strings are equal, in a time that depends on the length of the first alone: it does not tell how many
 * bytes of a guess were right. Not `timingSafeEqual`, which belongs to a runtime (`node:crypto`).
 */
export function sameBytes(guess: Uint8Array, secret: Uint8Array): boolean {
  let difference = guess.length ^ secret.length;
  for (let index = 0; index < guess.length; index++) difference |= guess[index]! ^ (secret[index] ?? 0);
  return difference === 0;
}

/** Why this cannot be a secret, or `undefined`. The text does not show it. */
function refusesSecret(secret: string, framing: FramingName): string | undefined {
  const payload = new TextEncoder().encode(secret);
  if (payload.length === 0) return "it is empty, leave it out to ask for none";
  if (payload.length > LONGEST) return `it has ${payload.length} bytes, and ${LONGEST} are the most`;
  if (new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload) !== secret) {
    return "it holds half a surrogate pair, which has no UTF-8";
  }
  return FRAMINGS[framing].refuses(payload);
}

/** The error does not show the secret: it may be all but right. */
export function checkSecret(secret: unknown, framing: FramingName): void {
  const wrong = typeof secret === "string" ? refusesSecret(secret, framing) : `it is a string, not ${typeof secret}`;
  if (wrong !== undefined) throw new TypeError(`Cannot use secret (not shown): ${wrong}`);
}
