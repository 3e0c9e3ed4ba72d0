/** What a process holds, counted: descriptors, handles, memory, and every list of the sources. */

import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import type { Inventory } from "./soak_copy.ts";
import type { Stage } from "./soak_stage.ts";
import { descriptors } from "../helpers/descriptors.ts";
import { countTimers } from "./soak_timers.ts";
import { pass } from "./waiting.ts";

/** What is counted at one moment. */
export interface Snapshot {
  /** Open descriptors of the process. */
  readonly descriptors: number;
  /** What keeps the process alive, where the runtime tells: sockets, listeners. */
  readonly handles: number;
  /** Timers, intervals and immediates that mobcast has set, and those of the whole process where the runtime tells. */
  readonly timers: number;
  readonly runtimeTimers: number;
  /** Event listeners on the process, and on the one signal that everything of the soak has. */
  readonly processListeners: number;
  readonly signalListeners: number;
  /** Files where the Unix sockets are. */
  readonly files: number;
  /** Bytes of objects and of buffers, after garbage was collected. */
  readonly heap: number;
  /** Resident bytes. */
  readonly resident: number;
  /** What the mobs say that they hold. */
  readonly stats: Readonly<Record<string, number>>;
  /** Objects by class, entries by list. */
  readonly lists: Readonly<Record<string, number>>;
}

/**
 * Lists that keep room for the next connection or the next refusal: they have a bound, and need not be where they
 * began. The slab's vacant slots, the tallies of the log's lines, the buffer that each decoder keeps for its next frame.
 */
const KEPT: Readonly<Record<string, number>> = {
  "slab.values": 4096,
  "slab.tokens": 4096,
  "slab.generations": 4096,
  "slab.free": 4096,
  "event_log.tallies": 64,
  "class ReceiveBuffer": 16,
};

/** What must not be more than before. */
const COUNTS = [
  "descriptors",
  "handles",
  "timers",
  "runtimeTimers",
  "processListeners",
  "signalListeners",
  "files",
] as const;

/**
 * Objects that may be left over. Bun takes all that the stack holds for references. Deno (2.9.5) now and then tells a socket of
 * `node:net` nothing of its reset, and keeps it; and it keeps one in twenty of those over a Unix socket whose far end ends
 * while they write or end, which a dozen of our clients do in each round. What leaks leaves one of each crowd of four.
 */
const STRAY = 2;

function strayOf(name: string, rounds: number): number {
  if ("Deno" in globalThis && name.startsWith("socket ")) return STRAY + rounds;
  return "Bun" in globalThis ? STRAY : 0;
}

/** Bytes by which memory may have grown: what a runtime keeps for itself swings by about so much. */
const HEAP_SWING = 8 * 2 ** 20;
const RESIDENT_SWING = 128 * 2 ** 20;

/** Collects garbage, as the runtime was told to allow. */
export async function collectGarbage(): Promise<void> {
  const { gc, Bun } = globalThis as unknown as { gc?: () => void; Bun?: { gc(force: boolean): void } };
  if (gc === undefined && Bun === undefined) throw new Error("garbage cannot be collected here");
  // What a weak reference has looked at lives until its task is over; what others have closed is reported in later ones.
  for (let round = 0; round < 4; round++) {
    await pass(20);
    gc?.();
    Bun?.gc(true);
  }
}

/** Counts, after collecting garbage. */
export async function snapshot(inventory: Inventory, stage: Stage): Promise<Snapshot> {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return {
    ...handles(),
    timers: countTimers(),
    processListeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    signalListeners: stage.signalListeners,
    files: readdirSync(stage.folder).length,
    stats: stage.holdings(),
    // The directory itself is open while it is read, each time.
    descriptors: descriptors(),
    heap: heapUsed + external,
    resident: 1024 * Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))![1]),
    lists: inventory.count(),
  };
}

/** What there is more of than before so many rounds, in words; empty when nothing is left over. */
export function leftovers(before: Snapshot, after: Snapshot, rounds: number): string[] {
  const problems: string[] = [];
  const compare = (what: string, old: number, now: number, room = 0): void => {
    if (now > old + room) problems.push(`${what}: ${old} before, ${now} after`);
  };
  for (const name of COUNTS) compare(name, before[name], after[name]);
  compare("bytes of heap and buffers", before.heap, after.heap, HEAP_SWING);
  compare("resident bytes", before.resident, after.resident, RESIDENT_SWING);
  for (const [name, now] of Object.entries(after.stats)) compare(name, before.stats[name]!, now);
  for (const [name, now] of Object.entries(after.lists)) {
    const bound = KEPT[name];
    if (bound === undefined) compare(name, before.lists[name] ?? 0, now, strayOf(name, rounds));
    else if (now > bound) problems.push(`${name}: ${now}, more than ${bound}`);
  }
  return problems;
}

/** What the runtime knows of: sockets, listeners and pipes, and the timers of everybody. */
function handles(): Pick<Snapshot, "handles" | "runtimeTimers"> {
  const known = (process as { getActiveResourcesInfo?: () => string[] }).getActiveResourcesInfo?.() ?? [];
  const runtimeTimers = known.filter((name) => name === "Timeout" || name === "Immediate").length;
  return { handles: known.length - runtimeTimers, runtimeTimers };
}
