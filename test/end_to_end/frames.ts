/** The frames of the load: each holds its sender, its number and its time of sending. */

import { Buffer } from "node:buffer";

/** Bytes of length before each payload. */
export const HEADER = 8;

/** Bytes at the start of each payload: publisher, sequence number, time of sending. */
export const STAMP = 16;

/** What follows the stamp, up to 1 MiB, is a stretch of these, a different one for each sequence number. */
const FILLING: Buffer = Buffer.from(Uint8Array.from({ length: 2 ** 20 + 251 }, (_, index) => (index * 167) >> 3));

/** The stamp of a frame of the load. */
export interface Stamp {
  readonly publisher: number;
  readonly sequence: number;
  /** By the clock of the process that makes the load, in milliseconds. */
  readonly sentAt: number;
}

/** Frames of one publisher back to back, numbered from `first`; `payload` returns the length of each payload. */
export function framesFrom(
  publisher: number,
  first: number,
  count: number,
  payload: (sequence: number) => number,
): Buffer {
  let length = 0;
  for (let index = 0; index < count; index++) length += HEADER + payload(first + index);
  const bytes = Buffer.allocUnsafe(length);
  const sentAt = performance.now();
  let at = 0;
  for (let sequence = first; sequence < first + count; sequence++) {
    const size = payload(sequence);
    at = bytes.writeUInt32BE(0, at);
    at = bytes.writeUInt32BE(size, at);
    at = bytes.writeUInt32BE(publisher, at);
    at = bytes.writeUInt32BE(sequence, at);
    at = bytes.writeDoubleBE(sentAt, at);
    at += FILLING.copy(bytes, at, sequence % 251, sequence % 251 + size - STAMP);
  }
  return bytes;
}

/** Where the frame that starts at `from` ends; `undefined` when not even its header is there. */
export function frameEnd(bytes: Buffer, from: number, to: number): number | undefined {
  if (to - from < HEADER) return undefined;
  return from + HEADER + bytes.readUInt32BE(from) * 2 ** 32 + bytes.readUInt32BE(from + 4);
}

/** The stamp of the frame at `from`, whose first bytes must be there. */
export function stampOf(bytes: Buffer, from: number): Stamp {
  const at = from + HEADER;
  return {
    publisher: bytes.readUInt32BE(at),
    sequence: bytes.readUInt32BE(at + 4),
    sentAt: bytes.readDoubleBE(at + 8),
  };
}

/** Whether a whole frame is one of ours, byte for byte. */
export function isIntact(bytes: Buffer, from: number, to: number): boolean {
  const size = to - from - HEADER - STAMP;
  if (size < 0 || size > 2 ** 20) return false;
  const shift = bytes.readUInt32BE(from + HEADER + 4) % 251;
  return bytes.compare(FILLING, shift, shift + size, to - size, to) === 0;
}
