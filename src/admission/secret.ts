/**
 * The shared secret: what a client has to send in its first frame, where the listener asks for it.
 *
 * @module
 */

import { cannotUse } from "../check.ts";
import { FrameDecoder } from "../framing/decoder.ts";
import { type Framing, type FramingName, FRAMINGS } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import type { Handshake, HandshakeResult, HandshakeStep } from "./handshake.ts";
import { utf8 } from "../bytes.ts";

/** The longest secret in bytes: no more is kept of an unauthenticated connection. */
const LONGEST = 4096;

/** The handshake of a secret: the first frame that is no ping has to be the secret. */
export class SecretHandshake implements Handshake {
  readonly #framing: Framing;
  readonly #secret: Uint8Array;
  /** A header that declares more than the secret's length is wrong at once. */
  readonly #decoder: FrameDecoder;

  /** Makes a handshake that accepts `secret` as the payload of a frame in `framing`. */
  constructor(secret: Uint8Array, framing: FramingName) {
    this.#framing = FRAMINGS[framing];
    this.#secret = secret;
    this.#decoder = new FrameDecoder({ framing, maxFrame: secret.length });
  }

  /** See {@link Handshake.retainedBytes}: at most twice the secret and a header. */
  get retainedBytes(): number {
    return this.#decoder.retainedBytes;
  }

  /** See {@link Handshake.receive}. Only the first frame counts, and what the decoder finds behind it is decoded anew. */
  receive(chunk: Uint8Array): HandshakeResult {
    const { pending } = this.#decoder;
    const { header, trailer } = this.#framing;
    let result: HandshakeResult | undefined;
    const look = (bytes: Uint8Array, start: number, end: number, next: number): void => {
      const isSecret = sameBytes(bytes.subarray(start + header, end - trailer), this.#secret);
      result ??= isSecret ? { state: "accepted", rest: chunk.subarray(next) } : WRONG;
    };
    this.#decoder.decode(chunk, {
      frames: (bytes, start, to) => {
        const end = this.#framing.end(bytes, start, to, to);
        look(bytes, start, end, end);
      },
      pieces: (pieces, length) => look(concatenate(pieces, length), 0, length, length - pending),
    });
    return result ?? (this.#decoder.failed ? WRONG : MORE);
  }
}

const MORE: HandshakeResult = { state: "more" };
const WRONG: HandshakeResult = { state: "rejected", why: "its first frame is not the secret" };

/** Makes the step for a secret, which {@link refusesSecret} accepts. */
export function secretStep(secret: string, framing: FramingName): HandshakeStep {
  const payload = utf8(secret);
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
  const payload = utf8(secret);
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
  if (wrong) cannotUse("secret (not shown)", wrong);
}
