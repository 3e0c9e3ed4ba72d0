/**
 * Settings: what kind of world a seed makes. Each seed draws which faults there are at all, how likely each is, and
 * limits so small that they are hit.
 *
 * @module
 */

import type { FramingName } from "../../src/framing/framing.ts";
import type { Echo, SlowConsumer } from "../../src/broadcast/options.ts";
import type { MobOptions } from "../../src/server/options.ts";
import type { ResetShape } from "../../adapters/shared/faulty_socket.ts";
import { type ApplicationSettings, drawApplication } from "./application_settings.ts";
import { drawWelcome, type Welcome } from "./admission.ts";
import { drawListeners, drawWebListeners, type ExtraListener } from "./listeners.ts";
import { LATER_STEPS, STEP_NAMES, type StepName, STEPS } from "./steps.ts";

/** A source of numbers from 0 to 1. */
export type Random = () => number;

/** One fault at one call, for the sweep: the scenario is the same each time, and each call fails once. */
export interface Sweep {
  /** Which call of the core on a socket fails; the first is 1. */
  readonly call: number;
  /** Whether all later ones do, too. */
  readonly persistent: boolean;
  /** How: the client resets, the socket throws, or a write takes nothing. */
  readonly how: "reset" | "throw" | "full";
}

/** How what breaks shows in a world: see `PipeFaults`. */
export interface Shapes {
  readonly reset: ResetShape;
  readonly swallow: number;
  readonly lateHup: boolean;
  readonly hush: boolean;
  readonly merge: boolean;
}

/** A network on which everything shows at once. */
export const PLAIN_SHAPES: Shapes = { reset: "error", swallow: 0, lateHup: false, hush: false, merge: false };

/** A world. */
export interface Settings {
  /** The options of the mob. */
  readonly options: MobOptions;
  /** Which clients are accepted, and from where; when it is not given, all. */
  readonly welcome?: Welcome;
  /** The listeners besides the first; when they are not given, there are none. */
  readonly listeners?: readonly ExtraListener[];
  /** Whether the first listener is one for WebSocket clients; when it is not given, it is not. */
  readonly isWeb?: boolean;
  /** What the application does besides meddling; when it is not given, nothing. */
  readonly application?: ApplicationSettings;
  /** Bytes that a connection holds in each direction. */
  readonly capacity: number;
  /** Whether READABLE is not reported again for a socket that was not read to its end. */
  readonly strictEdges: boolean;
  /** How what breaks shows: the shapes of the three runtimes. */
  readonly shapes: Shapes;
  /** Milliseconds by which timers are early (negative) or late. */
  readonly timerSlack: number;
  /** How likely a read, write or push is to fall short. */
  readonly cutChance: number;
  /** How likely each step is, compared with the others. */
  readonly weights: Readonly<Record<StepName, number>>;
  /** What the sweep lets fail. */
  readonly sweep?: Sweep;
  /** How many steps there are before the world is healed. */
  readonly steps: number;
}

/** One of a list. */
export function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}

/** A whole number from `least` to `most`, small ones more often. */
export function small(random: Random, least: number, most: number): number {
  const draw = random();
  return least + Math.floor(draw * draw * (most - least + 1));
}

/** Payloads in one world of sixteen: from what is kept in pieces to more than a block of copied bytes. */
const LARGE_FRAMES = [1500, 3000, 6000, 6000, 20_000, 70_000, 150_000];

/**
 * Draws a world. What is asked of it comes from `work`, what goes wrong from `faults`. What was added to the simulation
 * later comes from `more`, `web` and `past`: a world without it stays the same.
 */
