/** A thread at a ring: says batches of drawn lengths, hears those of all, and tells what it heard. */

import { parentPort, workerData } from "node:worker_threads";
import { SharedChannel } from "../../src/bus/shared_channel.ts";
import type { SharedMemory } from "../../src/bus/shared_ring.ts";
import { RingMob } from "./ring_mob.ts";

/** What a thread is started with. */
export interface RingWork {
  readonly memory: SharedMemory;
  readonly thread: number;
  /** The lengths of its batches. */
  readonly lengths: readonly number[];
  /** How many batches there are in all. */
  readonly total: number;
}

const { memory, thread, lengths, total } = workerData as RingWork;
const mob = new RingMob(new SharedChannel(memory, thread), thread, () => {
  if (mob.heard.length < total) return;
  parentPort!.postMessage(mob.heard);
});
// The thread stays until it is told to go.
parentPort!.on("message", () => {});
mob.say(...lengths);
