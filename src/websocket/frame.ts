/**
 * WebSocket frames as a server sends them (RFC 6455, 5.2): whole, without a mask, with the shortest length that there is.
 *
 * @module
 */

import { utf8 } from "../bytes.ts";

/** A further fragment of a message. */
export const CONTINUATION = 0;
/** A message of text, or its first fragment. */
export const TEXT = 1;
/** A message of bytes, or its first fragment. */
export const BINARY = 2;
/** The end of the connection. The first control frame: all opcodes from here on are of control frames. */
export const CLOSE = 8;
/** Asks for a pong. */
export const PING = 9;
/** Answers a ping. */
export const PONG = 10;

/** The bit of the first byte that marks the last fragment. */
export const FIN = 128;

/** The bit of the second byte that marks a masked frame. */
export const MASKED = 128;

/** The longest payload of a control frame in bytes. */
export const LONGEST_CONTROL = 125;

/** A control frame; its payload has at most 125 bytes. */
export function controlFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + payload.length);
  frame[0] = FIN | opcode;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}

/** A close frame. A reason over 123 bytes is cut behind a whole character. */
export function closeFrame(code: number, reason: string): Uint8Array {
  const text = utf8(reason);
  let length = Math.min(text.length, LONGEST_CONTROL - 2);
  // A byte 10xxxxxx continues a character.
  while (length < text.length && length > 0 && (text[length]! & 0xc0) === 0x80) length--;
  const payload = new Uint8Array(2 + length);
  payload[0] = code >>> 8;
  payload[1] = code;
  payload.set(text.subarray(0, length), 2);
  return controlFrame(CLOSE, payload);
}
