/** Programs in TypeScript that use the package: they compile, whichever types of a platform they have. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { ROOT } from "../helpers/command_line.ts";

// The compiler is the same program on the three runtimes, and takes ten seconds.
const skip = "Deno" in globalThis || "Bun" in globalThis ? "on Node alone" : false;

test(
  "a program compiles strictly with ES2022 alone, with the DOM, and with Node's types",
  { skip, timeout: 300_000 },
  () => {
    const { stdout, stderr } = spawnSync("node", [join(ROOT, "test/helpers/user_types.mjs")], { encoding: "utf8" });
    assertEquals(stderr, "");
    assertEquals(JSON.parse(stdout), {
      "ES2022 alone": [],
      "ES2022 and DOM": [],
      "DOM with disposables": [],
      "Node": [],
    });
  },
);
