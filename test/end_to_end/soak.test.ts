/**
 * The soak on the runtime at hand, for a minute: it waits more than it works, so that other test files run meanwhile.
 * SOAK_MINUTES is how long; 0 is one round. `npm run scenarios -- soak --minutes 10` is the long way.
 */

import process from "node:process";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { OURS } from "../helpers/command_line.ts";
import { soakOf } from "./soak.ts";

const minutes = Number(process.env.SOAK_MINUTES ?? 1);

// Descriptors and memory are counted as Linux shows them.
const options = { timeout: 120_000 + minutes * 60_000, skip: process.platform !== "linux" };

test("churn of every kind leaves nothing behind", options, async () => {
  for await (const { label, problems } of soakOf(minutes).run(OURS, "short")) {
    assertEquals([label, ...problems], [label]);
  }
});
