/**
 * Sanitizing: makes bytes from the network safe to print on a terminal.
 *
 * @module
 */

/**
 * Characters that move the cursor, change colors, hide text or turn it around: C0 but the tab, DEL, C1, and Unicode's line
 * breaks, zero-width and bidirectional controls.
 */
// deno-lint-ignore no-control-regex -- control characters are what it is about
const UNSAFE = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes as text for a terminal: control characters are spelled out, such as `\x1b`. */
export function sanitize(bytes: Uint8Array): string {
  return spellOut(decoder.decode(bytes));
}

/** Text with its control characters spelled out. */
export function spellOut(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** JSON with the control characters in its strings written as `\\u001b`: the same values, safe to print. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
