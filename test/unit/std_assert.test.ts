// Exercises @std/assert, whichever the runtime resolved: the stand-in in test/std-assert here, the real one online.
// Only what both promise is tested.

import { describe, it } from "node:test";
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

/** Every assertion must be able to fail, and must say so with an AssertionError. */
function fails(fn: () => unknown, includes = ""): void {
  try {
    fn();
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error;
    if (!error.message.includes(includes)) {
      throw new Error(`"${error.message}" does not include "${includes}"`);
    }
    return;
  }
  throw new Error(`did not fail: ${fn}`);
}

class Point {
  x: number;
  constructor(x: number) {
    this.x = x;
  }
}

class Other {
  x: number;
  constructor(x: number) {
    this.x = x;
  }
}

class Cause extends Error {
  override name = "Cause";
}

describe("assertEquals", () => {
  const circle = (): { self?: unknown; n: number } => {
    const value: { self?: unknown; n: number } = { n: 1 };
    value.self = value;
    return value;
  };
  const equals: [string, unknown, unknown][] = [
    ["numbers", 1, 1],
    ["NaN", NaN, NaN],
    ["zeros of both signs", 0, -0],
    ["big integers", 1n, 1n],
    ["nested objects", { a: [{ b: 1 }] }, { a: [{ b: 1 }] }],
    ["keys in any order", { a: 1, b: 2 }, { b: 2, a: 1 }],
    ["symbol keys", { [Symbol.for("k")]: 1 }, { [Symbol.for("k")]: 1 }],
    [
      "no prototype and Object's",
      Object.assign(Object.create(null), { a: 1 }),
      { a: 1 },
    ],
    ["typed arrays", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [
      "views at an offset",
      new Uint8Array([0, 1, 2]).subarray(1),
      new Uint8Array([1, 2]),
    ],
    ["big typed arrays", new BigUint64Array([1n]), new BigUint64Array([1n])],
    ["buffers", new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer],
    [
      "maps",
      new Map([[1, { a: 1 }], [2, { a: 2 }]]),
      new Map([[2, { a: 2 }], [1, { a: 1 }]]),
    ],
    [
      "maps with keys that are objects",
      new Map([[{ k: 1 }, 1]]),
      new Map([[{ k: 1 }, 1]]),
    ],
    [
      "maps with keys that are false or absent",
      new Map([[false, 1], [undefined, 2]]),
      new Map([[undefined, 2], [false, 1]]),
    ],
    ["sets", new Set([1, 2]), new Set([2, 1])],
    [
      "sets of objects",
      new Set([{ a: 1 }, { a: 2 }]),
      new Set([{ a: 2 }, { a: 1 }]),
    ],
    ["dates", new Date(5), new Date(5)],
    ["patterns", /a/g, /a/g],
    ["URLs", new URL("tcp://a:1"), new URL("tcp://a:1")],
    ["instances", new Point(1), new Point(1)],
    ["circles", circle(), circle()],
  ];
  const differ: [string, unknown, unknown][] = [
    ["number and text", 1, "1"],
    ["null and undefined", null, undefined],
    ["values", { a: [{ b: 1 }] }, { a: [{ b: 2 }] }],
    ["a key more", { a: 1 }, { a: 1, b: 2 }],
    ["undefined and absent", { a: undefined }, {}],
    ["undefined under another key", { a: undefined }, { b: undefined }],
    ["lengths", [1, 2], [1, 2, 3]],
    ["array and object", [], {}],
    ["typed arrays", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
    ["lengths of typed arrays", new Uint8Array([1, 2]), new Uint8Array([1])],
    ["kinds of typed arrays", new Uint8Array([1]), new Uint16Array([1])],
    ["maps", new Map([[1, 1]]), new Map([[1, 2]])],
    ["keys of maps that are false or absent", new Map([[false, 1]]), new Map([[undefined, 1]])],
    ["maps with equal keys", new Map([[{}, 1], [{}, 1]]), new Map([[{}, 1], [{}, 2]])],
    ["sizes of maps", new Map([[1, 1]]), new Map([[1, 1], [2, 2]])],
    ["sets", new Set([1]), new Set([2])],
    [
      "sets of objects",
      new Set([{ a: 1 }, { a: 1 }]),
      new Set([{ a: 1 }, { a: 2 }]),
    ],
    ["dates", new Date(5), new Date(6)],
    ["patterns", /a/g, /a/i],
    ["URLs", new URL("tcp://a:1"), new URL("tcp://a:2")],
    ["classes", new Point(1), new Other(1)],
    ["instances", new Point(1), new Point(2)],
    ["messages of errors", new Error("a"), new Error("b")],
    ["functions", () => 1, () => 1],
  ];
  for (const [name, a, b] of equals) {
    it(`takes ${name} for equal`, () => {
      assertEquals(a, b);
      fails(() => assertNotEquals(a, b));
    });
  }
  for (const [name, a, b] of differ) {
    it(`tells ${name} apart`, () => {
      assertNotEquals(a, b);
      assertNotEquals(b, a);
      fails(() => assertEquals(a, b));
      fails(() => assertEquals(b, a, "why it matters"), "why it matters");
    });
  }
  it("is quick with a million bytes", { timeout: 20_000 }, () => {
    const one = new Uint8Array(1 << 20).fill(7);
    assertEquals(one, one.slice());
    const other = one.slice();
    other[other.length - 1] = 8;
    assertNotEquals(one, other);
  });
});

describe("truth", () => {
  it("assert, assertFalse, assertExists", () => {
    assert(1);
    fails(() => assert(0, "zero"), "zero");
    assertFalse("");
    fails(() => assertFalse("x", "text"), "text");
    assertExists(0);
    assertExists("");
    fails(() => assertExists(null));
    fails(() => assertExists(undefined, "nothing"), "nothing");
  });
  it("tells the compiler", () => {
    const maybe: number | undefined = [1, 2][1];
    assert(maybe !== undefined);
    const sure: number = maybe;
    const some: string | null = ["a"][0] ?? null;
    assertExists(some);
    const text: string = some;
    const thing: unknown = new Point(3);
    assertInstanceOf(thing, Point);
    const x: number = thing.x;
    assertStrictEquals(`${sure}${text}${x}`, "2a3");
  });
  it("fail and unreachable", () => {
    fails(() => fail("because"), "because");
    fails(() => unreachable("never"), "never");
  });
});

describe("comparisons", () => {
  it("assertStrictEquals goes by Object.is", () => {
    const value = {};
    assertStrictEquals(value, value);
    assertStrictEquals(NaN, NaN);
    fails(() => assertStrictEquals(value, {}));
    fails(() => assertStrictEquals(0, -0, "sign"), "sign");
    assertNotStrictEquals(value, {});
    fails(() => assertNotStrictEquals(value, value));
  });
  it("greater and less", () => {
    assertGreater(2, 1);
    fails(() => assertGreater(1, 1));
    assertGreaterOrEqual(1, 1);
    fails(() => assertGreaterOrEqual(0, 1));
    assertLess(1n, 2n);
    fails(() => assertLess(1, 1, "less"), "less");
    assertLessOrEqual(1, 1);
    fails(() => assertLessOrEqual(2, 1));
    fails(() => assertLess(NaN, 1));
  });
  it("assertAlmostEquals", () => {
    assertAlmostEquals(0.1 + 0.2, 0.3);
    assertAlmostEquals(0.01, 0.02, 0.1);
    assertAlmostEquals(Infinity, Infinity);
    fails(() => assertAlmostEquals(0.01, 0.02));
    fails(() => assertAlmostEquals(1, NaN));
  });
  it("assertInstanceOf", () => {
    assertInstanceOf(new Cause(), Error);
    fails(() => assertInstanceOf(new Point(1), Other), "Other");
    fails(() => assertInstanceOf(null, Point));
  });
  it("texts", () => {
    assertMatch("mobcast", /^mob/);
    fails(() => assertMatch("mobcast", /^cast/));
    assertStringIncludes("mobcast", "bca");
    fails(() => assertStringIncludes("mobcast", "bco", "part"), "part");
  });
  it("assertArrayIncludes", () => {
    assertArrayIncludes([1, 2, 3], [3, 1]);
    assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }]);
    fails(() => assertArrayIncludes([1, 2], [4]));
  });
  it("assertObjectMatch", () => {
    assertObjectMatch({ a: 1, b: 2 }, { a: 1 });
    assertObjectMatch({ a: { b: [1, { c: 2, d: 3 }], e: 4 } }, {
      a: { b: [1, { c: 2 }] },
    });
    assertObjectMatch(new Point(1) as unknown as Record<string, unknown>, {
      x: 1,
    });
    fails(() => assertObjectMatch({ a: 1 }, { a: 2 }));
    fails(() => assertObjectMatch({ a: 1 }, { a: 1, b: 2 }));
    fails(() => assertObjectMatch({ a: { b: 1 } }, { a: { b: 1, c: 2 } }));
  });
});

