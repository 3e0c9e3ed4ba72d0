/** What a WebSocket client sends, for tests. */

import { concat } from "./bytes.ts";

/** How a client's frame is to be. */
export interface ClientFrame {
  /** The first byte: FIN, reserved bits and the opcode. Default: a whole binary message. */
  readonly first?: number;
  /** Default: none. */
  readonly payload?: Uint8Array;
  /** The mask. Default: four bytes that differ; `null`: not masked. */
  readonly mask?: readonly number[] | null;
  /** The second byte, without the mask's bit, and the bytes of the length behind it. Default: the shortest form. */
  readonly length?: readonly number[];
}

/** The length of a payload in its shortest form. */
function lengthOf(size: number): number[] {
  if (size <= 125) return [size];
  if (size <= 65535) return [126, size >> 8, size & 255];
  return [127, 0, 0, 0, 0, size >>> 24, size >> 16 & 255, size >> 8 & 255, size & 255];
}

/** The bytes of a client's frame. */
export function clientFrame({ first = 0x82, payload = new Uint8Array(), ...given }: ClientFrame = {}): Uint8Array {
  const { mask = [0x12, 0x34, 0x56, 0x78], length: [second = 0, ...length] = lengthOf(payload.length) } = given;
  if (mask === null) return concat(Uint8Array.of(first, second, ...length), payload);
  const masked = payload.map((byte, index) => byte ^ mask[index & 3]!);
  return concat(Uint8Array.of(first, 128 | second, ...length, ...mask), masked);
}
