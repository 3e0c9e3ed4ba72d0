/**
 * The shared secret: what a client has to send in its first frame, where the listener asks for it.
 *
 * @module
 */

import type { ControlSink } from "../framing/decoder.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import type { Handshake, HandshakeResult, HandshakeStep, Handshaking } from "./handshake.ts";
import { utf8 } from "../bytes.ts";

/**
 * The handshake of a secret: the first frame that is no ping has to be the secret. The connection's own decoder cuts it, so
 * that the bytes after the secret are decoded once, and a protocol around the frames needs nothing of its own.
 */
export class SecretHandshake implements Handshake {
  readonly #secret: Uint8Array;
  readonly #connection: Handshaking;
  readonly #maxFrame: number;
  readonly #sink: ControlSink;
  /** Whether the first frame is the secret; `undefined` while it is not whole. */
  #right: boolean | undefined;

  /** Makes a handshake that accepts `secret` as the first payload of the connection. */
  constructor(secret: Uint8Array, connection: Handshaking) {
    this.#secret = secret;
    this.#connection = connection;
    // A header that declares more than the secret's length is wrong at once, and no more is kept.
    this.#maxFrame = connection.decoder.maxFrame;
    connection.decoder.maxFrame = secret.length;
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

  /** See {@link Handshake.receive}. Pings are shorter than the secret's frame, so no part of a chunk holds more than that. */
  receive(chunk: Uint8Array): HandshakeResult {
    const { decoder, feed } = this.#connection;
    const whole = feed.framing.size(this.#secret.length);
    for (let at = 0; at < chunk.length;) {
      const next = Math.min(chunk.length, at + (decoder.pending === 0 ? whole : 1));
      decoder.decode(chunk.subarray(at, next), this.#sink);
      at = next;
      if (this.#right === false || decoder.failed) return WRONG;
      if (decoder.closed) return LEFT;
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
    this.#right ??= sameBytes(payload, this.#secret);
  }
}

const MORE: HandshakeResult = { state: "more" };
const WRONG: HandshakeResult = { state: "rejected", why: "its first frame is not the secret" };
const LEFT: HandshakeResult = { state: "rejected", why: "it left before it sent the secret" };

/** Makes the step for a secret, which `checkSecret` accepts. */
export function secretStep(secret: string): HandshakeStep {
  const payload = utf8(secret);
  return (connection) => new SecretHandshake(payload, connection);
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
