/**
 * The place that picks the adapter of the runtime it runs on.
 *
 * @module
 */

import type { Adapter } from "../src/contract/adapter.ts";

/** The adapter of the runtime at hand. Only that one is loaded. */
export async function runtimeAdapter(): Promise<Adapter> {
  if ("Deno" in globalThis) return (await import("./deno.ts")).denoAdapter();
  if ("Bun" in globalThis) return (await import("./bun.ts")).bunAdapter();
  return (await import("./node.ts")).nodeAdapter();
}
