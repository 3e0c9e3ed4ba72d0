// What typescript.mjs does when a file is loaded, and before: what was compiled is kept by what was in the file.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { threadId } from "node:worker_threads";

const folder = fileURLToPath(new URL("../../node_modules/.cache/mobcast-typescript/", import.meta.url));
const require = createRequire(import.meta.url);
/** What the output depends on, apart from the file. */
const { version } = require("esbuild/package.json");

/** Where the output for a file is kept. */
function placeOf(path, text) {
  return join(folder, `${createHash("sha1").update(`${version} ${basename(path)}\n${text}`).digest("hex")}.mjs`);
}

function optionsFor(path) {
  return { loader: "ts", target: "node20", sourcefile: basename(path), sourcemap: "inline", sourcesContent: false };
}

/** Keeps an output. Several processes do it at the same time, and none reads half a file. */
function keep(place, code) {
  mkdirSync(folder, { recursive: true });
  const part = `${place}.${process.pid}-${threadId}`;
  writeFileSync(part, code);
  renameSync(part, place);
}

/** Loads a file. */
export function load(url, context, next) {
  if (!/^file:.*\.m?ts(\?.*)?$/.test(url)) return next(url, context);
  const path = fileURLToPath(url.replace(/\?.*$/, ""));
  const text = readFileSync(path, "utf8");
  const place = placeOf(path, text);
  let source;
  try {
    source = readFileSync(place, "utf8");
  } catch {
    source = require("esbuild").transformSync(text, optionsFor(path)).code;
    keep(place, source);
  }
  return { format: "module", shortCircuit: true, source };
}

/** Compiles the files of some folders that are new: side by side, which takes a tenth of the time that one by one does. */
export async function compile(folders) {
  const paths = folders.flatMap((from) =>
    readdirSync(from, { recursive: true }).filter((name) => name.endsWith(".ts")).map((name) => join(from, name))
  );
  await Promise.all(paths.map(async (path) => {
    const text = readFileSync(path, "utf8");
    const place = placeOf(path, text);
    if (existsSync(place)) return;
    keep(place, (await require("esbuild").transform(text, optionsFor(path))).code);
  }));
}
