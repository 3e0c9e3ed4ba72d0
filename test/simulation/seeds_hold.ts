/** Seeds hold: the check of every world, on the runtime at hand and, for its first seeds, between runtimes. */

import { assertEquals } from "@std/assert";
import { campaign, type Plan } from "./campaign.ts";
import { digestOn } from "./determinism.ts";
import { summary } from "./report.ts";

/**
 * Fails unless all seeds hold. On Deno, which runs the most of them, each rare state must have been reached, and the first
 * `compared` seeds must have the same traces on Node and Bun.
 */
export async function seedsHold(runtime: string, seeds: Plan, compared: number): Promise<void> {
  const started = performance.now();
  const result = await campaign(seeds);
  console.log(summary(result, (performance.now() - started) / 1000));
  assertEquals(result.failures, []);
  if (runtime !== "deno") return;
  assertEquals(result.marks.missing, []);
  const digest = result.digestOf(compared);
  for (const other of ["node", "bun"] as const) {
    assertEquals([other, await digestOn(other, 1, compared, seeds.world)], [other, digest], "the traces differ");
  }
}
