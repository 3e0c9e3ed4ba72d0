/**
 * Choices: where a run gets its steps and its cuts from. A generator draws them from a seed; a recording has them.
 *
 * @module
 */

import { splitmix32 } from "../../adapters/memory.ts";
import { drawSettings, pick, type Random, type Settings, small } from "./settings.ts";
import { type Step, STEP_NAMES, type StepName, STEPS } from "./steps.ts";

/** What decides. */
export interface Choices<World = Settings, Name extends string = StepName> {
  /** What kind of world it is. */
  readonly settings: World;
  /** What happens next; `undefined`: nothing more. */
  next(): Step<Name> | undefined;
  /** By how much a read, write or push of up to `limit` bytes falls short: 0 to `limit`. */
  cut(limit: number): number;
}

/** A run as data: with it the run can be repeated without the generator. */
export interface Recording<World = Settings, Name extends string = StepName> {
  /** The kind of its world; when it is not given, `mob`. */
  readonly world?: string;
  /** The seed that it was drawn from, for the reader. */
  readonly seed: number;
  readonly settings: World;
  readonly steps: readonly Step<Name>[];
}

/** By how much a call of up to `limit` bytes falls short, where that is as likely as `chance`. */
export function drawCut(random: Random, chance: number, limit: number): number {
  if (chance === 0 || limit === 0 || random() >= chance) return 0;
  const draw = random();
  // Nothing at all, a few bytes (a header has 8), or anywhere.
  if (draw < 0.2) return limit;
  const taken = draw < 0.6 ? Math.floor(random() * 10) : Math.floor(random() * limit);
  return Math.max(0, limit - taken);
}

/** Draws a run from a seed: two streams of numbers, so that other faults do not change the work. */
export class Generator implements Choices {
  readonly settings: Settings;
  readonly #work: Random;
  readonly #faults: Random;
  readonly #total: number;
  #left: number;

  constructor(seed: number) {
    this.#work = splitmix32(seed);
    // Another stream of the same seed: an odd multiplier, so that no two seeds share one.
    this.#faults = splitmix32(Math.imul(seed, 0x6c078965) ^ 0x2545f491);
    const more = splitmix32(Math.imul(seed, 0x27d4eb2f) ^ 0x165667b1);
    const web = splitmix32(Math.imul(seed, 0x2c1b3c6d) ^ 0x297a2d39);
    const past = splitmix32(Math.imul(seed, 0x1b56c4e9) ^ 0x3c6ef372);
    this.settings = drawSettings(this.#work, this.#faults, more, web, past);
    this.#left = this.settings.steps;
    this.#total = STEP_NAMES.reduce((sum, name) => sum + this.settings.weights[name], 0);
  }

  next(): Step | undefined {
    if (this.#left-- <= 0) return undefined;
    const name = this.#name();
    const random = STEPS[name].nature === "work" ? this.#work : this.#faults;
    return {
      do: name,
      who: Math.floor(random() * 64),
      size: this.#size(name, random),
      how: Math.floor(random() * STEPS[name].ways),
    };
  }

  cut(limit: number): number {
    return drawCut(this.#faults, this.settings.cutChance, limit);
  }

  #name(): StepName {
    let draw = this.#work() * this.#total;
    for (const name of STEP_NAMES) {
      draw -= this.settings.weights[name];
      if (draw < 0) return name;
    }
    return "flow";
  }

  #size(name: StepName, random: Random): number {
    const { options } = this.settings;
    const { maxFrame = 1, stallTimeout = 1, frameTimeout = 1, idleTimeout = 1 } = options;
    if (name === "say" || name === "join" || name === "publish" || name === "command") {
      return pick(random, [1, maxFrame, small(random, 1, maxFrame)]);
    }
    if (name === "starve") return small(random, 1, 20);
    if (name === "stop") {
      return pick(random, [10, 600, stallTimeout + 20, frameTimeout + 20, idleTimeout + 20, 30_000]);
    }
    if (name === "advance" || name === "stall") {
      return pick(random, [1, 5, 10, 50, 1000, stallTimeout, frameTimeout, idleTimeout, 30_000]);
    }
    return pick(random, [1, 7, 8, 9, small(random, 1, Math.max(400, maxFrame)), 100_000]);
  }
}

/** Replays a recording. */
export class Replay<World = Settings, Name extends string = StepName> implements Choices<World, Name> {
  readonly settings: World;
  readonly #steps: readonly Step<Name>[];
  #step = -1;
  #cut = 0;

  constructor(recording: Recording<World, Name>) {
    this.settings = recording.settings;
    this.#steps = recording.steps;
  }

  next(): Step<Name> | undefined {
    this.#cut = 0;
    return this.#steps[++this.#step];
  }

  cut(limit: number): number {
    return Math.min(limit, this.#steps[this.#step]?.cuts?.[this.#cut++] ?? 0);
  }
}

/** Passes choices on and keeps them, so that the run can be replayed. */
export class Recorder<World = Settings, Name extends string = StepName> implements Choices<World, Name> {
  readonly settings: World;
  readonly #choices: Choices<World, Name>;
  readonly #seed: number;
  readonly #steps: (Step<Name> & { cuts: number[] })[] = [];

  constructor(choices: Choices<World, Name>, seed: number) {
    this.#choices = choices;
    this.#seed = seed;
    this.settings = choices.settings;
  }

  next(): Step<Name> | undefined {
    const step = this.#choices.next();
    if (step !== undefined) this.#steps.push({ ...step, cuts: [] });
    return step;
  }

  cut(limit: number): number {
    const cut = this.#choices.cut(limit);
    this.#steps[this.#steps.length - 1]?.cuts.push(cut);
    return cut;
  }

  /** What was passed on so far. */
  get recording(): Recording<World, Name> {
    return { seed: this.#seed, settings: this.settings, steps: this.#steps };
  }
}
