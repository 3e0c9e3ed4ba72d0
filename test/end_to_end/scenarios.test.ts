/** Each scenario in short, on a server of the runtime at hand. `npm run scenarios` is the long way, with figures. */

import process from "node:process";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { RuntimeName } from "../helpers/command_line.ts";
import { SCENARIOS } from "./scenarios.ts";

const runtime: RuntimeName = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

// The soak has a file of its own: it takes a minute, and mostly waits.
for (const { name, run } of SCENARIOS.filter(({ name }) => name !== "soak")) {
  // Memory, processor time and descriptor limits are read as Linux shows them.
  test(`scenario ${name}, in short`, { timeout: 120_000, skip: process.platform !== "linux" }, async () => {
    for await (const { label, problems } of run(runtime, "short")) assertEquals([label, ...problems], [label]);
  });
}
