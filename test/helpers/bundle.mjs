// Bundles programs with esbuild, Rollup and Bun: node test/helpers/bundle.mjs FOLDER, which has PROGRAM.js, the package
// in node_modules and the sources in jsr. Writes FOLDER/out/PROGRAM-ORIGIN-BUNDLER.FORMAT, and to stdout the sizes, with
// those of what esbuild loads at the start when it splits the program: PROGRAM-ORIGIN-split.
// A script for Node, whatever the tests run on: Rollup's and esbuild's own API are for it.

import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

// `deno check` resolves imports by an import map that has neither.
const require = createRequire(import.meta.url);
const { build, transform } = require("esbuild");
const { rollup } = require("rollup");

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = process.argv[2];
const programs = process.argv.slice(3);

/** Where "mobcast" is: what the npm package exports, and the sources as JSR has them. */
const origins = {
  npm: join(root, JSON.parse(readFileSync(join(root, "package.json"), "utf8")).exports["."].default),
  jsr: join(folder, "jsr", "mod.ts"),
};

/** What a bundler names the two kinds of modules. */
const formats = { mjs: "esm", cjs: "cjs" };

const out = (program, origin, bundler, extension) =>
  join(folder, "out", `${program}-${origin}-${bundler}.${extension}`);

async function withEsbuild(program, origin) {
  for (const [extension, format] of Object.entries(formats)) {
    await build({
      entryPoints: [join(folder, `${program}.js`)],
      outfile: out(program, origin, "esbuild", extension),
      bundle: true,
      minify: true,
      platform: "node",
      format,
      logLevel: "error",
      ...(origin === "jsr" ? { alias: { mobcast: origins.jsr } } : {}),
    });
  }
}

/**
 * Bytes that a program loads at its start on Node: its entry, all that it imports, and the adapter of the runtime; but not
 * what `import()` loads later.
 */
async function splitByEsbuild(program, origin) {
  const { metafile } = await build({
    entryPoints: [join(folder, `${program}.js`)],
    outdir: join(folder, "split", `${program}-${origin}`),
    bundle: true,
    splitting: true,
    minify: true,
    platform: "node",
    format: "esm",
    metafile: true,
    logLevel: "error",
    ...(origin === "jsr" ? { alias: { mobcast: origins.jsr } } : {}),
  });
  const outputs = Object.entries(metafile.outputs);
  const loaded = new Set(
    outputs.filter(([, { entryPoint }]) => entryPoint?.endsWith(`${program}.js`)).map(([name]) => name),
  );
  for (const name of loaded) {
    for (const { path, kind } of metafile.outputs[name].imports) {
      const output = metafile.outputs[path];
      if (output && (kind === "import-statement" || /\bnode\.[jt]s$/.test(output.entryPoint ?? ""))) loaded.add(path);
    }
  }
  return [...loaded].reduce((bytes, name) => bytes + metafile.outputs[name].bytes, 0);
}

async function withRollup(program, origin) {
  const mobcast = {
    name: "mobcast",
    resolveId: (name) => name === "mobcast" ? origins[origin] : null,
    transform: async (code, id) => id.endsWith(".ts") ? (await transform(code, { loader: "ts" })).code : null,
  };
  const bundle = await rollup({
    input: join(folder, `${program}.js`),
    external: /^node:/,
    plugins: [mobcast],
    onwarn: (warning) => {
      throw new Error(warning.message);
    },
  });
  for (const [extension, format] of Object.entries(formats)) {
    await bundle.write({ file: out(program, origin, "rollup", extension), format, inlineDynamicImports: true });
  }
  await bundle.close();
}

function withBun(program, origin) {
  // Bun has no aliases: what the program imports is replaced by what it stands for.
  const entry = origin === "npm" ? `${program}.js` : `${program}.jsr.js`;
  for (const [extension, format] of Object.entries(formats)) {
    const outfile = out(program, origin, "bun", extension);
    const { status, stderr } = spawnSync(
      join(root, "node_modules/.bin/bun"),
      ["build", join(folder, entry), "--minify", "--target=node", `--format=${format}`, `--outfile=${outfile}`],
      { encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`bun build ${entry} ${format}: ${stderr}`);
  }
}

const sizes = {};
for (const program of programs) {
  for (const origin of Object.keys(origins)) {
    await withEsbuild(program, origin);
    await withRollup(program, origin);
    withBun(program, origin);
    sizes[`${program}-${origin}-split`] = await splitByEsbuild(program, origin);
    for (const bundler of ["esbuild", "rollup", "bun"]) {
      for (const extension of Object.keys(formats)) {
        const file = out(program, origin, bundler, extension);
        sizes[file.slice(join(folder, "out/").length)] = statSync(file).size;
      }
    }
  }
}
console.log(JSON.stringify(sizes));
