/**
 * Whether bytes are UTF-8 (RFC 3629), wherever they are cut into pieces. A look into a table for each byte takes as long for
 * every text, and makes no string, which a `TextDecoder` does; on Node that takes nearly twice as long.
 *
 * @module
 */

/** No character is under way. */
export const WHOLE = 0;

/** The bytes are no UTF-8. */
export const BROKEN = 8;

/**
 * What may come next. 1 to 3: so many more bytes of a character; 4 to 7: the second byte after E0, ED, F0 and F4, where some
 * would make a character longer than it has to be, half a surrogate pair, or one beyond the last.
 */
const AFTER_E0 = 4, AFTER_ED = 5, AFTER_F0 = 6, AFTER_F4 = 7;

/** For each state, the least and the largest byte that goes on, and the state after it. */
const LEAST = /* @__PURE__ */ new Uint8Array([0, 0x80, 0x80, 0x80, 0xa0, 0x80, 0x90, 0x80, 1]);
const LARGEST = /* @__PURE__ */ new Uint8Array([0, 0xbf, 0xbf, 0xbf, 0xbf, 0x9f, 0xbf, 0x8f, 0]);
const NEXT = /* @__PURE__ */ new Uint8Array([0, WHOLE, 1, 2, 1, 1, 2, 2, BROKEN]);

/** The state behind the first byte of a character. */
function behindFirst(byte: number): number {
  if (byte < 0x80) return WHOLE;
  if (byte < 0xc2) return BROKEN;
  if (byte < 0xe0) return 1;
  if (byte < 0xf0) return byte === 0xe0 ? AFTER_E0 : byte === 0xed ? AFTER_ED : 2;
  if (byte > 0xf4) return BROKEN;
  return byte === 0xf0 ? AFTER_F0 : byte === 0xf4 ? AFTER_F4 : 3;
}

/** The state behind a byte in a state. */
function behind(state: number, byte: number): number {
  if (state === WHOLE) return behindFirst(byte);
  return byte < LEAST[state]! || byte > LARGEST[state]! ? BROKEN : NEXT[state]!;
}

/** The same for every state and byte, at `state * 256 + byte`: one look for each byte. */
const BEHIND: Uint8Array = /* @__PURE__ */ new Uint8Array((BROKEN + 1) << 8).map((_, at) => behind(at >> 8, at & 255));

/** Reads bytes from `from` to `to` in a state, {@link WHOLE} at first. Returns the state behind them; {@link BROKEN} stays so. */
export function readUtf8(state: number, bytes: Uint8Array, from: number, to: number): number {
  let now = state;
  for (let at = from; at < to; at++) now = BEHIND[now << 8 | bytes[at]!]!;
  return now;
}
