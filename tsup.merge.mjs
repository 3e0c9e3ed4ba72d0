// Merges what every start of the command `mobcast` loads into one file: node tsup.merge.mjs, after tsup. esbuild gives each
// set of modules that some entries share a file of its own, 44 of them for a start, and opening these takes longer than
// running them (on Node three quarters of what a start takes over an empty program).

import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";

const bin = fileURLToPath(new URL("dist/bin", import.meta.url));
const merged = `${bin}.merged`;

/** What a start loads on every runtime: all that its entry and `serve` import, and what at least two adapters do. */
function startOf(getModuleInfo) {
  const walk = (id, found = new Set()) => {
    if (found.has(id) || !id.startsWith(bin)) return found;
    found.add(id);
    for (const next of getModuleInfo(id).importedIds) walk(next, found);
    return found;
  };
  const entry = join(bin, "bin.js");
  const start = walk(entry);
  const later = [...start].flatMap((id) => getModuleInfo(id).dynamicallyImportedIds);
  const named = (pattern) => [...new Set(later)].filter((id) => pattern.test(id.slice(bin.length)));
  const adapters = named(/^\/(node|bun|deno)-/);
  const [serve, ...others] = named(/^\/serve-/);
  if (serve === undefined || others.length > 0 || adapters.length !== 3) {
    throw new Error(`Cannot merge dist/bin: ${later.join(" ")}, look for the files of serve and of the three adapters`);
  }
  walk(serve, start);
  const uses = new Map();
  for (const id of adapters.flatMap((adapter) => [...walk(adapter)])) uses.set(id, (uses.get(id) ?? 0) + 1);
  for (const [id, count] of uses) if (count > 1) start.add(id);
  // The program itself begins with `#!`, and is started by its name.
  start.delete(entry);
  return start;
}

const bundle = await rollup({
  input: { bin: join(bin, "bin.js"), thread: join(bin, "thread.js") },
  external: (id) => /^[^./]/.test(id),
  // esbuild has done that.
  treeshake: false,
});
let start;
await bundle.write({
  dir: merged,
  format: "esm",
  compact: true,
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  manualChunks: (id, { getModuleInfo }) => (start ??= startOf(getModuleInfo)).has(id) ? "start" : undefined,
});
await bundle.close();
rmSync(bin, { recursive: true });
renameSync(merged, bin);
