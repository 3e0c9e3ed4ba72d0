/**
 * The hello: the first frame in each direction where streams can be resumed. It names a position in the stream: `mob1` from a
 * client and `MOB1` from a mob, the epoch in eight bytes, and the offset in eight bytes, big-endian. In `line` those sixteen
 * bytes are 32 hexadecimal digits, since a line cannot hold a newline. The two differ because a listener that does not resume
 * takes a hello for a message, and returns it.
 *
 * @module
 */

import { frameOf, type Framing } from "./framing.ts";
import { toHex, utf8, writeHex } from "../bytes.ts";

/** A position in the stream of a mob, or of all mobs of a bus. */
export interface StreamOffset {
  /** Names the life of the stream in which offsets count: sixteen hexadecimal digits. */
  readonly epoch: string;
  /** Bytes of frames in the mob's own framing, from the beginning of that life. */
  readonly offset: number;
}

/** The position of a client that has none: it has received nothing. No stream has this epoch. */
export const NO_OFFSET: StreamOffset = { epoch: "0".repeat(16), offset: 0 };

/** How offsets count. A mob may know several ways: its own, and that of other mobs on its bus. */
export interface Numbering {
  /** Names it. */
  readonly epoch: string;
  /** The offset of the beginning of the mob's log. */
  readonly base: number;
  /** From where in the log on it holds. */
  readonly from: number;
}

/** What a hello begins with. */
export type HelloOf = "mob1" | "MOB1";

/** The bytes of a hello's payload. */
export function helloLength({ trailer }: Pick<Framing, "trailer">): number {
  return trailer > 0 ? 4 + 32 : 4 + 16;
}

/** The payload of a hello. */
export function helloOf(framing: Framing, whose: HelloOf, { epoch, offset }: StreamOffset): Uint8Array {
  const digits = epoch + offset.toString(16).padStart(16, "0");
  if (framing.trailer > 0) return utf8(whose + digits);
  const payload = utf8(whose.padEnd(helloLength(framing)));
  writeHex(digits, payload, 4);
  return payload;
}

/** The frame of a hello. */
export function encodeHello(framing: Framing, whose: HelloOf, position: StreamOffset): Uint8Array {
  return frameOf(framing, helloOf(framing, whose, position));
}

/** The position that the payload of a hello names; `undefined`: it is no hello of theirs. */
export function decodeHello(
  framing: Pick<Framing, "trailer">,
  whose: HelloOf,
  payload: Uint8Array,
): StreamOffset | undefined {
  const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
  if (payload.length !== helloLength(framing) || textOf(payload.subarray(0, 4)) !== whose) return undefined;
  const digits = framing.trailer > 0 ? textOf(payload.subarray(4)).toLowerCase() : toHex(payload.subarray(4));
  const [, epoch, offset] = /^([0-9a-f]{16})([0-9a-f]{16})$/.exec(digits) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: parseInt(offset!, 16) };
}

/** An epoch that no other stream has. */
export function freshEpoch(): string {
  const epoch = toHex(crypto.getRandomValues(new Uint8Array(8)));
  return epoch === NO_OFFSET.epoch ? freshEpoch() : epoch;
}
