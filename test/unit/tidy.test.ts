/** The rules of the repository that a test can check. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { evaluating } from "../helpers/command_line.ts";
import { VERSION } from "../../src/version.ts";

const root = new URL("../../", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

function sources(folder: string): string[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true })
    .map((name) => `${folder}/${String(name).replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith(".ts"));
}

/** The code of a file, without its comments. */
function code(path: string): string {
  return read(path).replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function imports(path: string): string[] {
  return Array.from(code(path).matchAll(/\b(?:from |import |import\()"([^"\s]+)"/g), (match) => match[1]!);
}

/** The packages that src imports. */
const LIBRARIES = ["@logtape/logtape", "commander", "cli-progress", "hdr-histogram-js", "eventsource-parser"];

test("the core knows no runtime: no global of one, no module of one, no clock and no timer", () => {
  const forbidden =
    /\b(Deno|Bun|process|Buffer|require|Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|console|fetch)\b(?=\s*[.(])|\bMath\.random\b/;
  for (const path of sources("src")) {
    // The page runs in browsers.
    if (path.startsWith("src/status/page")) continue;
    // Where the adapter of the runtime is picked, chance is picked, too: what draws is handed it.
    // Every runtime has console.error: it gets errors that no log has.
    const text = code(path)
      .replace(path === "src/client/open.ts" ? "random: Math.random" : "", "")
      .replace(path === "src/logger.ts" ? "console.error(" : "", "");
    const found = forbidden.exec(text);
    assertEquals(found?.[0], undefined, `${path} uses ${found?.[0]}`);
    for (const name of imports(path)) {
      assert(
        name.startsWith(".") || LIBRARIES.includes(name),
        `${path} imports ${name}`,
      );
    }
  }
});

/** The folders of src: each imports only from itself, from those after it, and from the files of src itself. */
const ORDER = [
  "cli",
  "load",
  "server",
  "client",
  "status",
  "websocket",
  "admission",
  "broadcast",
  "bus",
  "reactor",
  "framing",
  "contract",
];

/** The path, from the root, of what a file imports by a relative path. */
function target(path: string, name: string): string {
  return new URL(name, new URL(path, "file:///")).pathname.slice(1);
}

test("imports point one way: each folder of src imports only from those to its right, and none from adapters", () => {
  const folders = new Set(
    sources("src").map((path) => path.split("/")).filter(({ length }) => length > 2).map((p) => p[1]!),
  );
  assertEquals([...folders].filter((folder) => !ORDER.includes(folder)), [], "folders without a place in the order");
  const wrong: string[] = [];
  for (const path of sources("src")) {
    const [, folder = ""] = path.split("/");
    for (const name of imports(path).filter((name) => name.startsWith("."))) {
      const [root, other = ""] = target(path, name).split("/");
      const own = ORDER.indexOf(folder);
      const its = ORDER.indexOf(other);
      // A file of src itself knows such files and the contract.
      if (
        root !== "src" ||
        (own === -1 ? its !== -1 && other !== "contract" : its !== -1 && its < own)
      ) {
        wrong.push(`${path} imports ${name}`);
      }
    }
  }
  assertEquals(wrong, []);
});

/** What adapters know of the core besides the contract. */
const KNOWN: ReadonlySet<string> = new Set([
  "src/bytes.ts",
  "src/check.ts",
  "src/errors.ts",
  "src/reactor/awake_clock.ts",
]);

test("adapters know the contract, the clock, checks and errors, and no more of the core", () => {
  for (const path of sources("adapters").filter((path) => !path.startsWith("adapters/process/"))) {
    const wrong = imports(path).filter((name) => name.startsWith(".")).map((name) => target(path, name)).filter((
      name,
    ) => !name.startsWith("adapters/") && !name.startsWith("src/contract/") && !KNOWN.has(name));
    assertEquals(wrong, [], path);
  }
});

test("tests draw cases by the helper that draws the same in CI", () => {
  const wrong = sources("test").filter((path) => path !== "test/helpers/fast_check.ts")
    .filter((path) => imports(path).includes("fast-check"));
  assertEquals(wrong, []);
});

test("the words of the first house are gone", () => {
  const old =
    /\b(door|stranger|newcomer|journal|household|laggard|intake|leaver)s?\b|\b(whoever|somebody|adrift|tidings|owed)\b|\b(a|one|each|every|next|later|same) turns?\b/i;
  const docs = readdirSync(root).filter((name) => name.endsWith(".md")).filter((name) => name !== "CHANGELOG.md");
  // This file has the list of them, and the soak is not renamed yet.
  const tests = sources("test").filter((path) => path !== "test/unit/tidy.test.ts");
  for (
    const path of [
      ...sources("src"),
      ...sources("adapters"),
      ...sources("bench"),
      ...tests,
      "mod.ts",
      "core.ts",
      "browser.ts",
      "status.ts",
      "nats.ts",
      ...docs,
    ]
  ) {
    const found = old.exec(read(path));
    assertEquals(found?.[0], undefined, `${path} says ${found?.[0]}`);
  }
});

test("the three adapters have the same sections in the same order", () => {
  const rulers = (name: string): string[] =>
    Array.from(read(`adapters/${name}.ts`).matchAll(/^\/\/ --- (socket|listen|adapter) ---$/gm), (m) => m[1]!);
  for (const name of ["node", "bun", "deno"]) assertEquals(rulers(name), ["socket", "listen", "adapter"]);
});

test("every option takes undefined for its default, also under exactOptionalPropertyTypes", () => {
  const options = /^(?:export )?(?:interface|type) (\w+(?:Options|Hooks|Faults))\b[^]*?^}/gm;
  const wrong: string[] = [];
  let looked = 0;
  for (const path of [...sources("src"), ...sources("adapters")]) {
    // What only the command line uses is no program's.
    if (/^src\/(cli|load)\//.test(path)) continue;
    for (const [text, name] of code(path).matchAll(options)) {
      for (const [, field, type] of text.matchAll(/^ {2}(?:readonly )?(\w+)\?: ([^;]*);/gm)) {
        looked++;
        if (!/\| undefined$/.test(type!)) wrong.push(`${path}: ${name}.${field}`);
      }
      // A method that may be missing cannot be undefined.
      for (const [, field] of text.matchAll(/^ {2}(\w+)\?\(/gm)) wrong.push(`${path}: ${name}.${field}()`);
    }
  }
  assertEquals(wrong, []);
  assert(looked > 45, `${looked} options`);
});

test("files stay under 400 lines", () => {
  for (const path of [...sources("src"), ...sources("adapters"), "mod.ts"]) {
    const lines = read(path).trimEnd().split("\n").length;
    assert(lines <= 400, `${path} has ${lines} lines`);
  }
});

test("mod.ts exports what people use, and no more than 38 names", () => {
  const lists = Array.from(code("mod.ts").matchAll(/^export (?:type )?\{([^}]*)\}/gm), ([, list]) => list!.split(","));
  const names = [...lists.flat().map((name) => name.trim()).filter((name) => name !== ""), "serve", "connect"];
  assert(names.length <= 38 && names.includes("CLOSE_REASONS"), `${names.length}: ${names.join(", ")}`);
});

test("there is one version number", () => {
  assertEquals(JSON.parse(read("package.json")).version, VERSION);
  assertEquals(JSON.parse(read("deno.json")).version, VERSION);
  assertEquals(JSON.parse(read("package-lock.json")).version, VERSION);
  assert(read("CHANGELOG.md").includes(`## ${VERSION}`));
});

test("a user installs LogTape alone, and the notice has the license of each package that the command contains", () => {
  const { dependencies } = JSON.parse(read("package.json")) as { dependencies: object };
  assertEquals(Object.keys(dependencies), ["@logtape/logtape"]);
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { license?: string; dependencies?: object }>;
  };
  const contained = new Set(LIBRARIES);
  // A set goes on with what is added meanwhile.
  for (const name of contained) {
    for (const other of Object.keys(packages[`node_modules/${name}`]!.dependencies ?? {})) contained.add(other);
  }
  assert(contained.size > 8, [...contained].join(", "));
  const notice = read("NOTICE.md");
  for (const name of contained) {
    assertStringIncludes(notice, `## [${name}](https://www.npmjs.com/package/${name})`);
    const file = readdirSync(new URL(`node_modules/${name}/`, root)).find((file) => /^licen[sc]e/i.test(file));
    // One has no file of its own, and is under the Apache License, 2.0.
    const license = read(file === undefined ? "node_modules/typescript/LICENSE.txt" : `node_modules/${name}/${file}`);
    if (file === undefined) assertEquals(packages[`node_modules/${name}`]!.license, "Apache-2.0", name);
    assertStringIncludes(notice, license.trim());
  }
});

test("importing mod.ts starts nothing and touches no global of a runtime", { timeout: 60_000 }, () => {
  // LogTape looks for Deno when it is loaded: that is not ours to forbid, so it is loaded before the trap is set.
  const trap = `
    await import("@logtape/logtape");
    for (const name of ["Deno", "Bun"]) {
      if (name in globalThis) continue;
      Object.defineProperty(globalThis, name, { get() { throw new Error("touched " + name); }, configurable: true });
    }
    const exports = await import(${JSON.stringify(new URL("mod.ts", root).href)});
    console.log(typeof exports.serve, typeof exports.connect);
  `;
  // The process ends by itself only when nothing was started.
  const { stdout, stderr, status } = spawnSync(process.execPath, evaluating(trap), {
    cwd: fileURLToPath(root),
    encoding: "utf8",
    timeout: 30_000,
  });
  assertEquals([stdout.trim(), status], ["function function", 0], stderr);
});
