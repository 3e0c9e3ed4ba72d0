/**
 * What is handed in wrongly, and how that is refused.
 *
 * @module
 */

import { assert, assertStringIncludes } from "@std/assert";
import { bytesOf } from "./bytes.ts";

/** For all tests of it. */
export const TIMEOUT = { timeout: 30_000 };

/** Where mobs listen. */
export const URL_TEXT = "tcp://127.0.0.1:0";

/** What no error shows. */
export const SECRET = "not to be shown";

/** Arguments of any kind, as JavaScript has them. */
// deno-lint-ignore no-explicit-any
export type Anything = any;

/** What is thrown, or rejected with, by something that must not work. */
export async function errorOf(what: string, run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    assert(error instanceof TypeError || error instanceof RangeError, `${what}: ${error}`);
    return error;
  }
  throw new Error(`${what} was taken`);
}

/** Values that are wrong, each with words that the error has. */
export type Wrong = readonly (readonly [value: unknown, ...says: string[]])[];

/** Calls with each of the wrong arguments, and checks what the error says of them. */
export async function assertRefused(
  name: string,
  call: (value: Anything) => unknown,
  wrong: Wrong,
): Promise<void> {
  for (const [value, ...says] of wrong) {
    const what = `${name} ${Object.prototype.toString.call(value)} ${says[0]}`;
    const { message } = await errorOf(what, () => call(value));
    for (const part of ["Cannot ", ...says]) assertStringIncludes(message, part, what);
    assert(!message.includes(SECRET), message);
  }
}

/** What no options are, and options that there are not. */
export const NO_OPTIONS: Wrong = [
  [null, "null"],
  [8000, "8000"],
  ["tcp://127.0.0.1:0", `"tcp://127.0.0.1:0"`],
  [[], "Array"],
  [() => {}, "Function"],
  [new URL(URL_TEXT), "URL"],
  [{ nonsense: 1 }, "option nonsense"],
  [JSON.parse(`{ "__proto__": 1 }`), "option __proto__"],
  [{ constructor: 1 }, "option constructor"],
];

/** What no signals are. */
export const SIGNALS: Wrong = [
  [{ signal: null }, "signal", "AbortSignal"],
  [{ signal: new AbortController() }, "signal", "AbortSignal"],
  [{ signal: 1000 }, "signal 1000"],
];

/** What no payload is, and what it is called. */
export const NO_PAYLOADS: readonly (readonly [value: unknown, name: string])[] = [
  [undefined, "not undefined"],
  [null, "not null"],
  [42, "not number"],
  [42n, "not bigint"],
  [true, "not boolean"],
  [[104, 101, 300], "not Array"],
  [{ length: 3 }, "not Object"],
  [{ byteLength: 3 }, "not Object"],
  [Promise.resolve(bytesOf("x")), "not Promise"],
  [new Blob(["x"]), "not Blob"],
  [() => bytesOf("x"), "not function"],
  [Object.create(Uint8Array.prototype), "not "],
  ["half a \ud83d pair", "surrogate"],
];

/** Bytes of a buffer that is larger. */
export function part(text: string): Uint8Array {
  const bytes = bytesOf(`..${text}..`);
  return bytes.subarray(2, bytes.length - 2);
}
