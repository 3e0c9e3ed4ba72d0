/** Waiting on a network in memory whose clock is driven by hand. */

import { setImmediate } from "node:timers";
import type { MemoryAdapter } from "../../adapters/memory.ts";

/** Lets everything happen that can happen now. */
export async function settle(adapter: MemoryAdapter): Promise<void> {
  for (let round = 0; round < 5; round++) {
    adapter.run();
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}
