/**
 * Settings of a world of several mobs on a bus: what they are, and what the engine does to them.
 *
 * @module
 */

import type { Echo, SlowConsumer } from "../../src/broadcast/options.ts";
import type { FramingName } from "../../src/framing/framing.ts";
import { BUS_STEP_NAMES, BUS_STEPS, type BusStepName, SOME_WORLDS } from "./bus_steps.ts";
import { pick, type Random, small } from "./settings.ts";

/** What a mob of the world decides for itself. */
export interface BusMobSettings {
  readonly slowConsumer: SlowConsumer;
  readonly echo: Echo;
  readonly maxLag: number;
  readonly stallTimeout: number;
  readonly drainTimeout: number;
  /** The framings of its listeners. */
  readonly listeners: readonly FramingName[];
  /** Bytes of what was published that clients receive first; left out: none. */
  readonly history?: number;
  /** Whether it has a listener more, at which clients resume. */
  readonly resumes?: boolean;
  /** Whether it has a listener more, for WebSocket clients. */
  readonly web?: boolean;
}

/** A world. */
export interface BusSettings {
  /** Where random numbers of the mobs themselves come from. */
  readonly seed: number;
  /** The framing of all mobs. */
  readonly framing: FramingName;
  readonly maxFrame: number;
  /** How each mob is: the first ones are there from the beginning, the others come later. */
  readonly mobs: readonly BusMobSettings[];
  /** How many are there from the beginning. */
  readonly first: number;
  /** Bytes that a connection holds in each direction. */
  readonly capacity: number;
  /** The most bytes of a message of the engine, behind the envelope. */
  readonly maxMessage: number;
  /** Whether the engine may forget which messages it has, so that it stores some twice. */
  readonly forgets: boolean;
  /** How likely a read or write is to fall short. */
  readonly cutChance: number;
  /** How likely each step is, compared with the others. */
  readonly weights: Readonly<Partial<Record<BusStepName, number>>>;
  /** How many steps there are before the world is healed. */
  readonly steps: number;
}

/** The most mobs that are there at a time. */
export const MOST_MOBS = 3;

/** How many mobs a world may have, one after another. */
const ALL_MOBS = 6;

const FRAMING_NAMES: readonly FramingName[] = ["u64", "u32", "line"];

/** The smallest payload: it says who sent it, and which it is. */
export const LEAST_PAYLOAD = 4;

/** Draws a world. What is asked of it comes from `work`, what goes wrong from `faults`. */
export function drawBusSettings(seed: number, work: Random, faults: Random): BusSettings {
  const maxFrame = pick(work, [8, 16, 40, 100, 100, 300, 1500]);
  const framing = pick(work, FRAMING_NAMES);
  return {
    seed,
    framing,
    maxFrame,
    mobs: Array.from({ length: ALL_MOBS }, () => drawMob(work, framing, maxFrame)),
    first: pick(work, [2, 2, 3]),
    capacity: pick(faults, [64, 300, 1000, 4096, 65_536]),
    // Byte by byte a large frame would take forever.
    maxMessage: Math.max(pick(faults, [20, 60, 200, 1000, 8000, 100_000]), maxFrame >> 4),
    forgets: faults() < 0.4,
    cutChance: pick(faults, [0, 0.1, 0.5]),
    weights: drawWeights(work, faults),
    steps: pick(work, [30, 80, 200, 400]),
  };
}

function drawMob(work: Random, framing: FramingName, maxFrame: number): BusMobSettings {
  return {
    slowConsumer: pick<SlowConsumer>(work, ["disconnect", "disconnect", "skip", "block"]),
    echo: pick<Echo>(work, ["all", "all", "others"]),
    maxLag: maxFrame + small(work, 0, pick(work, [40, 400, 4000, 100_000])),
    stallTimeout: pick(work, [50, 1000, 10_000, 30_000]),
    drainTimeout: pick(work, [1, 100, 5000, 20_000]),
    listeners: [framing, ...FRAMING_NAMES.filter(() => work() < 0.25)],
  };
}

/** The swarm: each fault is there in half of all worlds, and each step is more or less likely than in others. */
function drawWeights(work: Random, faults: Random): Partial<Record<BusStepName, number>> {
  const weights: Partial<Record<BusStepName, number>> = {};
  for (const name of BUS_STEP_NAMES.filter((each) => !SOME_WORLDS.includes(each))) {
    const { nature, weight } = BUS_STEPS[name];
    const random = nature === "work" ? work : faults;
    const isThere = nature === "work" || random() < 0.5;
    weights[name] = isThere ? weight * pick(random, [0.3, 1, 1, 3]) : 0;
  }
  return weights;
}

/** In some worlds mobs have a past, and in most of these clients resume. What they are without that stays as it was drawn. */
export function drawPast(settings: BusSettings, past: Random): BusSettings {
  if (past() < 0.65) return settings;
  const resumes = past() < 0.7;
  const mobs = settings.mobs.map((mob): BusMobSettings => {
    const history = pick(past, [40, 300, 2000, 2000, 20_000, resumes ? 100 : 0]);
    const { slowConsumer, echo, maxLag } = mob;
    return {
      ...mob,
      history,
      maxLag: Math.max(maxLag, 4 * history),
      ...(resumes && { resumes, echo: "all", slowConsumer: slowConsumer === "skip" ? "disconnect" : slowConsumer }),
      ...(!resumes && { echo }),
    };
  });
  return { ...settings, mobs, weights: { ...settings.weights, comeBack: resumes ? BUS_STEPS.comeBack.weight : 0 } };
}

/** In some worlds mobs have WebSocket clients. */
export function drawWeb(settings: BusSettings, web: Random): BusSettings {
  if (web() < 0.75) return settings;
  const mobs = settings.mobs.map((mob): BusMobSettings => web() < 0.7 ? { ...mob, web: true } : mob);
  return { ...settings, mobs, weights: { ...settings.weights, web: BUS_STEPS.web.weight } };
}

/** What makes a world plainer. */
export const BUS_PLAIN: readonly Partial<BusSettings>[] = [
  { forgets: false },
  { cutChance: 0 },
  { capacity: 65_536 },
  { maxMessage: 100_000 },
  { framing: "u64" },
  { first: 2 },
  {
    mobs: Array.from({ length: ALL_MOBS }, () => ({
      slowConsumer: "disconnect",
      echo: "all",
      maxLag: 100_000,
      stallTimeout: 30_000,
      drainTimeout: 20_000,
      listeners: ["u64"],
    })),
    framing: "u64",
  },
];
