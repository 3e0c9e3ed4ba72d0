/**
 * Pages know no lines: over a WebSocket the framing is u64.
 *
 * @module
 */

/** See src/framing/line.ts. */
export const line: undefined = undefined;
