/**
 * Scripted mobs that share a bus in memory.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { RUN_HEADER, writeRunHeader } from "../../src/bus/batch.ts";
import { busRelay } from "../../src/bus/bus.ts";
import { READABLE } from "../../src/contract/adapter.ts";
import { type FrameRules, type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import type { MobHooks } from "../../src/server/hooks.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { concat, frameOf } from "./bytes.ts";
import { MemoryBus, type MemoryChannel } from "./memory_bus.ts";
import { type Member, World } from "./scripted_server.ts";

/** A mob on a bus, in a world of its own. */
export type BusWorld = World & { readonly channel: MemoryChannel };

/** Opens a mob on the bus. */
export async function join(
  bus: MemoryBus,
  options: MobOptions & MobHooks = {},
  batchSize?: number,
): Promise<BusWorld> {
  const channel = bus.channel(batchSize);
  const world = await World.open({ ...options, relay: busRelay(channel) });
  return Object.assign(world, { channel });
}

/** Opens two mobs on a bus of their own. */
export async function pair(
  options: MobOptions & MobHooks = {},
  batchSize?: number,
): Promise<{ readonly bus: MemoryBus; readonly one: BusWorld; readonly two: BusWorld }> {
  const bus = new MemoryBus();
  return { bus, one: await join(bus, options, batchSize), two: await join(bus, options, batchSize) };
}

/** Bytes are on their way from one mob to the other as long as either has a tick to run. */
export function run(...worlds: World[]): void {
  while (worlds.some((world) => world.run() > 0));
}

/** A member sends, and nothing runs but its own mob. */
export function say(world: World, member: Member, ...texts: string[]): void {
  member.socket.incoming.push(
    concat(...texts.map((text) => frameOf(text, member.framing ?? world.mob.options.framing))),
  );
  world.ready(member.token, READABLE);
}

/** Fails unless what a mob has sent is back, on its way, or lost. */
export function checkAccount(world: World): void {
  const { sent, returned, inFlight, lost } = world.mob.stats().bus!;
  for (const unit of ["frames", "bytes"] as const) {
    assertEquals(sent[unit], returned[unit] + inFlight[unit] + lost[unit], JSON.stringify(world.mob.stats().bus));
  }
}

/** A batch of one run of frames. */
export function batchOf(
  framing: FramingName,
  frames: Uint8Array,
  count: number,
  rules: FrameRules = FRAMINGS[framing],
): Uint8Array {
  const batch = new Uint8Array(RUN_HEADER + frames.length);
  writeRunHeader(batch, 0, rules, count, frames.length);
  batch.set(frames, RUN_HEADER);
  return batch;
}
