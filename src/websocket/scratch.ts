/**
 * The scratch: memory in which chunks are unmasked, one for all decoders. What is in it is valid only during a call.
 *
 * @module
 */

/** As much as a chunk of most sockets. */
const SIZE = 64 * 1024;

/** The bytes of the scratch. */
export const SCRATCH: Uint8Array = /* @__PURE__ */ new Uint8Array(SIZE);

/** The same as words. */
export const SCRATCH_WORDS: Int32Array = /* @__PURE__ */ new Int32Array(SCRATCH.buffer);
