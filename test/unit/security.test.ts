/** SECURITY.md is true: the tests that it names exist, and no end of a connection is left out. */

import { test } from "node:test";
import { existsSync, readFileSync } from "node:fs";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { LIMITS } from "../../src/server/options.ts";
import { CLOSE_REASONS } from "../../src/status/stats.ts";

const root = new URL("../../", import.meta.url);
const text = readFileSync(new URL("SECURITY.md", root), "utf8");
const links = Array.from(text.matchAll(/\[([^\]]+)\]\(([^)#]+)\)/g), ([, title, path]) => [title!, path!] as const);

test("SECURITY.md names tests that exist, by title and file", () => {
  const named = links.filter(([title, path]) => path.startsWith("test/") && title !== path);
  assertGreater(named.length, 50);
  for (const [title, path] of named) {
    const source = readFileSync(new URL(path, root), "utf8");
    // A title, as a string or a template that stands by itself.
    assert(source.includes(`"${title}"`) || source.includes(`\`${title}\``), `${path} has no "${title}"`);
  }
});

test("SECURITY.md links files that exist", () => {
  assertEquals(links.map(([, path]) => path).filter((path) => !existsSync(new URL(path, root))), []);
});

test("SECURITY.md mentions every close reason and every limit", () => {
  const words = new Set(Array.from(text.matchAll(/`([^`\n]+)`/g), ([, word]) => word!));
  for (const name of [...Object.keys(CLOSE_REASONS), ...Object.keys(LIMITS)]) assert(words.has(name), name);
});
