/**
 * Stands in for `jsr:@std/assert@^1` where JSR cannot be reached: the names, argument orders and meanings that our
 * tests use, over `node:assert` and `node:util`. Where the two differ, this one is the stricter.
 *
 * @module
 */

import { AssertionError as NodeAssertionError } from "node:assert";
import { inspect } from "node:util";

/** Thrown when an assertion fails. It is also node:assert's, so that every test runner knows it. */
export class AssertionError extends NodeAssertionError {
  constructor(message: string, options?: ErrorOptions) {
    super({ message });
    // The message has said it all; runners would print these again, or that they are undefined.
    for (const key of ["actual", "expected", "operator", "generatedMessage", "diff"]) Reflect.deleteProperty(this, key);
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

// deno-lint-ignore no-explicit-any -- a constructor's arguments are of no interest here, and `unknown` would refuse all
type Class<T> = abstract new (...args: any[]) => T;

// deno-lint-ignore no-explicit-any -- the same
type AnyClass = abstract new (...args: any[]) => any;

type Keyed = Record<PropertyKey, unknown>;

function show(value: unknown): string {
  return inspect(value, {
    depth: 10,
    maxArrayLength: 64,
    maxStringLength: 2048,
    breakLength: 100,
    sorted: true,
  });
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}

function isObject(value: unknown): value is Keyed {
  return typeof value === "object" && value !== null;
}

/** Zeros of both signs are equal, and NaN equals itself. */
function same(a: unknown, b: unknown): boolean {
  return a === b || Object.is(a, b);
}

type Bytes = ArrayLike<number | bigint>;

function isTypedArray(value: unknown): value is Bytes & ArrayBufferView {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** The first index at which two lists differ, -1 if none. */
function difference(a: Bytes, b: Bytes): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (!same(a[i], b[i])) return i;
  }
  return a.length === b.length ? -1 : length;
}

function bytesOf(value: object): Uint8Array | undefined {
  if (value instanceof DataView) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value);
  return undefined;
}

/** Of plain objects and arrays only what can be enumerated counts; of a class's instances all that can be reached. */
function keysOf(value: object): Set<PropertyKey> {
  const proto = Object.getPrototypeOf(value);
  if (proto === null || proto === Object.prototype || proto === Array.prototype) {
    const enumerable = (key: PropertyKey) => Object.prototype.propertyIsEnumerable.call(value, key);
    return new Set(Reflect.ownKeys(value).filter(enumerable));
  }
  const keys: Set<PropertyKey> = new Set();
  for (let at = value; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) keys.add(key);
  }
  return keys;
}

type Compare = (a: unknown, b: unknown) => boolean;

/** Whether every entry of `a` finds its own partner in `b`. */
function mapsEqual(a: Map<unknown, unknown>, b: Map<unknown, unknown>, compare: Compare): boolean {
  const left = new Map(b);
  const take = (key: unknown, value: unknown): boolean => {
    // Only an object may be equal to a key that is not the same; every other key is looked up.
    for (const other of isObject(key) ? left.keys() : [key]) {
      if (left.has(other) && compare(key, other) && compare(value, left.get(other))) return left.delete(other);
    }
    return false;
  };
  return a.size === b.size && [...a].every(([key, value]) => take(key, value));
}

function asMap(set: Set<unknown>): Map<unknown, unknown> {
  return new Map([...set].map((value) => [value, undefined]));
}

/** Two objects of one prototype. */
function objectsEqual<T extends Keyed>(a: T, b: T, compare: Compare): boolean {
  if (a instanceof Date && b instanceof Date) return same(a.getTime(), b.getTime());
  if (a instanceof RegExp || a instanceof URL || a instanceof URLSearchParams) return String(a) === String(b);
  if (a instanceof WeakMap || a instanceof WeakSet) throw new TypeError("Cannot compare weak collections");
  if (isTypedArray(a) && isTypedArray(b)) return difference(a, b) < 0;
  const [bytesA, bytesB] = [bytesOf(a), bytesOf(b)];
  if (bytesA && bytesB) return difference(bytesA, bytesB) < 0;
  if (a instanceof Map && b instanceof Map) return mapsEqual(a, b, compare);
  if (a instanceof Set && b instanceof Set) return mapsEqual(asMap(a), asMap(b), compare);
  const keys = keysOf(a);
  return keys.size === keysOf(b).size && [...keys].every((key) => key in b && compare(a[key], b[key]));
}

