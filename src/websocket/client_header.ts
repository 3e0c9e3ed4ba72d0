/**
 * The headers of client frames (RFC 6455, 5.2): the rules for one frame, which know nothing of its payload.
 *
 * @module
 */

import { BINARY, CLOSE, CONTINUATION, FIN, LONGEST_CONTROL, MASKED, PONG } from "./frame.ts";

/** Bytes of the longest header, with its mask. */
export const LONGEST_HEADER = 14;

/** The bits of the first byte that hold the opcode. */
export const OPCODE = 15;

/** The bits of the first byte that only extensions use; there are none. */
const RESERVED = 0x70;

/** Bytes of a client's header whose second byte this is. */
export function clientHeaderSize(second: number): number {
  const length = second & 127;
  return (length < 126 ? 2 : length === 126 ? 4 : 10) + ((second & MASKED) !== 0 ? 4 : 0);
}

/**
 * Which rule a frame breaks that begins with these two bytes; `undefined` when none. `inMessage`: a message has begun that is
 * not whole.
 */
export function refusesFrame(first: number, second: number, inMessage: boolean): string | undefined {
  const opcode = first & OPCODE;
  if ((first & RESERVED) !== 0) return "a frame has reserved bits, and no extension was agreed on";
  if (opcode > PONG || (opcode > BINARY && opcode < CLOSE)) return `a frame has opcode ${opcode}, which is unknown`;
  if ((second & MASKED) === 0) return "a frame of a client is not masked";
  if (opcode >= CLOSE) {
    if ((first & FIN) === 0) return "a control frame is a fragment";
    return (second & 127) > LONGEST_CONTROL ? `a control frame is over ${LONGEST_CONTROL} bytes` : undefined;
  }
  if (inMessage) return opcode === CONTINUATION ? undefined : "a message begins inside another";
  return opcode === CONTINUATION ? "a continuation continues nothing" : undefined;
}

/**
 * The length that a whole header declares; -1 when its highest bit is set, or when it is not in its shortest form, which
 * browsers refuse as well.
 */
export function declaredLength(header: Uint8Array): number {
  const short = header[1]! & 127;
  if (short < 126) return short;
  if (short === 126) {
    const length = header[2]! << 8 | header[3]!;
    return length < 126 ? -1 : length;
  }
  const high = ((header[2]! << 24) | (header[3]! << 16) | (header[4]! << 8) | header[5]!) >>> 0;
  const low = ((header[6]! << 24) | (header[7]! << 16) | (header[8]! << 8) | header[9]!) >>> 0;
  return high >= 2 ** 31 || (high === 0 && low < 2 ** 16) ? -1 : high * 2 ** 32 + low;
}
