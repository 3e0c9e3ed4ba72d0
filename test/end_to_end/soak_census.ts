/** What a process holds, counted: descriptors, handles, memory, and every list of the sources. */

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Inventory } from "./soak_copy.ts";
import { pass } from "./waiting.ts";

/** What is counted at one moment. */
export interface Census {
  /** Open descriptors of the process. */
  readonly descriptors: number;
  /** What keeps the process alive, where the runtime tells: sockets, listeners, timers. */
  readonly handles: number;
  /** Bytes of objects and of buffers, after garbage was collected. */
  readonly heap: number;
  /** Resident bytes. */
  readonly resident: number;
  /** Objects by class, entries by list. */
  readonly lists: Readonly<Record<string, number>>;
}

/**
 * Lists that keep room for the next connection or the next refusal: they have a bound, and need not be where they
 * began. The slab's vacant slots, the tallies of the log's lines.
 */
const KEPT: Readonly<Record<string, number>> = {
  "slab.values": 4096,
  "slab.tokens": 4096,
  "slab.generations": 4096,
  "slab.free": 4096,
  "event_log.tallies": 64,
};

/** Bytes by which memory may have grown: what a runtime keeps for itself swings by about so much. */
const HEAP_SWING = 8 * 2 ** 20;
const RESIDENT_SWING = 128 * 2 ** 20;

/** Collects garbage, as the runtime was told to allow. */
export async function collectGarbage(): Promise<void> {
  const { gc, Bun } = globalThis as unknown as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  if (gc === undefined && Bun === undefined) throw new Error("garbage cannot be collected here");
  // What a weak reference has looked at lives until its turn is over; what others have closed is told in later ones.
  for (let round = 0; round < 4; round++) {
    await pass(20);
    gc?.();
    Bun?.gc(true);
  }
}

/** Counts, after collecting garbage. */
export async function census(inventory: Inventory): Promise<Census> {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return {
    // The directory itself is open while it is read, each time.
    descriptors: readdirSync("/proc/self/fd").length,
    handles: handles(),
    heap: heapUsed + external,
    resident: 1024 * Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))![1]),
    lists: inventory.count(),
  };
}

/** What there is more of than before, in words; empty when nothing is left over. */
export function leftovers(before: Census, after: Census): string[] {
  const problems: string[] = [];
  const compare = (what: string, old: number, now: number, room = 0): void => {
    if (now > old + room) problems.push(`${what}: ${old} before, ${now} after`);
  };
  compare("descriptors", before.descriptors, after.descriptors);
  compare("handles", before.handles, after.handles);
  compare("bytes of heap and buffers", before.heap, after.heap, HEAP_SWING);
  compare("resident bytes", before.resident, after.resident, RESIDENT_SWING);
  for (const [name, now] of Object.entries(after.lists)) {
    const bound = KEPT[name];
    if (bound === undefined) compare(name, before.lists[name] ?? 0, now);
    else if (now > bound) problems.push(`${name}: ${now}, more than ${bound}`);
  }
  return problems;
}

/** Sockets, listeners and pipes that the runtime knows of; timers come and go and are seen by who holds them. */
function handles(): number {
  const known = (process as { getActiveResourcesInfo?: () => string[] }).getActiveResourcesInfo?.() ?? [];
  return known.filter((name) => name !== "Timeout" && name !== "Immediate").length;
}
