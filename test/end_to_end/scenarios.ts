/** All scenarios. */

import { crowd } from "./fan_out.ts";
import { descriptors } from "./descriptors.ts";
import { drain } from "./drain.ts";
import { hostile } from "./hostile.ts";
import type { Scenario } from "./scenario.ts";
import { soak } from "./soak.ts";
import { start } from "./startup.ts";
import { stuck } from "./slow_consumers.ts";

/** In the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [start, crowd, hostile, stuck, drain, descriptors, soak];
