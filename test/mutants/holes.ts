/**
 * The holes: bugs that were planted in an earlier version, and that no test noticed. Each is a mutant now.
 *
 * @module
 */

/** What went unnoticed; a mutant names the number as its `hole`. */
export const HOLES = {
  1: "a short write that no WRITABLE follows",
  2: "flow control that works once for each connection",
  3: "on Deno, a rest between ticks without an end",
  4: "a signal that aborts late, and takes another call of send out of the queue",
  5: "a reload that reaches only the first of several TLS listeners",
  6: "leaks: of handshakes, rates, receive buffers, what a client has sent and received, listeners of signals, descriptors",
  7: "TLS renegotiation",
  8: "a descriptor limit, or its reserve, without effect",
  9: "a burst without a bound, of a connection that was silent",
  10: "a mob that is closed, or aborted, while its listeners open",
  11: "a join that is told only with the next event of another connection",
  12:
    "a log line for each failed accept, control characters in the log, messages that pile up in close(), output that is not awaited",
  13: "pings of connections that left, rates since the accept, backoff that never starts anew, linger beyond the drain",
} as const;

/** The number of a hole. */
export type Hole = keyof typeof HOLES;
