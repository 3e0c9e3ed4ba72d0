/**
 * Picks the adapter of the runtime at hand.
 *
 * @module
 */

import type { Adapter } from "../src/contract/adapter.ts";

/** The adapter of the runtime at hand. No other adapter is loaded. */
export async function runtimeAdapter(): Promise<Adapter> {
  if ("Deno" in globalThis) return (await import("./deno.ts")).denoAdapter();
  if ("Bun" in globalThis) return (await import("./bun.ts")).bunAdapter();
  return (await import("./node.ts")).nodeAdapter();
}
