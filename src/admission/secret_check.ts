/**
 * What a secret has to be. The handshake that asks for one is loaded with the first listener that does.
 *
 * @module
 */

import { utf8 } from "../bytes.ts";
import { cannotUse } from "../check.ts";
import { type FramingName, FRAMINGS } from "../framing/framing.ts";

/** The longest secret in bytes: no more is kept of an unauthenticated connection. */
const LONGEST = 4096;

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