describe("assertThrows", () => {
  it("returns what was thrown", () => {
    const error = new Cause("no bytes left");
    assertStrictEquals(
      assertThrows(() => {
        throw error;
      }),
      error,
    );
    const typed: Cause = assertThrows(
      () => {
        throw error;
      },
      Cause,
      "bytes",
    );
    assertStrictEquals(typed, error);
    assertStrictEquals(
      assertThrows(() => {
        throw undefined;
      }),
      undefined,
    );
  });
  it("fails when nothing, or the wrong thing, is thrown", () => {
    fails(() => assertThrows(() => 1));
    fails(() => assertThrows(() => 1, "said so"), "said so");
    fails(() => assertThrows(() => 1, Error, "x", "said so"), "said so");
    const throws = () => {
      throw new TypeError("no bytes left");
    };
    assertThrows(throws, Error);
    fails(() => assertThrows(throws, RangeError), "RangeError");
    fails(
      () => assertThrows(throws, TypeError, "all bytes left"),
      "all bytes left",
    );
    fails(() =>
      assertThrows(() => {
        throw "text";
      }, Error)
    );
  });
});

describe("assertRejects", () => {
  const failsLater = async (
    fn: () => Promise<unknown>,
    includes = "",
  ): Promise<void> => {
    try {
      await fn();
    } catch (error) {
      return fails(() => {
        throw error;
      }, includes);
    }
    throw new Error(`did not fail: ${fn}`);
  };
  it("resolves to what it rejected with", async () => {
    const error = new Cause("no bytes left");
    assertStrictEquals(await assertRejects(() => Promise.reject(error)), error);
    const typed: Cause = await assertRejects(
      () => Promise.reject(error),
      Cause,
      "bytes",
    );
    assertStrictEquals(typed, error);
  });
  it("fails when it resolves, throws at once, or rejects with the wrong thing", async () => {
    await failsLater(
      () => assertRejects(() => Promise.resolve(1), "said so"),
      "said so",
    );
    await failsLater(() =>
      assertRejects(() => {
        throw new Error("at once");
      })
    );
    await failsLater(
      () => assertRejects(() => Promise.reject(new TypeError("a")), RangeError),
      "RangeError",
    );
    await failsLater(() => assertRejects(() => Promise.reject(new TypeError("a")), TypeError, "b"));
    await failsLater(() => assertRejects(() => Promise.reject("text"), Error));
  });
});
