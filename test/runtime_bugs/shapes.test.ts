/**
 * The fake beside the runtime at hand: each script is run on both, and the fake must be able to show what the runtime does.
 * What it cannot show is a bug of the fake: a test that uses it does not cover that.
 *
 * @module
 */

import { test } from "node:test";
import { assert } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { tracesOfFake } from "./fake.ts";
import { traceOfRuntime } from "./real.ts";
import type { Trace } from "./script.ts";
import { SCRIPTS } from "./scripts.ts";

const { name } = await runtimeAdapter();

const FINAL = ["error", "hup", "we close"];

/** Whether all of these have come to an end. */
function end(traces: Iterable<Trace>): boolean {
  return [...traces].every((trace) => trace.some((word) => FINAL.includes(word)));
}

for (const script of SCRIPTS) {
  test(`${name} and the fake: ${script.name}`, { timeout: 20_000 }, async () => {
    const fake = await tracesOfFake(script);
    const real = await traceOfRuntime(script, end(fake.values()));
    const known = [...fake.keys()].map((trace) => `\n  ${trace}`).join("");
    assert(fake.has(real.join(", ")), `${name} shows\n  ${real.join(", ")}\nand the fake only${known}`);
  });
}
