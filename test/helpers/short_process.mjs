// How a process of Node, Bun or Deno that lives for some seconds, on busy cores, is started.

/**
 * Options of V8: a collector without threads of its own, which only take time from others, and room for young objects from the
 * first moment. On Node 10 % less work, on Deno 2 to 7 %, in each of the files that were tried. Not `--single-threaded`, under
 * which Deno's `Atomics.waitAsync` never wakes.
 */
const SHORT_V8 = ["--single-threaded-gc", "--min-semi-space-size=16"];

/** The command of Node that runs sources and tests. */
export const SHORT_NODE = ["node", ...SHORT_V8, "--import", "./test/helpers/typescript.mjs"];

/**
 * The options of `deno run` and `deno test` for the same. JSR is not needed this way: the map resolves @std/assert to
 * test/std-assert. It replaces all imports of deno.json, and what it resolves must not get into deno.lock. `npm run check`
 * checks the types.
 */
export const SHORT_DENO = [
  "-A",
  `--v8-flags=${SHORT_V8}`,
  "--no-check",
  "--no-lock",
  "--import-map",
  "test/import_map.offline.json",
];

/**
 * What Bun gets by its environment: its last compiler takes more than a process of some seconds gets back. A tenth less work in
 * each of the files that were tried.
 */
export const SHORT_BUN = { BUN_JSC_useFTLJIT: "0" };