function comparison(): Compare {
  const open: Map<object, Set<object>> = new Map();
  const compare: Compare = (a, b) => {
    if (same(a, b)) return true;
    if (!isObject(a) || !isObject(b)) return false;
    const [protoA, protoB] = [a, b].map((value) => Object.getPrototypeOf(value) ?? Object.prototype);
    if (protoA !== protoB) return false;
    // A pair that is being compared further up is taken for equal here, or a circle would never end.
    const partners = open.get(a) ?? new Set();
    if (partners.has(b)) return true;
    open.set(a, partners.add(b));
    const equals = objectsEqual(a, b, compare);
    partners.delete(b);
    return equals;
  };
  return compare;
}

/** Whether two values are deeply equal. */
export function equal(a: unknown, b: unknown): boolean {
  return comparison()(a, b);
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails unless `expr` is falsy. */
export function assertFalse(
  expr: unknown,
  msg = "",
): asserts expr is false | 0 | 0n | "" | null | undefined {
  if (expr) throw new AssertionError(msg);
}

/** Fails unless both are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  const at = isTypedArray(actual) && isTypedArray(expected)
    ? `\nfirst difference at index ${difference(actual, expected)}; lengths ${actual.length} and ${expected.length}`
    : "";
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n  actual: ${show(actual)}\nexpected: ${show(expected)}${at}`,
  );
}

/** Fails if both are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${show(actual)} not to be: ${show(expected)}${suffix(msg)}`,
  );
}

/** Fails unless both are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw new AssertionError(
    `Values are not strictly equal${suffix(msg)}\n  actual: ${show(actual)}\nexpected: ${show(expected)}`,
  );
}

/** Fails if both are the same by `Object.is`. */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(
    `Expected "actual" to not be strictly equal to: ${show(actual)}${suffix(msg)}`,
  );
}

/** Fails unless both numbers are within `tolerance`, by default 1e-7 of the expected one. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const limit = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= limit) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to be close to "${expected}": delta "${delta}" is greater than "${limit}"${
      suffix(msg)
    }`,
  );
}

/** Fails if the value is `null` or `undefined`. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not be null or undefined${suffix(msg)}`,
  );
}

/** Fails unless `actual` is an instance of `expectedType`. */
export function assertInstanceOf<T extends AnyClass>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const was = isObject(actual) ? actual.constructor?.name ?? "Object" : actual === null ? "null" : typeof actual;
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}" but was "${was}"${suffix(msg)}`,
  );
}

/** Fails if `actual` is an instance of `unexpectedType`. */
export function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: Class<T>,
  msg?: string,
): asserts actual is Exclude<A, T> {
  if (!(actual instanceof unexpectedType)) return;
  throw new AssertionError(
    `Expected object to not be an instance of "${unexpectedType.name}"${suffix(msg)}`,
  );
}

/** Fails unless the text matches. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`,
  );
}

/** Fails if the text matches. */
export function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to not match: "${expected}"${suffix(msg)}`,
  );
}

/** Fails unless the text contains `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`,
  );
}

/** Fails unless every item of `expected` is somewhere in `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T> & object,
  expected: ArrayLike<T> & object,
  msg?: string,
): void {
  const have = Array.from(actual);
  const missing = Array.from(expected).filter((item) => !have.some((other) => equal(other, item)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${show(actual)}" to include: "${show(expected)}"${suffix(msg)}\nmissing: ${show(missing)}`,
  );
}

/** Whether `actual` has everything that `expected` has; what it has besides does not matter. */
function covers(
  actual: unknown,
  expected: unknown,
  seen: Map<object, unknown>,
): boolean {
  if (!isObject(actual) || !isObject(expected)) return equal(actual, expected);
  if (seen.get(actual) === expected) return true;
  seen.set(actual, expected);
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && actual.length >= expected.length &&
      expected.every((item, i) => covers(actual[i], item, seen));
  }
  if (expected instanceof Map) {
    return actual instanceof Map &&
      [...expected].every(([key, value]) => actual.has(key) && covers(actual.get(key), value, seen));
  }
  if (expected instanceof Set) {
    return actual instanceof Set &&
      [...expected].every((item) => actual.has(item));
  }
  if (
    expected instanceof RegExp || expected instanceof Date ||
    ArrayBuffer.isView(expected)
  ) {
    return equal(actual, expected);
  }
  return Reflect.ownKeys(expected).every((key) =>
    Object.hasOwn(actual, key) && covers(actual[key], expected[key], seen)
  );
}

