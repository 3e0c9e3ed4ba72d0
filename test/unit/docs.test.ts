/** The documents name only files, limits and functions that exist. */

import { test } from "node:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { CLIENT_ERRORS, ClientError, type ClientErrorCode, endOf } from "../../src/client/client_error.ts";
import { LIMITS } from "../../src/server/options.ts";
import { CLOSE_REASONS } from "../../src/status/stats.ts";

const root = new URL("../../", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

/** The name of each source file, without its folder. */
const NAMES = new Set(
  ["src", "adapters", "test", "bench", "examples", "docs", "."].flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: folder !== "." }).map((path) =>
      String(path).split(/[\\/]/).at(-1)!
    )
  ),
);

/** What is too long for the README. */
const DOCS = readdirSync(new URL("docs/", root)).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);

for (const name of ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", ...DOCS]) {
  test(`${name} links files that exist`, () => {
    const links = Array.from(read(name).matchAll(/\]\(([^)#:]+)\)/g), ([, path]) => path!);
    assertEquals(links.filter((path) => !existsSync(new URL(path, new URL(name, root)))), []);
  });
}

for (const name of ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md", ...DOCS]) {
  test(`${name} names files and folders that exist`, () => {
    const text = read(name);
    const paths =
      text.match(/\b(?:src|adapters|test|bench|docs|examples)\/[\w./-]*\w\/?|\b[\w-]+(?:\.test)?\.(?:ts|mjs)\b/g) ?? [];
    // SECURITY.md leaves out the extension.
    const exists = (path: string): boolean =>
      path.includes("/") ? existsSync(new URL(path, root)) || existsSync(new URL(`${path}.ts`, root)) : NAMES.has(path);
    assertEquals(paths.filter((path) => !exists(path)), []);
  });
}

test("README.md mentions every limit", () => {
  const text = read("README.md");
  assertEquals(Object.keys(LIMITS).filter((name) => !text.includes(`\`${name}\``)), []);
});

/** The rows of the table of docs/library.md whose head is this, as cells without backticks. */
function tableOf(head: string): string[][] {
  const [, after = ""] = read("docs/library.md").split(`\n| ${head} |\n`);
  const [table] = after.split("\n\n");
  const rows = table!.split("\n").slice(1).map((row) => row.slice(2, -2).split(" | "));
  return rows.map((cells) => cells.map((cell) => cell.replaceAll("`", "").trim()));
}

test("docs/library.md has each close reason of a mob, with its meaning", () => {
  assertEquals(tableOf("`reason` | meaning"), Object.entries(CLOSE_REASONS));
});

test("docs/library.md has each error of a client, with its meaning and the reason that `closed` has for it", () => {
  const ends = tableOf("`reason` | `error.code` | what happened").filter(([, code]) => code !== "");
  const others = tableOf("other `error.code` | what rejects | what happened");
  const meanings = [
    ...ends.map(([, code, meaning]) => [code, meaning]),
    ...others.map(([code, , what]) => [code, what]),
  ];
  assertEquals(Object.fromEntries(meanings), CLIENT_ERRORS);
  const reasons = ends.map(([, code]) => endOf(new ClientError(code as ClientErrorCode, ""), "ended").reason);
  assertEquals(ends.map(([reason]) => reason), reasons);
});

test("the README links every page of docs and every example", () => {
  const pages = [...DOCS, ...readdirSync(new URL("examples/", root)).map((name) => `examples/${name}`)];
  const text = read("README.md");
  assertEquals(pages.filter((page) => /\.(ts|md)$/.test(page) && !text.includes(`](${page})`)), []);
});

test("ARCHITECTURE.md has at most 250 lines and opens with the life of a frame", () => {
  const lines = read("ARCHITECTURE.md").trimEnd().split("\n");
  assert(lines.length <= 250, `${lines.length} lines`);
  assertEquals(lines.find((line) => line.startsWith("## ")), "## The life of a frame");
});

test("the life of a frame names functions that are in the files beside them", () => {
  const [, section = ""] = read("ARCHITECTURE.md").split(/^## .*$/m);
  const steps = section.split(/^\d+\. /m).slice(1).filter((step) => step.includes("]("));
  assertEquals(steps.length, 10);
  for (const step of steps) {
    const sources = Array.from(step.matchAll(/\]\(([^)]+)\)/g), ([, path]) => read(path!));
    const code = sources.join("\n").replace(/\/\*[\s\S]*?\*\//g, "");
    // `Poll.ready` and `#data`: the last word is a function or a method.
    for (const [, word] of step.matchAll(/`(?:[A-Z][A-Za-z]*\.)?(#?[a-z][A-Za-z]*)(?:\([^`]*)?`/g)) {
      assert(code.includes(word!), `${word} of "${step.slice(0, 40)}..."`);
    }
  }
});
