/**
 * Stands in for `jsr:@std/assert@^1` where JSR cannot be reached: the functions that the tests use, with the names, argument
 * orders and meanings of the original. Where the two differ, this one is the stricter.
 *
 * @module
 */

import { inspect, isDeepStrictEqual } from "node:util";

/** Thrown when an assertion fails. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

// deno-lint-ignore no-explicit-any -- a constructor's arguments are of no interest here, and `unknown` would refuse all
type Class<E> = abstract new (...args: any[]) => E;

function show(value: unknown): string {
  return inspect(value, { depth: 10, maxArrayLength: 64, maxStringLength: 2048, breakLength: 100, sorted: true });
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** The first index at which two arrays of bytes differ, -1 if none. */
function difference(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) if (a[index] !== b[index]) return index;
  return a.length === b.length ? -1 : length;
}

/** Fails. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${suffix(msg)}`);
}

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Fails unless both are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const at = isBytes(actual) && isBytes(expected)
    ? `\nfirst difference at index ${difference(actual, expected)}; lengths ${actual.length} and ${expected.length}`
    : "";
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n  actual: ${show(actual)}\nexpected: ${show(expected)}${at}`,
  );
}

/** Fails unless the text matches. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) throw new AssertionError(`Expected "${actual}" to match ${expected}${suffix(msg)}`);
}

/** Fails unless the text contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    throw new AssertionError(`Expected "${actual}" to contain "${expected}"${suffix(msg)}`);
  }
}

/** Fails unless `actual` > `expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) throw new AssertionError(`Expected ${show(actual)} > ${show(expected)}${suffix(msg)}`);
}

/** Fails unless `actual` < `expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) throw new AssertionError(`Expected ${show(actual)} < ${show(expected)}${suffix(msg)}`);
}

/** Fails unless `actual` <= `expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) throw new AssertionError(`Expected ${show(actual)} <= ${show(expected)}${suffix(msg)}`);
}

/** Fails unless `error` is of this class and has this text in its message; returns it. */
function expected<E extends Error>(error: unknown, ErrorClass: Class<E>, includes = "", msg?: string): E {
  if (error instanceof ErrorClass && error.message.includes(includes)) return error;
  const wanted = `${ErrorClass.name}${includes && ` with "${includes}"`}`;
  throw new AssertionError(`Expected ${wanted}, got ${inspect(error)}${suffix(msg)}`, { cause: error });
}

/** Fails unless `fn` throws an error of this class with this text in its message; returns it. */
export function assertThrows<E extends Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E {
  try {
    fn();
  } catch (error) {
    return expected(error, ErrorClass, msgIncludes, msg);
  }
  throw new AssertionError(`Expected function to throw${suffix(msg)}`);
}

/** Fails unless the promise of `fn` rejects with an error of this class with this text in its message; resolves to it. */
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E> {
  // An error that is thrown at once is no rejection, and fails as itself.
  const promise = fn();
  try {
    await promise;
  } catch (error) {
    return expected(error, ErrorClass, msgIncludes, msg);
  }
  throw new AssertionError(`Expected function to reject${suffix(msg)}`);
}
