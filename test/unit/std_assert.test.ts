// Exercises @std/assert, whichever the runtime resolved: the stand-in in test/std-assert here, the real one online.
// Only what both promise is tested.

import { test } from "node:test";
import {
  assert,
  assertEquals,
  assertGreater,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";

/** Every assertion can fail, and says so with an AssertionError. */
function fails(fn: () => unknown, includes = ""): void {
  const outcome = outcomeOf(fn);
  if (outcome === undefined) throw new Error(`did not fail: ${fn}`);
  isFailure(outcome.error, includes);
}

async function rejects(fn: () => Promise<unknown>, includes = ""): Promise<void> {
  const outcome = await fn().then(() => undefined, (error: unknown) => ({ error }));
  if (outcome === undefined) throw new Error(`did not fail: ${fn}`);
  isFailure(outcome.error, includes);
}

function outcomeOf(fn: () => unknown): { error: unknown } | undefined {
  try {
    fn();
  } catch (error) {
    return { error };
  }
  return undefined;
}

function isFailure(error: unknown, includes: string): void {
  if (!(error instanceof AssertionError)) throw error;
  if (!error.message.includes(includes)) throw new Error(`"${error.message}" does not include "${includes}"`);
}

class Point {
  x: number;
  constructor(x: number) {
    this.x = x;
  }
}

class Cause extends Error {
  override name = "Cause";
}

const EQUAL: Readonly<Record<string, [unknown, unknown]>> = {
  numbers: [1, 1],
  NaN: [NaN, NaN],
  "big integers": [1n, 1n],
  "nested objects, keys in any order": [{ a: [{ b: 1 }], c: 2 }, { c: 2, a: [{ b: 1 }] }],
  "bytes at an offset": [new Uint8Array([0, 1, 2]).subarray(1), new Uint8Array([1, 2])],
  maps: [new Map([[1, { a: 1 }], [2, { a: 2 }]]), new Map([[2, { a: 2 }], [1, { a: 1 }]])],
  sets: [new Set([1, 2]), new Set([2, 1])],
  instances: [new Point(1), new Point(1)],
};

const DIFFERENT: Readonly<Record<string, [unknown, unknown]>> = {
  "number and text": [1, "1"],
  "null and undefined": [null, undefined],
  values: [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }],
  "a key more": [{ a: 1 }, { a: 1, b: 2 }],
  "undefined and absent": [{ a: undefined }, {}],
  lengths: [[1, 2], [1, 2, 3]],
  "array and object": [[], {}],
  bytes: [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  "lengths of bytes": [new Uint8Array([1, 2]), new Uint8Array([1])],
  "kinds of typed arrays": [new Uint8Array([1]), new Uint16Array([1])],
  maps: [new Map([[1, 1]]), new Map([[1, 2]])],
  sets: [new Set([1]), new Set([2])],
  instances: [new Point(1), new Point(2)],
  classes: [new Point(1), { x: 1 }],
  "messages of errors": [new Error("a"), new Error("b")],
};

for (const [what, [one, other]] of Object.entries(EQUAL)) {
  test(`assertEquals takes ${what} for equal`, () => assertEquals(one, other));
}

for (const [what, [one, other]] of Object.entries(DIFFERENT)) {
  test(`assertEquals tells ${what} apart, and says why it matters`, () => {
    fails(() => assertEquals(one, other));
    fails(() => assertEquals(other, one, "why it matters"), "why it matters");
  });
}

test("assertEquals is quick with a million bytes", { timeout: 20_000 }, () => {
  const one = new Uint8Array(1 << 20).fill(7);
  assertEquals(one, one.slice());
  const other = one.slice();
  other[other.length - 1] = 8;
  fails(() => assertEquals(one, other));
});

test("assert and fail", () => {
  assert(1);
  fails(() => assert(0, "zero"), "zero");
  fails(() => fail("because"), "because");
  const maybe: number | undefined = [1, 2][1];
  assert(maybe !== undefined);
  const sure: number = maybe;
  assertEquals(sure, 2);
});

test("greater and less", () => {
  assertGreater(2, 1);
  fails(() => assertGreater(1, 1));
  assertLess(1n, 2n);
  fails(() => assertLess(1, 1, "less"), "less");
  fails(() => assertLess(NaN, 1));
  assertLessOrEqual(1, 1);
  fails(() => assertLessOrEqual(2, 1));
});

test("texts", () => {
  assertMatch("mobcast", /^mob/);
  fails(() => assertMatch("mobcast", /^cast/), "mobcast");
  assertStringIncludes("mobcast", "bca");
  fails(() => assertStringIncludes("mobcast", "bco", "part"), "part");
});

test("assertThrows returns the error, and fails when nothing, or another one, is thrown", () => {
  const error = new Cause("no bytes left");
  const throws = (): never => {
    throw error;
  };
  const typed: Cause = assertThrows(throws, Cause, "bytes");
  assert(typed === error);
  assertThrows(throws, Error);
  fails(() => assertThrows(() => 1, Error, "x", "said so"), "said so");
  fails(() => assertThrows(throws, RangeError), "RangeError");
  fails(() => assertThrows(throws, Cause, "all bytes left"), "all bytes left");
  const text = (): never => {
    throw "text";
  };
  fails(() => assertThrows(text, Error));
});

test("assertRejects resolves to the error, and fails when there is none, or another one", async () => {
  const error = new Cause("no bytes left");
  const typed: Cause = await assertRejects(() => Promise.reject(error), Cause, "bytes");
  assert(typed === error);
  await rejects(() => assertRejects(() => Promise.resolve(1), Error, "x", "said so"), "said so");
  await rejects(() => assertRejects(() => Promise.reject(error), RangeError), "RangeError");
  await rejects(() => assertRejects(() => Promise.reject(error), Cause, "all bytes left"), "all bytes left");
  await rejects(() => assertRejects(() => Promise.reject("text"), Error));
});