/** Fails unless `expected` is a part of `actual`, deeply. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- as the original has it: interfaces without an index signature must pass
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (covers(actual, expected, new Map())) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n  actual: ${show(actual)}\nexpected part: ${show(expected)}`,
  );
}

/** Fails unless `actual` > `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) {
    throw new AssertionError(
      msg ?? `Expect ${show(actual)} > ${show(expected)}`,
    );
  }
}

/** Fails unless `actual` >= `expected`. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual >= expected)) {
    throw new AssertionError(
      msg ?? `Expect ${show(actual)} >= ${show(expected)}`,
    );
  }
}

/** Fails unless `actual` < `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) {
    throw new AssertionError(
      msg ?? `Expect ${show(actual)} < ${show(expected)}`,
    );
  }
}

/** Fails unless `actual` <= `expected`. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual <= expected)) {
    throw new AssertionError(
      msg ?? `Expect ${show(actual)} <= ${show(expected)}`,
    );
  }
}

/** Fails unless the value is an Error, of this class, whose message includes this text or matches this pattern. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: Class<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  const fails = (why: string): AssertionError => new AssertionError(`${why}${suffix(msg)}`, { cause: error });
  if (!(error instanceof Error)) {
    throw fails(`Expected "error" to be an Error object`);
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    throw fails(
      `Expected error to be instance of "${ErrorClass.name}", but was "${error.constructor?.name}"`,
    );
  }
  if (msgMatches === undefined) return;
  const found = typeof msgMatches === "string" ? error.message.includes(msgMatches) : msgMatches.test(error.message);
  const wanted = typeof msgMatches === "string" ? JSON.stringify(msgMatches) : String(msgMatches);
  if (!found) {
    throw fails(
      `Expected error message to include ${wanted}, but got ${JSON.stringify(error.message)}`,
    );
  }
}

/** `(fn, msg)` and `(fn, ErrorClass, msgIncludes, msg)` brought to one shape. */
function expectation<E extends Error>(
  first: Class<E> | string | undefined,
  second: string | undefined,
  third: string | undefined,
): {
  ErrorClass: Class<E> | undefined;
  includes: string | undefined;
  msg: string | undefined;
} {
  if (typeof first === "string") {
    return { ErrorClass: undefined, includes: undefined, msg: first };
  }
  return { ErrorClass: first, includes: second, msg: third };
}

/** Fails unless `fn` throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless `fn` throws an error of this class with this in its message; returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClassOrMsg?: Class<E> | string,
  msgIncludesOrMsg?: string,
  lastMsg?: string,
): unknown {
  const { ErrorClass, includes, msg } = expectation(
    errorClassOrMsg,
    msgIncludesOrMsg,
    lastMsg,
  );
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    if (ErrorClass) assertIsError(error, ErrorClass, includes, msg);
    thrown = { error };
  }
  if (!isObject(thrown)) {
    throw new AssertionError(`Expected function to throw${suffix(msg)}`);
  }
  return thrown.error;
}

/** Fails unless the promise of `fn` rejects; resolves to what it rejected with. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
/** Fails unless the promise of `fn` rejects with an error of this class with this in its message; resolves to it. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: Class<E> | string,
  msgIncludesOrMsg?: string,
  lastMsg?: string,
): Promise<unknown> {
  const { ErrorClass, includes, msg } = expectation(
    errorClassOrMsg,
    msgIncludesOrMsg,
    lastMsg,
  );
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch (error) {
    throw new AssertionError(
      `Function throws when expected to reject${suffix(msg)}`,
      { cause: error },
    );
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(
      `Function throws when expected to reject${suffix(msg)}`,
    );
  }
  let rejected: unknown;
  try {
    await promise;
  } catch (error) {
    if (ErrorClass) assertIsError(error, ErrorClass, includes, msg);
    rejected = { error };
  }
  if (!isObject(rejected)) {
    throw new AssertionError(`Expected function to reject${suffix(msg)}`);
  }
  return rejected.error;
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/** Fails, for code that nothing should reach. */
export function unreachable(msg?: string): never {
  throw new AssertionError(`Unreachable${suffix(msg)}`);
}
