/**
 * Batches: what the connections of a mob have sent in one tick or more, as it goes over a bus. A batch is a list of runs, each
 * of whole frames in one framing.
 *
 * ```
 * run    number of the framing (1 byte), frames (4 bytes), bytes (4 bytes), the frames; numbers are big-endian
 * ```
 *
 * @module
 */

import { type FrameRules, FRAMINGS } from "../framing/framing.ts";
import { BINARY_MESSAGE, TEXT_MESSAGE, WEBSOCKET } from "../framing/server_frames.ts";

/** Bytes before the frames of a run. */
export const RUN_HEADER = 9;

/** The framings that frames on a bus may have, by their number. */
const BY_NUMBER: ReadonlyMap<number, FrameRules> = new Map(
  [...Object.values(FRAMINGS), WEBSOCKET].map((framing) => [framing.number, framing]),
);

/** Whole frames in one framing, in the bytes of a batch. */
export interface Run {
  readonly framing: FrameRules;
  readonly start: number;
  readonly end: number;
  readonly frames: number;
}

/** Writes the header of a run. */
export function writeRunHeader(
  target: Uint8Array,
  at: number,
  { number }: FrameRules,
  frames: number,
  bytes: number,
): void {
  target[at] = number;
  writeUint32(target, at + 1, frames);
  writeUint32(target, at + 5, bytes);
}

/**
 * The runs of a batch that came over the bus. `undefined`: it is none, or holds a frame that is not whole, empty, or over
 * `maxFrame`. All of it is looked at, because one broken frame in a log would end the stream of every connection.
 */
export function readRuns(batch: Uint8Array, maxFrame: number): Run[] | undefined {
  const runs: Run[] = [];
  for (let at = 0; at < batch.length;) {
    const start = at + RUN_HEADER;
    const framing = BY_NUMBER.get(batch[at]!);
    if (!framing || start > batch.length) return undefined;
    const frames = readUint32(batch, at + 1);
    const end = start + readUint32(batch, at + 5);
    if (frames === 0 || end > batch.length || countFrames(framing, batch, start, end, maxFrame) !== frames) {
      return undefined;
    }
    runs.push({ framing, start, end, frames });
    at = end;
  }
  return runs.length > 0 ? runs : undefined;
}

/** How many frames there are from `start` to `end`; -1: these are no whole frames that a mob may publish. */
function countFrames(framing: FrameRules, bytes: Uint8Array, start: number, end: number, maxFrame: number): number {
  let frames = 0;
  for (let at = start; at < end; frames++) {
    const next = framing.end(bytes, at, end, maxFrame);
    if (next <= at || next > end) return -1;
    const from = framing.payloadAt(bytes, at);
    const length = next - framing.trailer - from;
    // A payload may be shorter than its header declares when that lies beyond the end, so the size is compared.
    if (length <= 0 || length > maxFrame || framing.size(length) !== next - at) return -1;
    if (framing === WEBSOCKET && !isMessage(bytes, at, from, next)) return -1;
    at = next;
  }
  return frames;
}

/** Whether a frame of the right size is a message as a server sends it. */
function isMessage(bytes: Uint8Array, at: number, from: number, end: number): boolean {
  const isText = bytes[at] === TEXT_MESSAGE;
  if (!isText && bytes[at] !== BINARY_MESSAGE) return false;
  // Eight bytes of length, of which only four are used.
  if (from - at === 10 && (bytes[at + 1] !== 127 || readUint32(bytes, at + 2) !== 0)) return false;
  if (!isText) return true;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(from, end));
    return true;
  } catch {
    return false;
  }
}

function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
