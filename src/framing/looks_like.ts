/**
 * A guess at what a client speaks instead of the framing, from its first bytes.
 *
 * @module
 */

import { type FramingName, FRAMINGS } from "./framing.ts";

/**
 * What the first bytes of a stream look like, `looks like HTTP`, when they do not look like the framing; `undefined` when
 * they look like it, or like nothing known. Four bytes tell most, sixteen nearly all.
 */
export function looksLike(bytes: Uint8Array, framing: FramingName): string | undefined {
  const { header } = FRAMINGS[framing];
  const [first, second, third, fourth] = bytes;
  const what = first === 22 && second === 3
    ? "TLS"
    : first === 0
    ? fourth !== undefined && (second === 0 && third === 0 && fourth === 0 ? "u64 frames" : "u32 frames")
    : textLike(bytes) ?? (header > 0 && bytes[header - 1] === 0 && bytes[header - 2] === 0 && "little-endian lengths");
  return !what || what === `${framing} frames` || (what === "lines" && header === 0) ? undefined : `looks like ${what}`;
}

/** Whether bytes are text in UTF-8, which may end inside a character, and of which kind. */
function textLike(bytes: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(bytes, { stream: true });
  // deno-lint-ignore no-control-regex -- bytes of control characters are what tells binary data from text
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|^$/.test(text)) return undefined;
  return /^(HTTP\/|PRI |[A-Z]{3,7} [/*h])/.test(text) ? "HTTP" : "lines";
}
