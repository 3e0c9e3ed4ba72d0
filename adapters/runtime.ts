/**
 * Picks the adapter of the runtime at hand.
 *
 * @module
 */

import type { Adapter } from "../src/contract/adapter.ts";
import { onBun, onDeno } from "./shared/which.ts";

/** The adapter of the runtime at hand. The other two are not loaded. */
export async function runtimeAdapter(): Promise<Adapter> {
  if (onDeno) return (await import("./deno.ts")).denoAdapter();
  if (onBun) return (await import("./bun.ts")).bunAdapter();
  return (await import("./node.ts")).nodeAdapter();
}
