/**
 * One run of a world of several mobs on a bus.
 *
 * @module
 */

import { splitmix32 } from "../../adapters/memory.ts";
import { forgetConnections } from "../helpers/invariants.ts";
import { actOnBus } from "./bus_actions.ts";
import { healBus } from "./bus_healing.ts";
import type { BusSettings } from "./bus_settings.ts";
import type { BusStepName } from "./bus_steps.ts";
import { BusWorld } from "./bus_world.ts";
import type { Choices } from "./choices.ts";
import type { Outcome } from "./run_seed.ts";
import { describeStep } from "./steps.ts";
import { Trace } from "./trace.ts";

/** Mobs name their ways of counting by random bytes, and compare them: they are the same in each run of a seed. */
function foreseeRandomBytes(seed: number): () => void {
  const random = splitmix32(Math.imul(seed, 0x5bd1e995) ^ 0x2f);
  const standard = Object.getOwnPropertyDescriptor(crypto, "getRandomValues");
  const value = (bytes: Uint8Array): Uint8Array => fill(bytes, random);
  Object.defineProperty(crypto, "getRandomValues", { value, configurable: true, writable: true });
  return () => {
    if (standard) Object.defineProperty(crypto, "getRandomValues", standard);
    else delete (crypto as { getRandomValues?: unknown }).getRandomValues;
  };
}

function fill(bytes: Uint8Array, random: () => number): Uint8Array {
  for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(random() * 256);
  return bytes;
}

/** Runs choices to their end: their steps, then the healing. */
export async function runBus(choices: Choices<BusSettings, BusStepName>, keepLines = false): Promise<Outcome> {
  const trace = new Trace(keepLines);
  const world = new BusWorld(choices, trace);
  const restore = foreseeRandomBytes(choices.settings.seed);
  try {
    for (let count = choices.settings.first; count > 0; count--) await world.start();
    for (let step = choices.next(); step !== undefined; step = choices.next()) {
      const now = step;
      trace.say(() => describeStep(now));
      trace.note("step", now.who, now.size, now.how);
      await actOnBus(world, now);
      if (world.violation !== undefined) break;
    }
    if (world.violation === undefined) {
      trace.say(() => "--- no more faults");
      await healBus(world);
    }
  } catch (error) {
    world.violate("nothing is thrown", error instanceof Error ? error.stack ?? error.message : String(error));
  }
  restore();
  // A run that failed leaves its mobs behind.
  forgetConnections();
  const { violation, events, marks } = world;
  return { violation, hash: trace.hash, events, calls: 0, tries: 0, marks: marks.counts, lines: trace.lines };
}
