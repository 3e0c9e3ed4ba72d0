/**
 * The types of short_process.mjs, which Node 20 has to run as it is.
 *
 * @module
 */

/** Options of V8 for a process that lives for some seconds. */
export const SHORT_V8: readonly string[];
/** The command of Node that runs sources and tests in such a process. */
export const SHORT_NODE: readonly string[];
