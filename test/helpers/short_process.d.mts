/**
 * The types of short_process.mjs, which Node 20 has to run as it is.
 *
 * @module
 */

/** The command of Node that runs sources and tests in a process that lives for some seconds. */
export const SHORT_NODE: readonly string[];
/** The options of `deno run` and `deno test` for the same. */
export const SHORT_DENO: readonly string[];

/** What a process of Bun that lives for some seconds gets by its environment. */
export const SHORT_BUN: Readonly<Record<string, string>>;
