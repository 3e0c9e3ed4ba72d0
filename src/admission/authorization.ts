/**
 * Authorization: the last step of a handshake, in which the application decides.
 *
 * @module
 */

import type { Handshake, HandshakeResult, HandshakeStep } from "./handshake.ts";

const NOTHING = new Uint8Array(0);
const REFUSED: HandshakeResult = { state: "rejected", why: "authorize refused it" };

/** Asks the application, which answers with `decide`, at once or later. */
export type Ask = (decide: (allowed: boolean) => void) => void;

/** A handshake that takes no bytes: the connection is not read while the application decides. */
class AuthorizationHandshake implements Handshake {
  readonly retainedBytes = 0;
  #allowed: boolean | undefined;

  constructor(ask: Ask, decided: () => void) {
    ask((allowed) => {
      this.#allowed ??= allowed;
      decided();
    });
  }

  receive(rest: Uint8Array): HandshakeResult {
    if (this.#allowed === undefined) return { state: "waiting", rest };
    return this.#allowed ? { state: "accepted", rest } : REFUSED;
  }

  result(): HandshakeResult {
    return this.receive(NOTHING);
  }
}

/** Makes the step that asks the application. `decided` makes the connection readable again. */
export function authorizationStep(ask: Ask, decided: () => void): HandshakeStep {
  return () => new AuthorizationHandshake(ask, decided);
}
