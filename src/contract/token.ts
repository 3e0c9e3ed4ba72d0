/**
 * Tokens: the names of connections.
 *
 * A token is one number that holds a slab index and a generation, so it can be a `Map` key and be compared with `===`. The
 * index names the slot, and the generation names one of the slot's occupants in time: an event for a connection that is
 * gone never reaches the next connection in its slot.
 *
 * @module
 */

/**
 * The name of one connection for its whole life: `generation * 2^20 + index`, a safe integer, never issued twice by
 * the same slab.
 *
 * @example
 * ```ts
 * import { formatToken } from "mobcast";
 * import { tokenOf } from "mobcast/core";
 *
 * console.log(formatToken(tokenOf(3, 1))); // "3v1"
 * ```
 */
export type Token = number & { readonly brand: "token" };

/** How many slots a slab can have: an index takes the low 20 bits of a token. */
export const INDEX_LIMIT: number = 2 ** 20;

/** The last generation of a slot: with 20 index bits and 32 generation bits a token stays under 2^53. */
export const LAST_GENERATION: number = 2 ** 32 - 1;

/**
 * Packs a slab index (0 to 2^20 - 1) and a generation (1 to 2^32 - 1) into a token.
 *
 * @example
 * ```ts
 * import { tokenOf } from "mobcast/core";
 *
 * tokenOf(3, 1); // 1048579
 * ```
 */
export function tokenOf(index: number, generation: number): Token {
  return (generation * INDEX_LIMIT + index) as Token;
}

/** The slab index of a token. Any number gives an index in range, so a forged token can be looked up safely. */
export function indexOf(token: Token): number {
  // `&` takes the number modulo 2^32, and 2^20 divides that: the low bits are right for every safe integer.
  return token & (INDEX_LIMIT - 1);
}

/** The generation of a token. */
export function generationOf(token: Token): number {
  return Math.floor(token / INDEX_LIMIT);
}

/**
 * A token as text: `3v1` is slot 3, first occupant.
 *
 * @example
 * ```ts
 * import { formatToken } from "mobcast";
 * import { tokenOf } from "mobcast/core";
 *
 * formatToken(tokenOf(3, 1)); // "3v1"
 * ```
 */
export function formatToken(token: Token): string {
  return `${indexOf(token)}v${generationOf(token)}`;
}
