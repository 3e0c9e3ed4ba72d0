/** The hooks that make the test runner of Node cheap: what is thrown outside of a test's own calls still fails that test, at once. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assertEquals } from "@std/assert";
import { OURS, ROOT } from "../helpers/command_line.ts";

/** Each of the tests that fail would wait for ever. */
const TESTS = `
  import { test } from "node:test";
  const forever = () => new Promise((resolve) => setTimeout(resolve, 100_000).unref());
  test("good", () => {});
  test("timer", async () => { await null; setTimeout(() => { throw new Error("thrown") }, 5); await forever(); });
  test("promise", async () => { setTimeout(() => { Promise.reject(new Error("rejected")) }, 5); await forever(); });
  test("outer", (context) => context.test("inner", async () => {
    setTimeout(() => { throw new Error("thrown in inner") }, 5);
    await forever();
  }));
  test("good again", () => {});
`;

test("what a timer throws and what nothing awaits fails the test that began it, and no other", {
  skip: OURS === "node" ? false : "it is Node's test runner",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "mobcast-hooks-"));
  try {
    const file = join(folder, "tests.mjs");
    writeFileSync(file, TESTS);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const hooks = join(ROOT, "test/helpers/test_hooks.mjs");

    const args = ["--import", hooks, "--test-reporter=tap", file];
    const { stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8", env, timeout: 50_000 });
    const lines = Array.from(stdout.matchAll(/^ *(ok|not ok) \d+ - (.*)$/gm), ([, how, name]) => `${name} ${how}`);
    assertEquals(lines, [
      "good ok",
      "timer not ok",
      "promise not ok",
      "inner not ok",
      "outer not ok",
      "good again ok",
    ]);
    assertEquals(status, 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