export function drawSettings(work: Random, faults: Random, more: Random, web: Random, past: Random): Settings {
  const large = work() < 1 / 16;
  const maxFrame = pick(work, large ? LARGE_FRAMES : [1, 7, 8, 16, 40, 100, 100, 300]);
  // A segment is a quarter of maxLag: the largest frames are up to four segments long.
  const maxLag = maxFrame + small(work, 0, pick(work, large ? [20, 2000, 16_000, 400_000] : [20, 200, 2000, 16_000]));
  const options: MobOptions = {
    framing: pick<FramingName>(work, ["u64", "u64", "u32", "line"]),
    slowConsumer: pick<SlowConsumer>(work, ["disconnect", "skip", "block"]),
    echo: pick<Echo>(work, ["all", "all", "all", "others"]),
    maxFrame,
    maxLag,
    maxConnections: pick(work, [2, 3, 5, 8, 16, 64]),
    maxConnectionsPerAddress: pick(work, [0, 0, 0, 4]),
    stallTimeout: pick(work, [1, 50, 1000, 10_000]),
    frameTimeout: pick(work, [0, 40, 1000, 30_000]),
    idleTimeout: pick(work, [0, 0, 60, 5000]),
    maxFrameRate: pick(work, [0, 0, 0, 0, 20]),
    maxByteRate: pick(work, [0, 0, 0, 0, large ? 500_000 : 2000]),
    drainTimeout: pick(work, [1, 100, 5000]),
  };
  const world: Settings = {
    options,
    // Byte by byte a large frame would take forever.
    capacity: pick(faults, large ? [1000, 1500, 4096, 65_536, 300_000] : [1, 9, 64, 300, 1000, 4096, 65_536]),
    strictEdges: faults() < 0.5,
    shapes: {
      reset: pick<ResetShape>(faults, ["error", "error", "behind", "end"]),
      swallow: pick(faults, [0, 0, 1, 3]),
      lateHup: faults() < 0.3,
      hush: faults() < 0.3,
      merge: faults() < 0.3,
    },
    timerSlack: pick(faults, [0, 0, -1, 3]),
    cutChance: pick(faults, [0, 0.1, 0.5, 0.9]),
    weights: drawWeights(work, faults),
    steps: pick(work, large ? [20, 60, 100, 150] : [20, 60, 150, 400]),
  };
  const { options: asked, welcome } = drawWelcome(work);
  // What came later is drawn later.
  const listeners = drawListeners(more);
  const weights = { ...world.weights, stop: drawStop(more) };
  const bound = drawBound(
    more,
    maxFrame,
    asked.secret !== undefined || listeners.some(({ secret }) => secret !== undefined),
  );
  const { application, weights: busy } = drawApplication(more);
  return withWeb(web, {
    ...world,
    options: { ...options, ...asked, ...bound, ...drawHistory(past, maxLag) },
    welcome,
    listeners,
    weights: { ...weights, ...busy },
    ...(application !== undefined && { application }),
  });
}

/** The world with WebSocket listeners, if it has some. */
function withWeb(web: Random, world: Settings): Settings {
  const { options, listeners: others = [], capacity, weights } = world;
  const { first, listeners } = drawWebListeners(web, options.maxReceiveMemory === undefined);
  if (listeners.length === 0) return world;
  return {
    ...world,
    isWeb: first,
    options: { ...options, pingInterval: pick(web, [0, 100, 500, 5000, 25_000]) },
    listeners: [...others, ...listeners],
    // Byte by byte a request takes long.
    capacity: web() < 0.9 ? Math.max(capacity, 64) : capacity,
    weights: { ...weights, control: STEPS.control.weight * pick(web, [0.3, 1, 1, 3]) },
  };
}

/** In two worlds of three there is no history. */
function drawHistory(past: Random, maxLag: number): Pick<MobOptions, "history"> {
  const history = Math.floor(maxLag / pick(past, [4, 4, 6, 20, 100]));
  return past() < 2 / 3 || history === 0 ? {} : { history };
}

/** How likely a stop of the process is: it came last, so it is drawn apart, and is in one world of four. */
function drawStop(more: Random): number {
  return more() < 0.25 ? STEPS.stop.weight * pick(more, [1, 3, 6]) : 0;
}

/** A connection that holds too much before it has sent the secret is refused, which the model does not foresee. */
function drawBound(more: Random, maxFrame: number, asksSecret: boolean): Pick<MobOptions, "maxReceiveMemory"> {
  const memory = pick(more, [0, 0, 0, 100, 1000, 5000]);
  return memory > 0 && !asksSecret ? { maxReceiveMemory: 2 * maxFrame + memory } : {};
}

/** The swarm: each fault is there in half of all worlds, and each step is more or less likely than in others. */
function drawWeights(work: Random, faults: Random): Record<StepName, number> {
  const weights = {} as Record<StepName, number>;
  for (const name of STEP_NAMES) {
    const { nature, weight } = STEPS[name];
    weights[name] = 0;
    if (LATER_STEPS.has(name)) continue;
    const random = nature === "work" ? work : faults;
    const there = nature === "work" || random() < 0.5;
    weights[name] = there ? weight * pick(random, [0.3, 1, 1, 3]) : 0;
  }
  return weights;
}
