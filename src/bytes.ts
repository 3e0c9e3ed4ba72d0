/**
 * Bytes: none of them, those of text, as hexadecimal digits, and whether they are equal.
 *
 * @module
 */

/** No bytes. */
export const NOTHING: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

const encoder = /* @__PURE__ */ new TextEncoder();

/** The text as UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Whether two arrays hold the same bytes. Not for secrets: the time that it takes depends on both. */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}

/** The bytes as hexadecimal digits, two each. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Writes the bytes that are given as hexadecimal digits into `target` at `at`. */
export function writeHex(digits: string, target: Uint8Array, at: number): void {
  for (let index = 0; index < digits.length; index += 2) {
    target[at + index / 2] = parseInt(digits.slice(index, index + 2), 16);
  }
}
