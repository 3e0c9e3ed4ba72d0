/**
 * What a mob says at the end of a WebSocket: the codes of RFC 6455, 7.4, in the words of a client.
 *
 * @module
 */

import type { CloseFrame } from "../contract/adapter.ts";
import { ClientError } from "./client_error.ts";

/** The codes with which a connection ends in order: done, going away, none. */
const IN_ORDER: readonly number[] = [1000, 1001, 1005];

/** Codes that are no fault of the connection: a rule was broken, a message is too large, there is no room now. */
const CODES: Readonly<Record<number, readonly ["REFUSED" | "FRAME_TOO_LARGE", string]>> = {
  1008: ["REFUSED", "the mob refused this client"],
  1009: ["FRAME_TOO_LARGE", "a frame is over the mob's maxFrame"],
  1013: ["REFUSED", "the mob has no room now"],
};

/** A close frame in a few words: `1009, a message is over maxFrame`. */
export function shownClose({ code, reason }: CloseFrame): string {
  return reason === "" ? `${code}` : `${code}, ${reason}`;
}

/** Whether the mob has answered a close of this client with the same code: then it has read everything before it. */
export function isAnswer({ code }: CloseFrame): boolean {
  return code === 1000 || code === 1005;
}

/** Why a mob has closed the connection to this client; `undefined` when that was in order. */
export function closedByMob(cannot: string, frame: CloseFrame): ClientError | undefined {
  if (IN_ORDER.includes(frame.code)) return undefined;
  const [code, words] = CODES[frame.code] ?? ["LOST", "the mob closed the connection"];
  return new ClientError(code, `${cannot}: ${words} (${shownClose(frame)})`);
}
