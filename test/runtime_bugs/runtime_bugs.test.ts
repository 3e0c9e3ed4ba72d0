/**
 * The traps of the runtime at hand are still there. A test that fails here is good news: the runtime has mended what we
 * work around, and the message says what can go.
 *
 * @module
 */

import process from "node:process";
import { test } from "node:test";
import { concerns, expectTrap, runtimeAtHand } from "./runtime_bug.ts";
import { TRAPS as OF_BUN } from "./bun.ts";
import { TRAPS as OF_DENO } from "./deno.ts";
import { TRAPS as OF_ALL } from "./everywhere.ts";
import { TRAPS as OF_NODE } from "./node.ts";

const runtime = runtimeAtHand();

// They were seen on Linux, and kernels differ.
const traps = process.platform === "linux" ? [...OF_ALL, ...OF_NODE, ...OF_BUN, ...OF_DENO] : [];

for (const trap of traps.filter((each) => concerns(each, runtime))) {
  test(`${runtime.name} trap: ${trap.what}`, { timeout: 20_000 }, () => expectTrap(trap, runtime));
}
