import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { Slab } from "../../src/reactor/slab.ts";
import {
  formatToken,
  generationOf,
  INDEX_LIMIT,
  indexOf,
  LAST_GENERATION,
  type Token,
  tokenOf,
} from "../../src/contract/token.ts";

test("tokenOf and its inverses agree up to the last index and generation", () => {
  for (const index of [0, 1, 1023, INDEX_LIMIT - 1]) {
    for (const generation of [1, 2, 2 ** 31, LAST_GENERATION]) {
      const token = tokenOf(index, generation);
      assert(Number.isSafeInteger(token));
      assertEquals([indexOf(token), generationOf(token)], [index, generation]);
    }
  }
});

test("formatToken shows slot and generation", () => {
  assertEquals(formatToken(tokenOf(3, 1)), "3v1");
});

test("Slab gives back what was inserted, under its token only", () => {
  const slab = new Slab<string>({ capacity: 4 });
  const one = slab.insert(() => "one")!;
  const two = slab.insert((token) => `two is ${formatToken(token)}`)!;
  assertEquals([slab.get(one), slab.get(two), slab.size], ["one", "two is 1v1", 2]);
});

test("Slab never resolves a removed token, whatever lives in its slot now", () => {
  const slab = new Slab<string>({ capacity: 1 });
  const old = slab.insert(() => "old")!;
  assertEquals(slab.remove(old), "old");
  const young = slab.insert(() => "young")!;
  assertEquals(indexOf(young), indexOf(old));
  assert(young !== old, "the token was given again");
  assertEquals([slab.get(old), slab.contains(old), slab.remove(old)], [undefined, false, undefined]);
  assertEquals([slab.get(young), slab.size], ["young", 1]);
});

test("Slab refuses an insert at capacity and is unchanged", () => {
  const slab = new Slab<number>({ capacity: 2 });
  const [first, second] = [slab.insert(() => 1)!, slab.insert(() => 2)!];
  assertEquals([slab.insert(() => 3), slab.full, slab.size], [undefined, true, 2]);
  assertEquals([slab.get(first), slab.get(second)], [1, 2]);
  slab.remove(first);
  assertEquals(slab.full, false);
  assertEquals(slab.get(slab.insert(() => 3)!), 3);
});

test("Slab removes twice without freeing the slot twice", () => {
  const slab = new Slab<number>({ capacity: 2 });
  const token = slab.insert(() => 1)!;
  slab.remove(token);
  slab.remove(token);
  const tokens = [slab.insert(() => 2)!, slab.insert(() => 3)!];
  assertEquals(new Set(tokens.map(indexOf)).size, 2);
  assertEquals(slab.insert(() => 4), undefined);
});

test("Slab does not grow past the most that were in it at a time", () => {
  const slab = new Slab<number>({ capacity: 1000 });
  for (let round = 0; round < 50; round++) {
    const tokens = Array.from({ length: 10 }, (_, value) => slab.insert(() => value)!);
    for (const token of tokens) {
      assert(indexOf(token) < 10);
      slab.remove(token);
    }
  }
});

test("Slab shrugs at forged tokens", () => {
  const slab = new Slab<string>({ capacity: 4 });
  slab.remove(slab.insert(() => "gone")!);
  const forged = [0, -1, 0.5, NaN, Infinity, -Infinity, 2 ** 20, 2 ** 32, 2 ** 53 - 1, tokenOf(0, 7), tokenOf(3, 1)];
  for (const number of forged) {
    const token = number as Token;
    assertEquals([slab.get(token), slab.contains(token), slab.remove(token)], [undefined, false, undefined]);
  }
  assertEquals(slab.size, 0);
});

test("Slab retires a slot whose generation would wrap, and issues no token twice", () => {
  const slab = new Slab<number>({ capacity: 2, lastGeneration: 3 });
  const issued: Token[] = [];
  for (let count = 0; count < 10; count++) {
    const token = slab.insert(() => count);
    if (token === undefined) break;
    issued.push(token);
    slab.remove(token);
  }
  assertEquals(issued.map(formatToken), ["0v1", "0v2", "0v3", "1v1", "1v2", "1v3"]);
  assertEquals([slab.retired, slab.full, slab.size], [2, true, 0]);
  for (const token of issued) assertEquals(slab.contains(token), false);
});

test("Slab is unchanged when making the value throws", () => {
  const slab = new Slab<number>({ capacity: 1 });
  assertThrows(
    () =>
      slab.insert(() => {
        throw new Error("no");
      }),
    Error,
    "no",
  );
  assertEquals([slab.size, slab.full], [0, false]);
  assertEquals(slab.get(slab.insert(() => 1)!), 1);
});

