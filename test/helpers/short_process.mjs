// How a process of Node or Deno that lives for some seconds, on busy cores, is started.

/**
 * Options of V8: a collector without threads of its own, which only take time from others, and room for young objects from the
 * first moment. On Node 10 % less work, on Deno 2 to 7 %, in each of the files that were tried. Not `--single-threaded`, under
 * which Deno's `Atomics.waitAsync` never wakes.
 */
export const SHORT_V8 = ["--single-threaded-gc", "--min-semi-space-size=16"];

/** The command of Node that runs sources and tests. */
export const SHORT_NODE = ["node", ...SHORT_V8, "--import", "./test/helpers/typescript.mjs"];
