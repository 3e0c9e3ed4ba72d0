/**
 * The sets of mutants.
 *
 * @module
 */

import { ADAPTERS } from "./adapters.ts";
import { SYSTEM_ADAPTERS } from "./adapters_system.ts";
import { WEB_ADAPTERS } from "./adapters_web.ts";
import { ADMISSION } from "./admission.ts";
import { BORDER } from "./border.ts";
import { CLI } from "./cli.ts";
import { CLIENT } from "./client.ts";
import { BUS, BUS_WORLDS } from "./bus.ts";
import { BUS_FLAGS, BUS_TOLD } from "./bus_eyes.ts";
import { CORE } from "./core.ts";
import { LOAD } from "./load.ts";
import { LEAKS } from "./leaks.ts";
import { NATS } from "./nats.ts";
import { type Mutant, mutantsOf, type Proof } from "./mutant.ts";
import { COMMON_OFFSETS } from "./common_offsets.ts";
import { REPLAY, RESUMING } from "./replay.ts";
import { SERVER } from "./server.ts";
import { STATUS } from "./status.ts";
import { SHARED_MEMORY, THREADS } from "./threads.ts";
import { STREAM_CHANNEL } from "./stream_channel.ts";
import { TLS } from "./tls.ts";
import { WEBSOCKET } from "./websocket.ts";
import { WEBSOCKET_CORE } from "./websocket_core.ts";
import { WEBSOCKET_FEEDS } from "./websocket_feeds.ts";
import { WEBSOCKET_UPGRADE } from "./websocket_upgrade.ts";

/** The mutants by the name of their set. */
export const SETS: Readonly<Record<string, readonly Mutant[]>> = {
  core: mutantsOf([...CORE, ...WEBSOCKET_CORE, ...WEBSOCKET_FEEDS, ...REPLAY]),
  server: mutantsOf([...SERVER, ...ADMISSION]),
  adapters: mutantsOf([...ADAPTERS, ...WEB_ADAPTERS, ...SYSTEM_ADAPTERS]),
  tls: mutantsOf(TLS),
  client: mutantsOf([...CLIENT, ...BORDER, ...RESUMING]),
  cli: mutantsOf([...CLI, ...THREADS, ...BUS_FLAGS]),
  load: mutantsOf(LOAD),
  leaks: mutantsOf(LEAKS),
  status: mutantsOf([...STATUS, ...BUS_TOLD]),
  websocket: mutantsOf([...WEBSOCKET, ...WEBSOCKET_UPGRADE]),
  bus: mutantsOf([...BUS, ...BUS_WORLDS, ...STREAM_CHANNEL, ...SHARED_MEMORY, ...COMMON_OFFSETS, ...NATS]),
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

/**
 * Which proofs of a sample are not run without a bug in a round: where the tests have just passed, as in CI, that half of the
 * time of a sample shows only that they pass in a copy, too. Of two rounds each proof is run so in one.
 */
export function trustedOf(round: number): (proof: Proof) => boolean {
  const files = [...new Set(Object.values(SETS).flat().flatMap(({ proof }) => proof?.tests ?? []))].sort();
  const trusted = new Set(files.filter((_, index) => (index + round) % 2 === 0));
  return ({ tests }) => trusted.has(tests);
}