test("Slab values may be removed and inserted while they are iterated over", () => {
  const slab = new Slab<number>({ capacity: 10 });
  const tokens = [0, 1, 2, 3].map((value) => slab.insert(() => value)!);
  const seen: number[] = [];
  for (const value of slab.values()) {
    seen.push(value);
    if (value === 1) {
      slab.remove(tokens[1]!);
      slab.remove(tokens[2]!);
    }
  }
  assertEquals(seen, [0, 1, 3]);
});

test("Slab refuses a capacity or a last generation out of range, naming it", () => {
  for (const capacity of [0, -1, 1.5, NaN, INDEX_LIMIT + 1]) {
    assertThrows(() => new Slab({ capacity }), RangeError, `capacity ${capacity}`);
  }
  assertThrows(() => new Slab({ capacity: 1, lastGeneration: 0 }), RangeError, "lastGeneration 0");
});

/** What may be done to a slab, and how often: stale tokens are used on purpose, and so are a maker's own calls. */
const OPERATION = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("insert" as const), value: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("remove" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("throw" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("nest" as const), value: fc.nat(), pick: fc.nat() }) },
);

/** A slab, and a Map of what must be in it. */
class SlabBesideMap {
  readonly slab: Slab<number>;
  readonly #map: Map<Token, number> = new Map();
  /** Every token ever issued. Removed ones stay on purpose, so that stale ones are used again and again. */
  readonly #issued: Token[] = [];
  readonly #capacity: number;
  readonly #lastGeneration: number;

  constructor(capacity: number, lastGeneration: number) {
    this.slab = new Slab({ capacity, lastGeneration });
    this.#capacity = capacity;
    this.#lastGeneration = lastGeneration;
  }

  insert(make: (token: Token) => number): void {
    const full = this.#map.size + this.#retired() === this.#capacity;
    const token = this.slab.insert((young) => {
      assert(!this.#issued.includes(young), "a token was issued twice");
      this.#issued.push(young);
      // While its value is being made a token is already here.
      this.#map.set(young, undefined as unknown as number);
      const value = make(young);
      if (this.#map.has(young)) this.#map.set(young, value);
      return value;
    });
    assertEquals(token === undefined, full);
  }

  remove(pick: number): void {
    const token = this.#issued[pick % this.#issued.length];
    if (token === undefined) return;
    assertEquals(this.slab.remove(token), this.#map.get(token));
    this.#map.delete(token);
  }

  /** An insert whose maker throws leaves nothing but a token that is used up. */
  throwIn(pick: number): void {
    const error = new Error("no");
    const full = this.slab.full;
    try {
      this.insert(() => {
        this.remove(pick);
        throw error;
      });
      assert(full, "the error was swallowed");
    } catch (thrown) {
      if (thrown !== error) throw thrown;
      this.#map.delete(this.#issued[this.#issued.length - 1]!);
    }
  }

  check(): void {
    assertEquals([this.slab.size, this.slab.retired], [this.#map.size, this.#retired()]);
    assertEquals(this.slab.full, this.#map.size + this.#retired() === this.#capacity);
    for (const token of this.#issued) {
      assertEquals([this.slab.contains(token), this.slab.get(token)], [this.#map.has(token), this.#map.get(token)]);
    }
    const inOrder = [...this.#map].sort(([one], [other]) => indexOf(one) - indexOf(other));
    assertEquals([...this.slab.values()], inOrder.map(([, value]) => value));
  }

  /** Slots whose last generation is over. */
  #retired(): number {
    const over = (token: Token): boolean => generationOf(token) === this.#lastGeneration && !this.#map.has(token);
    return this.#issued.filter(over).length;
  }
}

test("Slab behaves as a Map whose keys are never used again, to the end of every slot (property)", () => {
  fc.assert(fc.property(
    fc.array(OPERATION, { maxLength: 120, size: "max" }),
    fc.integer({ min: 1, max: 6 }),
    fc.integer({ min: 1, max: 5 }),
    (operations, capacity, lastGeneration) => {
      const both = new SlabBesideMap(capacity, lastGeneration);
      for (const step of operations) {
        if (step.kind === "insert") both.insert(() => step.value);
        else if (step.kind === "remove") both.remove(step.pick);
        else if (step.kind === "throw") both.throwIn(step.pick);
        else {
          both.insert((token) => {
            both.remove(step.pick);
            return token % 1000;
          });
        }
        both.check();
      }
    },
  ));
});
