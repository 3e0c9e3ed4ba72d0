/**
 * Mutants of the core: the simulation must find each. The ancestor's bugs are among them (M and a number), as far as our
 * code can have them.
 *
 * @module
 */

import { CORE_BROADCAST } from "./core_broadcast.ts";
import { CORE_DISPATCH } from "./core_dispatch.ts";
import { CORE_FRAMING } from "./core_framing.ts";
import { CORE_REACTOR } from "./core_reactor.ts";
import { CORE_SERVER } from "./core_server.ts";
import type { Group } from "./mutant.ts";

/** The bugs of the core. */
export const CORE: readonly Group[] = [
  ...CORE_REACTOR,
  ...CORE_SERVER,
  ...CORE_DISPATCH,
  ...CORE_FRAMING,
  ...CORE_BROADCAST,
];
