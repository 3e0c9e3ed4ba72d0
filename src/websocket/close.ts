/**
 * Close codes (RFC 6455, 7.4): which ones there are, and what a client is told for each reason for which a connection ends.
 *
 * @module
 */

/** What the close code of a connection depends on besides the reason: its decoder. */
export interface CloseState {
  /** The code of the client's close frame; `undefined` when none came, or one without a code. */
  readonly closeCode?: number | undefined;
  /** The rule that the client broke, if it did. */
  readonly failure?: { readonly code: number } | undefined;
}

/** The codes by reason. Not there: the connection ends without a close frame. */
const CODES: Readonly<Record<string, number>> = {
  "end": 1000,
  "shutdown": 1001,
  "protocol-error": 1002,
  "idle": 1008,
  "frame-timeout": 1008,
  "unauthorized": 1008,
  "disconnected": 1008,
  "receive-memory": 1008,
  "refused": 1008,
  "frame-too-large": 1009,
  "internal": 1011,
  "gap": 1013,
};

/**
 * The code of the close frame for the reason for which a connection ends: the client's own code where it has closed, and that
 * of the rule where it broke one. `undefined`: none is sent, since nothing is behind what the client does not read.
 */
export function closeCodeOf(reason: string, state?: CloseState): number | undefined {
  if (reason === "end" && state?.closeCode !== undefined) return state.closeCode;
  if (reason === "protocol-error" && state?.failure) return state.failure.code;
  return Object.hasOwn(CODES, reason) ? CODES[reason] : undefined;
}

/** Whether a close frame may hold this code. 1004 to 1006 and 1015 are only names, and 1016 to 2999 are for later versions. */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code <= 1003 || code >= 1007);
}
