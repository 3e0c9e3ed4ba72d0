/** What a WebSocket client sends, for tests. */

import { assertEquals } from "@std/assert";
import type { Decoder } from "../../src/framing/decoder.ts";
import { headerSize, writeHeader } from "../../src/framing/server_frames.ts";
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

/** What a decoder handed on: messages and control frames in their order. */
export type Told = { readonly message: string } | { readonly control: number; readonly payload: string };

/** The payloads of a run of frames as a decoder hands them on. Throws when one of them is torn. */
export type PayloadsOf = (run: Uint8Array) => string[];

/** The payloads, a character a byte, of whole server frames back to back; each has to be binary, whole and in its shortest form. */
export function serverPayloads(run: Uint8Array): string[] {
  const payloads: string[] = [];
  for (let at = 0; at < run.length;) {
    const length = run[at + 1]! < 126
      ? run[at + 1]!
      : run[at + 1] === 126
      ? run[at + 2]! * 256 + run[at + 3]!
      : new DataView(run.buffer, run.byteOffset + at + 2).getUint32(4);
    const size = headerSize(length);
    const header = new Uint8Array(size);
    writeHeader(length, header, 0);
    assertEquals(run.slice(at, at + size), header);
    const payload = run.subarray(at + size, at + size + length);
    assertEquals(payload.length, length, "a torn frame");
    payloads.push(latin1(payload));
    at += size + length;
  }
  return payloads;
}

/** The text of bytes, a character each. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** What decoding has led to. */
export interface Decoded {
  /** What was handed on. */
  readonly told: Told[];
  /** How often messages were. */
  readonly runs: number;
  /** The sum of what `decode` returned. */
  readonly completed: number;
}

/** What a decoder tells for chunks, which are wiped behind it: it may keep nothing of them, and change nothing in them. */
export function decodeAll(
  decoder: Decoder,
  chunks: readonly Uint8Array[],
  payloadsOf: PayloadsOf = serverPayloads,
): Decoded {
  const told: Told[] = [];
  let runs = 0;
  let completed = 0;
  const take = (run: Uint8Array, count: number): void => {
    const payloads = payloadsOf(run);
    assertEquals(payloads.length, count);
    for (const message of payloads) told.push({ message });
    runs++;
  };
  for (const chunk of chunks) {
    const lent = chunk.slice();
    completed += decoder.decode(lent, {
      frames: (bytes, start, end, count) => take(bytes.slice(start, end), count),
      pieces: (pieces, length) => {
        const whole = concat(...pieces);
        assertEquals(whole.length, length);
        take(whole, 1);
      },
      control: (control, payload) => told.push({ control, payload: latin1(payload) }),
    });
    assertEquals(lent, chunk, "the chunk was changed");
    lent.fill(0xee);
  }
  return { told, runs, completed };
}
