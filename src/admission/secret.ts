/**
 * The shared secret: what a client has to send in its first frame, where the listener asks for it.
 *
 * @module
 */

import { FirstFrameHandshake } from "./first_frame.ts";
import type { HandshakeResult, HandshakeStep, Handshaking } from "./handshake.ts";
import { utf8 } from "../bytes.ts";

const WRONG: HandshakeResult = { state: "rejected", why: "its first frame is not the secret" };
const LEFT: HandshakeResult = { state: "rejected", why: "it left before it sent the secret" };

/** The handshake of a secret: the first frame that is no ping has to be the secret. */
export class SecretHandshake extends FirstFrameHandshake {
  /** Makes a handshake that accepts `secret` as the first payload of the connection. */
  constructor(secret: Uint8Array, connection: Handshaking) {
    const accepts = (payload: Uint8Array): boolean => sameBytes(payload, secret);
    super({ length: secret.length, accepts, wrong: WRONG, left: LEFT }, connection);
  }
}

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
