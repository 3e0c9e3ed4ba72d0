/**
 * The framing `line`: a payload and a newline.
 *
 * @module
 */

import type { Framing } from "./framing.ts";
import { TOO_LARGE, UNKNOWN } from "./unknown_end.ts";

const NEWLINE = 10;

/** The rules of lines. */
export const line: Framing = {
  name: "line",
  number: 3,
  header: 0,
  trailer: 1,
  fixed: true,
  end(bytes, from, to, maxFrame) {
    const newline = bytes.indexOf(NEWLINE, from);
    if (newline === -1 || newline >= to) return to - from > maxFrame ? TOO_LARGE : UNKNOWN;
    return newline - from > maxFrame ? TOO_LARGE : newline + 1;
  },
  missing(partial, chunk, from, maxFrame) {
    if (partial.last === NEWLINE) return 0;
    const newline = chunk.indexOf(NEWLINE, from);
    const more = newline === -1 ? chunk.length - from : newline - from;
    if (partial.length + more > maxFrame) return TOO_LARGE;
    return newline === -1 ? Math.max(more, 1) : more + 1;
  },
  size: (length) => length + 1,
  payloadAt: (_bytes, from) => from,
  write(payload, target, at) {
    target.set(payload, at);
    target[at + payload.length] = NEWLINE;
  },
  refuses: (payload) => payload.includes(NEWLINE) ? "a line cannot hold a newline" : undefined,
  carries(bytes, start, end) {
    // A loop: `indexOf` would search the rest of the chunk behind a payload without a newline.
    for (let at = start; at < end; at++) if (bytes[at] === NEWLINE) return false;
    return true;
  },
};
