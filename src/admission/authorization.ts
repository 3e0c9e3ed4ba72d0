/**
 * Authorization: the last step of a handshake, in which the application decides.
 *
 * @module
 */

import type { HandshakeResult, HandshakeStep } from "./handshake.ts";
import { NOTHING } from "../bytes.ts";

const REFUSED: HandshakeResult = { state: "rejected", why: "authorize refused it" };

/** Asks the application, which answers with `decide`, at once or later. */
export type Ask = (decide: (allowed: boolean) => void) => void;

/**
 * Makes the step that asks the application: a handshake that takes no bytes, and the connection is not read meanwhile.
 * `decided` makes it readable again.
 */
export function authorizationStep(ask: Ask, decided: () => void): HandshakeStep {
  return () => {
    let allowed: boolean | undefined;
    const receive = (rest: Uint8Array): HandshakeResult => {
      if (allowed === undefined) return { state: "waiting", rest };
      return allowed ? { state: "accepted", rest } : REFUSED;
    };
    ask((answer) => {
      allowed ??= answer;
      decided();
    });
    return { receive, result: () => receive(NOTHING), retainedBytes: 0 };
  };
}
