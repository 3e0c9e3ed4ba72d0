/**
 * The framing of WebSocket messages as a server sends them (RFC 6455, 5.2): each is one whole frame without a mask, with the
 * shortest length that there is. The rules are for bytes of ours: what clients send is read by a decoder.
 *
 * @module
 */

import type { FrameRules } from "./framing.ts";
import { UNKNOWN } from "./unknown_end.ts";

/** The first byte of a whole text message. */
export const TEXT_MESSAGE = 0x81;

/** The first byte of a whole binary message. */
export const BINARY_MESSAGE = 0x82;

/** The length of a payload when the second byte of its header says 126: it stands in the next two bytes. */
const IN_TWO_BYTES = 126;

/** Bytes of the header of a frame whose payload has `length` bytes. */
export function headerSize(length: number): number {
  return length <= 125 ? 2 : length <= 65535 ? 4 : 10;
}

/** Writes the header of a whole binary message of `length` bytes, up to 2^32 - 1. Returns where its payload goes. */
export function writeHeader(length: number, target: Uint8Array, at: number): number {
  target[at] = BINARY_MESSAGE;
  if (length <= 125) {
    target[at + 1] = length;
    return at + 2;
  }
  if (length <= 65535) {
    target[at + 1] = IN_TWO_BYTES;
    target[at + 2] = length >>> 8;
    target[at + 3] = length;
    return at + 4;
  }
  target[at + 1] = 127;
  target.fill(0, at + 2, at + 6);
  target[at + 6] = length >>> 24;
  target[at + 7] = length >>> 16;
  target[at + 8] = length >>> 8;
  target[at + 9] = length;
  return at + 10;
}

/** Where the payload of the frame at `from` begins. */
export function payloadAt(bytes: Uint8Array, from: number): number {
  const length = bytes[from + 1]!;
  return from + (length < IN_TWO_BYTES ? 2 : length === IN_TWO_BYTES ? 4 : 10);
}

/** Where the whole frame at `from` ends. */
function frameEnd(bytes: Uint8Array, from: number): number {
  const at = payloadAt(bytes, from);
  let length = bytes[from + 1]!;
  if (length === IN_TWO_BYTES) length = (bytes[at - 2]! << 8) | bytes[at - 1]!;
  else if (length > IN_TWO_BYTES) {
    // `>>> 0` since a length of 2^31 or more would come out negative. The upper four bytes are 0.
    length = ((bytes[at - 4]! << 24) | (bytes[at - 3]! << 16) | (bytes[at - 2]! << 8) | bytes[at - 1]!) >>> 0;
  }
  return at + length;
}

/** Whole messages, each one frame. A payload of another framing becomes a binary message. */
export const WEBSOCKET: FrameRules = {
  number: 4,
  header: 2,
  trailer: 0,
  fixed: false,
  end: (bytes, from, to) => to - from < 2 ? UNKNOWN : frameEnd(bytes, from),
  size: (length) => headerSize(length) + length,
  payloadAt,
  write(payload, target, at) {
    target.set(payload, writeHeader(payload.length, target, at));
  },
  carries: () => true,
};
