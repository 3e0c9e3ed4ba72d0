/**
 * Payloads: turns what an application sends into bytes.
 *
 * @module
 */

import { kindOf } from "../check.ts";
import type { Framing } from "./framing.ts";
import { utf8 } from "../bytes.ts";

/**
 * What can be sent: text, which goes as UTF-8, or bytes; a view stands for the part of its buffer that it shows.
 *
 * @example
 * ```ts
 * import { encodeFrame } from "mobcast";
 *
 * encodeFrame("u32", "text");
 * encodeFrame("u32", new Uint8Array([1, 2]));
 * encodeFrame("u32", new Float64Array([21.5]).buffer);
 * ```
 */
export type Payload = string | ArrayBufferLike | ArrayBufferView;

/**
 * The bytes of a payload, copied only where another thread could change them after the check. Throws an error that begins
 * with `cannot`: a `TypeError` when it is no payload or the framing cannot carry it, a `RangeError` when it has more than
 * `maxFrame` bytes.
 */
export function payloadOf(cannot: string, given: unknown, framing: Framing, maxFrame: number): Uint8Array {
  let bytes = bytesOf(cannot, given);
  if (bytes.length > maxFrame) {
    throw new RangeError(`${cannot}: the payload has ${bytes.length} bytes, and maxFrame is ${maxFrame}`);
  }
  // Only with a trailer, which must not be in the payload, does it matter what the bytes are.
  if (framing.trailer > 0 && kindOf(bytes.buffer) === "SharedArrayBuffer") bytes = bytes.slice();
  const refusal = framing.refuses(bytes);
  if (refusal) throw new TypeError(`${cannot}: ${refusal}`);
  return bytes;
}

function bytesOf(cannot: string, given: unknown): Uint8Array {
  if (typeof given === "string") {
    // Half a surrogate pair would be encoded as U+FFFD, which is another text.
    if (/[\ud800-\udfff]/u.test(given)) {
      throw new TypeError(`${cannot}: the payload holds half a surrogate pair, which has no UTF-8`);
    }
    return utf8(given);
  }
  try {
    if (ArrayBuffer.isView(given)) {
      // A view of a transferred or shrunken buffer looks empty, which would be a ping: `at` throws for it.
      if (given.byteLength === 0 && "at" in given) (given as Uint8Array).at(0);
      if (given instanceof Uint8Array) return given;
      return new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
    }
    if (kindOf(given).endsWith("ArrayBuffer")) return new Uint8Array(given as ArrayBufferLike);
  } catch {
    throw new TypeError(`${cannot}: the payload's buffer is gone, it was transferred or has shrunk`);
  }
  throw new TypeError(`${cannot}: a payload is a Uint8Array, another BufferSource or a string, not ${kindOf(given)}`);
}
