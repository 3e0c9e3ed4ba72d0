/**
 * Framings: how a message becomes a frame on the wire. The rules here are pure arithmetic on bytes: no state, no I/O.
 *
 * | name | frame | payload may hold |
 * | --- | --- | --- |
 * | `u64` | 8-byte big-endian length, payload | anything |
 * | `u32` | 4-byte big-endian length, payload | anything |
 * | `line` | payload, `\n` | anything but `\n` |
 *
 * In every framing an empty payload is a ping: it is swallowed, never broadcast.
 *
 * @module
 */

import { isOneOf } from "../check.ts";
import { line } from "./line.ts";
import type { ReceiveBuffer } from "./receive_buffer.ts";
import { type Payload, payloadOf } from "./payload.ts";
import { TOO_LARGE, UNKNOWN } from "./unknown_end.ts";

export { TOO_LARGE, UNKNOWN } from "./unknown_end.ts";

/** The names of the framings. */
export type FramingName = "u64" | "u32" | "line";

/** The rules of one framing. */
export interface Framing extends FrameRules {
  /** Its name, as in options and on the command line. */
  readonly name: FramingName;
  /**
   * How many bytes of `chunk` from `from` on belong to the frame that `partial` begins, as far as the bytes tell: at least 1
   * while the frame is not whole, 0 when it is, {@link TOO_LARGE} when its payload is over `maxFrame`.
   */
  missing(partial: ReceiveBuffer, chunk: Uint8Array, from: number, maxFrame: number): number;
  /** Why the framing cannot carry this payload, or `undefined` when it can. */
  refuses(payload: Uint8Array): string | undefined;
}

/** What a log and its feed know of a framing. */
export interface FrameRules {
  /** Stands for the framing in a batch on a bus. */
  readonly number: number;
  /** Bytes before a short payload. */
  readonly header: number;
  /** Bytes after the payload. */
  readonly trailer: number;
  /** Whether each frame has as many bytes besides its payload, however long that is. */
  readonly fixed: boolean;
  /**
   * Where the frame that starts at `from` ends, judged by the bytes up to `to`. The end lies beyond `to` when the header is
   * whole and the payload is not. {@link UNKNOWN} when the bytes do not tell, {@link TOO_LARGE} when the payload is over
   * `maxFrame` bytes.
   */
  end(bytes: Uint8Array, from: number, to: number, maxFrame: number): number;
  /** The bytes of the frame of a payload of `length` bytes. */
  size(length: number): number;
  /** Where the payload of the whole frame at `from` begins. */
  payloadAt(bytes: Uint8Array, from: number): number;
  /** Writes the frame of `payload` into `target` at `at`. There must be room for header, payload and trailer. */
  write(payload: Uint8Array, target: Uint8Array, at: number): void;
  /** Whether the framing can carry the payload in `bytes` from `start` to `end`. */
  carries(bytes: Uint8Array, start: number, end: number): boolean;
}

/** The longest payload: only four bytes of a length are written. */
const LONGEST_PAYLOAD = 2 ** 32 - 1;

/** A framing with a big-endian length of `header` bytes in front. A length within limits fits into the last four. */
function lengthPrefixed(name: FramingName, number: number, header: 4 | 8): Framing {
  /** The frame length that the whole header at `from` declares. A Number cannot hold all 64 bits, so the upper half is tested. */
  function declared(bytes: Uint8Array, from: number, maxFrame: number): number {
    let low = from;
    if (header === 8) {
      if ((bytes[from]! | bytes[from + 1]! | bytes[from + 2]! | bytes[from + 3]!) !== 0) return TOO_LARGE;
      low = from + 4;
    }
    // `>>> 0` since a length of 2^31 or more would come out negative.
    const length = ((bytes[low]! << 24) | (bytes[low + 1]! << 16) | (bytes[low + 2]! << 8) | bytes[low + 3]!) >>> 0;
    return length > maxFrame ? TOO_LARGE : header + length;
  }
  return {
    name,
    number,
    header,
    trailer: 0,
    fixed: true,
    end(bytes, from, to, maxFrame) {
      if (to - from < header) return UNKNOWN;
      const length = declared(bytes, from, maxFrame);
      return length === TOO_LARGE ? TOO_LARGE : from + length;
    },
    missing(partial, _chunk, _from, maxFrame) {
      if (partial.length < header) return header - partial.length;
      const length = declared(partial.head, 0, maxFrame);
      return length === TOO_LARGE ? TOO_LARGE : length - partial.length;
    },
    size: (length) => header + length,
    payloadAt: (_bytes, from) => from + header,
    write(payload, target, at) {
      const length = payload.length;
      if (header === 8) target.fill(0, at, at + 4);
      const low = at + header - 4;
      target[low] = length >>> 24;
      target[low + 1] = length >>> 16;
      target[low + 2] = length >>> 8;
      target[low + 3] = length;
      target.set(payload, at + header);
    },
    refuses: () => undefined,
    carries: () => true,
  };
}

/** Bytes of a frame besides a short payload. */
export function overhead({ header, trailer }: Framing): number {
  return header + trailer;
}

/** The framings by name. */
export const FRAMINGS: Readonly<Record<FramingName, Framing>> = {
  u64: lengthPrefixed("u64", 1, 8),
  u32: lengthPrefixed("u32", 2, 4),
  line,
};

/** The rules of a framing. Throws a `TypeError` when there is none of that name. */
export function framingOf(name: FramingName): Framing {
  if (!Object.hasOwn(FRAMINGS, name)) isOneOf(Object.keys(FRAMINGS))("framing", name);
  return FRAMINGS[name];
}

/**
 * The frame of a payload, as it stands on the wire; text goes as UTF-8. Throws a `TypeError` when there is no such
 * framing, when the payload is neither text nor bytes, and when the framing cannot carry it; a `RangeError` when it has
 * over 2^32 - 1 bytes.
 *
 * @example
 * ```ts
 * import { encodeFrame } from "mobcast";
 *
 * encodeFrame("u64", "hi"); // 0 0 0 0 0 0 0 2 h i
 * ```
 */
export function encodeFrame(framing: FramingName, payload: Payload): Uint8Array {
  const rules = framingOf(framing);
  return frameOf(rules, payloadOf("Cannot encode a frame", payload, rules, LONGEST_PAYLOAD));
}

/** The frame of a payload that was checked. */
export function frameOf(rules: Framing, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(rules.size(payload.length));
  rules.write(payload, frame, 0);
  return frame;
}
