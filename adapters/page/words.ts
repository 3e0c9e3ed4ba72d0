/**
 * What pages get in place of modules for people at a terminal: their errors have no codes of the system, what they connect to
 * is a WebSocket for sure, and a misspelled option is named without a guess.
 *
 * @module
 */

/** See src/error_words.ts. */
export function inWords(code: string): string {
  return code;
}

/** See src/framing/looks_like.ts. */
export function looksLike(): undefined {
  return undefined;
}

/** See src/suggestion.ts. */
export function suggestion(): string {
  return "";
}
