/**
 * The process of the soak: mobs, clients and churn in one. `soak_program.ts MINUTES SHARE` takes up to that share of a core;
 * writes what it found as JSON.
 */

import process from "node:process";
import { CHURNS } from "./soak_churn.ts";
import { leftovers, type Snapshot, snapshot } from "./soak_snapshot.ts";
import { copySources, Inventory } from "./soak_copy.ts";
import { libraryIn, PATIENCE, Stage } from "./soak_stage.ts";
import { processorOf } from "./server.ts";
import { pass } from "./waiting.ts";

/** Rounds before memory is counted. */
const WARM_UP = 2;

/** The longest deadline that is left to run after a connection has gone, and a little, in milliseconds. */
const REST = 1700;

/** How often what is left over is counted again, and after how many milliseconds each. */
const RECOUNTS = 4;
const RECOUNT = 500;

/** One round: all kinds at once, so that they meet. */
async function round(stage: Stage): Promise<void> {
  const open = new Set(Object.keys(CHURNS));
  const all = Object.entries(CHURNS).map(async ([name, churn]) => {
    await churn(stage).catch((error) => {
      throw new Error(`${name}: ${error?.message}`);
    });
    open.delete(name);
  });
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`these do not end: ${[...open].join(", ")}`)), 2 * PATIENCE);
  });
  await Promise.race([Promise.all(all), late]).finally(() => clearTimeout(timer));
}

/** What the process has used of a core since the beginning, in seconds, and how long that may take. */
class Pace {
  readonly #share: number;
  readonly #began = performance.now();
  readonly #used = processorOf("self");

  constructor(share: number) {
    this.#share = share;
  }

  /** Waits until what was used is no more than the share, and no longer than `deadline`. */
  async rest(deadline: number): Promise<void> {
    const due = this.#began + 1000 * (processorOf("self") - this.#used) / this.#share;
    await pass(Math.max(0, Math.min(due, deadline) - performance.now()));
  }
}

/** Churns for so many minutes. Returns figures and problems. */
async function soak(minutes: number, share: number, inventory: Inventory): Promise<Record<string, unknown>> {
  const stage = await Stage.open(await libraryIn(folder));
  const rest = async (): Promise<void> => {
    await stage.quiet();
    await pass(REST);
  };
  await rest();
  const origin = await snapshot(inventory, stage);
  for (let left = WARM_UP; left > 0; left--) await round(stage);
  await rest();
  // The runtime takes memory for its code and its pools in the first rounds; all else is as it was before them.
  const { heap, resident } = await snapshot(inventory, stage);
  const before = { ...origin, heap, resident };
  const deadline = performance.now() + minutes * 60_000;
  const pace = new Pace(share);
  let rounds = 0;
  do {
    await round(stage);
    rounds++;
    await pace.rest(deadline);
  } while (performance.now() < deadline && stage.problems().length === 0);
  await rest();
  let after = await snapshot(inventory, stage);
  // Bun takes what the stack happens to hold for a reference: what is left over for good is still there later.
  for (let again = RECOUNTS; again > 0 && leftovers(before, after, rounds).length > 0; again--) {
    await pass(RECOUNT);
    after = await snapshot(inventory, stage);
  }
  const problems = [...stage.problems(), ...leftovers(before, after, rounds)];
  const { joined, closed } = stage.open.stats();
  const guarded = stage.guarded.stats();
  const received = stage.subscribers[0]!.received;
  await stage.close();
  return {
    problems,
    figures: {
      rounds,
      joined: joined + guarded.joined,
      "kept out": closed["handshake-failed"] + guarded.closed["handshake-failed"] + guarded.closed.unauthorized,
      "received by each subscriber": received,
      descriptors: `${before.descriptors} to ${after.descriptors}`,
      handles: `${before.handles} to ${after.handles}`,
      timers: `${before.timers} to ${after.timers}`,
      listeners: `${listeners(before)} to ${listeners(after)}`,
      heap: `${(before.heap / 2 ** 20).toFixed(1)} to ${(after.heap / 2 ** 20).toFixed(1)} MiB`,
      resident: `${(before.resident / 2 ** 20).toFixed(0)} to ${(after.resident / 2 ** 20).toFixed(0)} MiB`,
      lists: Object.keys(after.lists).length,
    },
  };
}

function listeners({ processListeners, signalListeners }: Snapshot): number {
  return processListeners + signalListeners;
}

const [minutes, share] = process.argv.slice(2).map(Number);
const inventory = new Inventory();
const { folder, remove } = copySources();
process.on("exit", remove);
const result = await soak(minutes!, share!, inventory).catch((error) => ({
  figures: {},
  problems: [error instanceof Error ? error.stack : String(error)],
}));
remove();
console.log(JSON.stringify(result));
process.exit(0);
