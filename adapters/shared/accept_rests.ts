/**
 * Rests of a listener on Deno in which connections come without an end.
 *
 * @module
 */

import { pause } from "./event_loop.ts";
import { BACKLOG } from "./node_server.ts";

/** Connections that are accepted one after the other in a stream of them. */
const ACCEPTS = 32;

/** Milliseconds without so many: then a stream is over. */
const STREAM_ENDS = 1000;

/**
 * What is called for each accepted connection, and in a stream without an end lets the others come to be served: Deno's loop
 * completes accepts before all else, so clients that came and went, 10,000 a second, kept a room beside them waiting for more
 * than a second. What the backlog holds is accepted at once. A rest is by a timer: Deno polls no sockets while an immediate
 * is due.
 */
export function restsInStream(now: () => number = () => performance.now()): () => Promise<void> | undefined {
  let accepted = 0;
  let last = now();
  return () => {
    if (++accepted % ACCEPTS !== 0) return undefined;
    const before = last;
    last = now();
    if (last - before > STREAM_ENDS) accepted = 0;
    return accepted > BACKLOG ? pause(0) : undefined;
  };
}
