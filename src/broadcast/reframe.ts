/**
 * Re-framing: the same payloads as frames of another framing.
 *
 * @module
 */

import type { FrameRules } from "../framing/framing.ts";
import type { Log } from "./log.ts";

/**
 * Appends whole frames of one framing to the log of another, frame by frame. Returns the bytes appended. `uncarried` is called
 * for each frame that the other cannot carry, with the bytes that it would have had.
 */
export function reframe(
  framing: FrameRules,
  bytes: Uint8Array,
  start: number,
  end: number,
  other: FrameRules,
  log: Log,
  uncarried: (length: number) => void,
): number {
  let appended = 0;
  for (let at = start; at < end;) {
    const next = framing.end(bytes, at, end, end);
    const from = framing.payloadAt(bytes, at);
    const to = next - framing.trailer;
    if (other.carries(bytes, from, to)) appended += log.appendPayloadOf(bytes, from, to);
    else uncarried(other.size(to - from));
    at = next;
  }
  return appended;
}
