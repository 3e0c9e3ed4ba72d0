/**
 * The sets of mutants.
 *
 * @module
 */

import { ADAPTERS } from "./adapters.ts";
import { CLI } from "./cli.ts";
import { CLIENT } from "./client.ts";
import { CORE } from "./core.ts";
import { LOAD } from "./load.ts";
import { LEAKS } from "./leaks.ts";
import { type Mutant, mutantsOf } from "./mutant.ts";
import { SERVER } from "./server.ts";
import { STATUS } from "./status.ts";
import { TLS } from "./tls.ts";
import { WEBSOCKET } from "./websocket.ts";
import { WEBSOCKET_CORE } from "./websocket_core.ts";

/** The mutants by the name of their set. */
export const SETS: Readonly<Record<string, readonly Mutant[]>> = {
  core: mutantsOf([...CORE, ...WEBSOCKET_CORE]),
  server: mutantsOf(SERVER),
  adapters: mutantsOf(ADAPTERS),
  tls: mutantsOf(TLS),
  client: mutantsOf(CLIENT),
  cli: mutantsOf(CLI),
  load: mutantsOf(LOAD),
  leaks: mutantsOf(LEAKS),
  status: mutantsOf(STATUS),
  websocket: mutantsOf(WEBSOCKET),
};

/**
 * What is tried each time: the whole core, and of each other set every second of its samples, those of an even round or
 * those of an odd one.
 */
export function sampleOf(round: number): Mutant[] {
  return Object.entries(SETS).flatMap(([name, mutants]) => {
    if (name === "core") return mutants;
    const samples = mutants.filter(({ sample }) => sample);
    return samples.filter((_, index) => samples.length === 1 || (index + round) % 2 === 0);
  });
}
