/** Each scenario in short, on a server of the runtime at hand. `npm run scenarios` is the long way, with figures. */

import process from "node:process";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { OURS } from "../helpers/command_line.ts";
import { SCENARIOS } from "./scenarios.ts";

// The soak has a file of its own: it takes a minute, and mostly waits.
for (const { name, run } of SCENARIOS.filter(({ name }) => name !== "soak")) {
  // Memory, processor time and descriptor limits are read as Linux shows them.
  test(`scenario ${name}, in short`, { timeout: 120_000, skip: process.platform !== "linux" }, async () => {
    for await (const { label, problems } of run(OURS, "short")) assertEquals([label, ...problems], [label]);
  });
}
