/**
 * What the rules of framings return where a frame has no end that is known.
 *
 * @module
 */

/** What `end` and `missing` of a framing return for a frame whose payload is over the limit. */
export const TOO_LARGE = -2;

/** What `end` returns when the bytes do not tell yet where the frame ends. */
export const UNKNOWN = -1;
