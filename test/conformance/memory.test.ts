/**
 * The conformance suite on the memory adapter: well behaved, and with faults drawn from a few seeds.
 *
 * @module
 */

import { memoryAdapter } from "../../adapters/memory.ts";
import { conformance, type Differences } from "./suite.ts";

/** A pipe holds 256 KiB, and has no inbox besides. */
const DIFFERENCES: Differences = { network: false, inbox: 256 * 1024, quiet: 5, closed: "a reset" };

conformance({ name: "memory", adapter: () => memoryAdapter(), differences: DIFFERENCES });

for (const seed of [1, 2, 3]) {
  conformance({ name: `memory, seed ${seed}`, adapter: () => memoryAdapter({ seed }), differences: DIFFERENCES });
}
