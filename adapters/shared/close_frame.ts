/**
 * What a mob says at the end of a WebSocket: the codes of RFC 6455, 7.4, in the words of a client.
 *
 * @module
 */

import type { CloseFrame } from "../../src/contract/adapter.ts";

/** The codes with which a connection ends in order: done, going away, none. */
const IN_ORDER: readonly number[] = [1000, 1001, 1005];

/** Codes that are no fault of the connection: a rule was broken, a message is too large, there is no room now. */
const CODES: Readonly<Record<number, readonly [CloseFrame["error"], string]>> = {
  1008: ["REFUSED", "the mob refused this client"],
  1009: ["FRAME_TOO_LARGE", "a frame is over the mob's maxFrame"],
  1013: ["REFUSED", "the mob has no room now"],
};

/** The close frame with a code, 1005 when it has none, and a text. */
export function closeFrameOf(code: number, reason: string): CloseFrame {
  const [error, what] = CODES[code] ?? [IN_ORDER.includes(code) ? undefined : "LOST", "the mob closed the connection"];
  const words = `${what} (${code}${reason && `, ${reason}`})`;
  return { error, words, isAnswer: code === 1000 || code === 1005 };
}
