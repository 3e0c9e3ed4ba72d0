/**
 * Messages of a stream, as other mobs would write them.
 *
 * @module
 */

import { type Envelope, wrap } from "../../src/bus/envelope.ts";

/** The nodes of two other mobs. */
export const A = "00000000000000aa";
export const B = "00000000000000bb";

/** A batch that begins with a number of its own. */
export function batch(first: number, length = 10): Uint8Array {
  return new Uint8Array(length).fill(first, 0, 1);
}

/** A message of another mob. */
export function from(node: string, number: number, piece: Uint8Array, more: Partial<Envelope> = {}): Uint8Array {
  return wrap({ node, number, sequence: 0, offset: 0, start: 0, isLast: true, ...more }, "u64", piece);
}
