/**
 * The feeds of a world: how frames look in each. WebSocket is encoded here by code of its own, not by the code under test.
 *
 * @module
 */

import { encodeFrame, type FramingName, FRAMINGS } from "../../src/framing/framing.ts";

/** The name of a feed: that of its framing, or of a kind of WebSocket client. */
export type FeedName = FramingName | "websocket" | "mobcast.u64";

/** How an author delimits what it sends, as far as the core publishes it. */
export interface Encoding {
  /** The feed that its connection receives. */
  readonly name: FeedName;
  /** Bytes before a short payload. */
  readonly header: number;
  /** Bytes of the frame of a payload. */
  size(length: number): number;
  /** The frame of a payload. */
  encode(payload: Uint8Array): Uint8Array;
  /** What a frame carries. */
  payloadOf(frame: Uint8Array): Uint8Array;
  /** Whether there is no frame for a payload with a newline. */
  readonly endsInNewline: boolean;
}

/** Bytes before the payload of a frame that a WebSocket server sends. */
export function webHeader(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** The same, by the second byte of the frame. */
export function webHeaderOf(second: number): number {
  return second < 126 ? 2 : second === 126 ? 4 : 10;
}

/** Where the payload of a frame that begins at `at` begins and ends; `undefined`: it is not whole. */
export function webPayload(bytes: Uint8Array, at = 0): { readonly from: number; readonly to: number } | undefined {
  if (at + 2 > bytes.length) return undefined;
  const short = bytes[at + 1]! & 127;
  const header = webHeaderOf(short);
  const from = at + header;
  if (from > bytes.length) return undefined;
  let length = header === 2 ? short : 0;
  for (let place = at + 2; place < from; place++) length = length * 256 + bytes[place]!;
  return from + length > bytes.length ? undefined : { from, to: from + length };
}

/** A whole binary message as a WebSocket server sends it: one frame, no mask, the shortest length. */
export function webMessage(payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const header = webHeader(length);
  const frame = new Uint8Array(header + length);
  frame[0] = 0x82;
  frame[1] = header === 2 ? length : header === 4 ? 126 : 127;
  for (let at = header - 1, left = length; header > 2 && at > 1; at--, left = Math.floor(left / 256)) {
    frame[at] = left % 256;
  }
  frame.set(payload, header);
  return frame;
}

function named(name: FeedName, framing: FramingName): Encoding {
  const { header, trailer } = FRAMINGS[framing];
  return {
    name,
    header,
    size: (length) => header + length + trailer,
    encode: (payload) => encodeFrame(framing, payload),
    payloadOf: (frame) => frame.subarray(header, frame.length - trailer),
    endsInNewline: trailer > 0,
  };
}

/** The encodings by the names of the feeds. Authors of `mobcast.u64` send u64 frames. */
export const ENCODINGS: Readonly<Record<FeedName, Encoding>> = {
  "u64": named("u64", "u64"),
  "u32": named("u32", "u32"),
  "line": named("line", "line"),
  "mobcast.u64": named("mobcast.u64", "u64"),
  "websocket": {
    name: "websocket",
    header: 2,
    size: (length) => webHeader(length) + length,
    encode: webMessage,
    payloadOf: (frame) => frame.subarray(webHeaderOf(frame[1]!)),
    endsInNewline: false,
  },
};
