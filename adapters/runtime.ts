/**
 * Picks the adapter of the runtime at hand.
 *
 * @module
 */

import type { Adapter } from "../src/contract/adapter.ts";
import { bunAdapter } from "./bun.ts";
import { denoAdapter } from "./deno.ts";
import { nodeAdapter } from "./node.ts";
import { onBun, onDeno } from "./shared/which.ts";

/** The adapter of the runtime at hand. All three are loaded: a bundle that loads them lazily is a kilobyte larger. */
export function runtimeAdapter(): Promise<Adapter> {
  return Promise.resolve(onDeno ? denoAdapter() : onBun ? bunAdapter() : nodeAdapter());
}
