/** The documents name and link only files, headings, limits and functions that exist. */

import { test } from "node:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CLIENT_ERRORS, ClientError, type ClientErrorCode, endOf } from "../../src/client/client_error.ts";
import { LIMITS } from "../../src/server/options.ts";
import { CLOSE_REASONS } from "../../src/status/stats.ts";

const root = new URL("../../", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

/** The name of each source file, without its folder. */
const NAMES = new Set(
  ["src", "adapters", "test", "bench", "examples", "docs", "packaging", "."].flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: folder !== "." }).map((path) =>
      String(path).split(/[\\/]/).at(-1)!
    )
  ),
);

/** The files in a folder with this extension, as paths from the root. */
function filesIn(folder: string, extension: string): string[] {
  return readdirSync(new URL(folder, root)).filter((name) => name.endsWith(extension)).map((name) =>
    `${folder}${name}`
  );
}

/** What is too long for the README. */
const DOCS = filesIn("docs/", ".md");

/** Everything that people read. */
const DOCUMENTS = [...filesIn("./", ".md").map((path) => path.slice(2)), ...DOCS, ...filesIn("examples/", ".md")];

/** A document without its blocks of code. */
function proseOf(path: string): string {
  return read(path).replace(/^```[\s\S]*?^```$/gm, "");
}

/** The anchors of a document: one for each heading, made as GitHub makes them. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of proseOf(path).matchAll(/^#+ (.*)$/gm)) {
    const text = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = text.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    let free = anchor;
    for (let count = 1; anchors.has(free); count++) free = `${anchor}-${count}`;
    anchors.add(free);
  }
  return anchors;
}

/** What the links and pictures of a document lead to, as written; not those that leave the repository. */
function linksOf(path: string): string[] {
  const links = Array.from(proseOf(path).matchAll(/\]\(([^)\s]+)\)/g), ([, target]) => target!);
  return links.filter((target) => !/^[a-z]+:/.test(target));
}

for (const name of DOCUMENTS) {
  test(`${name} links files and headings that exist`, () => {
    const broken = linksOf(name).filter((target) => {
      const [path = "", anchor] = target.split("#");
      const to = new URL(path === "" ? name.split("/").at(-1)! : path, new URL(name, root));
      if (!existsSync(to)) return true;
      return anchor !== undefined && !anchorsOf(to.href.slice(root.href.length)).has(anchor);
    });
    assertEquals(broken, []);
  });

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

test("anchors are those of GitHub", () => {
  const anchors = anchorsOf("docs/replay.md");
  assert(anchors.has("resume-nothing-missed-after-a-lost-connection-or-exactly-told"), [...anchors].join("\n"));
  assert(anchorsOf("docs/wire.md").has("6-websocket"));
});

for (const name of DOCS) {
  test(`${name} begins with a title and a paragraph that says what it is for`, () => {
    const [title = "", , first = ""] = read(name).split("\n");
    assertMatch(title, /^# [A-Z]/);
    assertMatch(first, /^[A-Z].{40,}/);
  });
}

test("README.md fits in 220 lines", () => {
  const lines = read("README.md").trimEnd().split("\n").length;
  assert(lines <= 220, `${lines} lines`);
});

/** A default as the README writes it. */
function written(value: number, unit: string): string {
  if (value === 0) return "off";
  if (unit === "ms") return `${value / 1000} s`;
  return unit === "bytes" ? `${value / 2 ** 20} MiB` : String(value);
}

test("README.md has a row for each limit, with its default and what happens at it", () => {
  const rows = new Map(
    Array.from(read("README.md").matchAll(/^\| (`\w+`(?:, `\w+`)*) \| ([^|]*) \| (.*) \|$/gm))
      .flatMap(([, names, value, effect]) => names!.split(", ").map((name) => [name.slice(1, -1), [value!, effect!]])),
  );
  for (const [name, limit] of Object.entries(LIMITS)) {
    const [value, effect = ""] = rows.get(name) ?? [];
    assertEquals(value, written(limit.default, limit.unit), name);
    // The reason of the end, where there is one.
    const [, reason] = /: ([a-z-]+)$/.exec(limit.effect) ?? [];
    if (reason !== undefined) assertStringIncludes(effect, `\`${reason}\``);
  }
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

test("the README links every page of docs, and each example is linked somewhere", () => {
  const links = (path: string): string[] => linksOf(path).map((target) => new URL(target, new URL(path, root)).href);
  const all = new Set(DOCUMENTS.flatMap(links));
  const examples = [...filesIn("examples/", ".ts")];
  assertEquals(examples.filter((path) => !all.has(new URL(path, root).href)), []);
  const first = new Set(links("README.md").map((href) => href.split("#")[0]));
  assertEquals(DOCS.filter((path) => !first.has(new URL(path, root).href)), []);
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
