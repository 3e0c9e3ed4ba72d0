/**
 * The slab: O(1) storage for connections, indexed by token.
 *
 * @module
 */

import { checkOptions, type Checks, isWhole } from "../check.ts";
import { INDEX_LIMIT, indexOf, LAST_GENERATION, type Token, tokenOf } from "../contract/token.ts";

/** The options of a {@link Slab}. */
export interface SlabOptions {
  /** How many values fit, 1 to 2^20. */
  readonly capacity: number;
  /** The last generation of a slot, 1 to 2^32 - 1. Tests lower it to reach the end of a slot's life. */
  readonly lastGeneration?: number | undefined;
}

const SLAB_CHECKS: Checks = {
  capacity: /* @__PURE__ */ isWhole("values", 1, INDEX_LIMIT),
  lastGeneration: /* @__PURE__ */ isWhole("generations", 1, LAST_GENERATION),
};

/**
 * A fixed-capacity store whose keys are {@link Token}s. Insert, get, contains and remove are O(1), and the token of a
 * removed value never finds the next occupant of its slot.
 *
 * A slot whose generation would wrap is retired: no token is ever issued twice.
 *
 * @example
 * ```ts
 * import { Slab } from "mobcast/core";
 *
 * const slab = new Slab<string>({ capacity: 1024 });
 * const token = slab.insert((token) => `connection ${token}`)!;
 * console.log(slab.get(token)); // the string
 * slab.remove(token);
 * console.log(slab.get(token)); // undefined, for ever
 * ```
 */
export class Slab<T> {
  /** How many values fit. */
  readonly capacity: number;

  readonly #lastGeneration: number;
  readonly #values: (T | undefined)[] = [];
  /** The token of each slot's occupant. A vacant slot holds NaN, which equals nothing: no forged token can match it. */
  readonly #tokens: number[] = [];
  /** The generation of each slot's occupant, or of its last occupant. */
  readonly #generations: number[] = [];
  /** Vacant slots; the last one is used next. */
  readonly #free: number[] = [];
  #size = 0;
  #retired = 0;

  /** Makes an empty slab. Throws a `TypeError` or a `RangeError` when an option is wrong. */
  constructor(options: SlabOptions) {
    const { capacity, lastGeneration = LAST_GENERATION } = checkOptions("a Slab", options, SLAB_CHECKS);
    SLAB_CHECKS.capacity!("capacity", capacity);
    this.capacity = capacity;
    this.#lastGeneration = lastGeneration;
  }

  /** How many values are in the slab. */
  get size(): number {
    return this.#size;
  }

  /** How many slots are retired. */
  get retired(): number {
    return this.#retired;
  }

  /** Whether nothing more can be inserted. */
  get full(): boolean {
    return this.#free.length === 0 && this.#tokens.length === this.capacity;
  }

  /**
   * Inserts the value that `make` builds from its future token, and returns the token; `undefined` when the slab is full.
   * When `make` throws, the slot is vacant again, and the error goes to the caller.
   */
  insert(make: (token: Token) => T): Token | undefined {
    if (this.full) return undefined;
    const index = this.#free.pop() ?? this.#tokens.length;
    const generation = (this.#generations[index] ?? 0) + 1;
    const token = tokenOf(index, generation);
    // Everything of the slot is in place before `make` runs, so `make` may itself insert or remove.
    this.#generations[index] = generation;
    this.#tokens[index] = token;
    this.#values[index] = undefined;
    this.#size++;
    try {
      this.#values[index] = make(token);
    } catch (error) {
      this.remove(token);
      throw error;
    }
    return token;
  }

  /** Whether the slab has the token's value. */
  contains(token: Token): boolean {
    return this.#tokens[indexOf(token)] === token;
  }

  /** The token's value; `undefined` when it was removed or never inserted. */
  get(token: Token): T | undefined {
    const index = indexOf(token);
    return this.#tokens[index] === token ? this.#values[index] : undefined;
  }

  /** Removes the token's value and returns it; `undefined` when the slab does not have it. */
  remove(token: Token): T | undefined {
    const index = indexOf(token);
    if (this.#tokens[index] !== token) return undefined;
    const value = this.#values[index];
    this.#values[index] = undefined;
    this.#tokens[index] = NaN;
    this.#size--;
    if (this.#generations[index] === this.#lastGeneration) this.#retired++;
    else this.#free.push(index);
    return value;
  }

  /** The values, in slot order. Values may be removed and inserted meanwhile: a removed value is not yielded. */
  *values(): IterableIterator<T> {
    for (let index = 0; index < this.#tokens.length; index++) {
      if (!Number.isNaN(this.#tokens[index])) yield this.#values[index] as T;
    }
  }
}
