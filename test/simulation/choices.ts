/**
 * Choices: where a run gets its steps and its cuts from. A generator draws them from a seed; a recording has them.
 *
 * @module
 */

import { splitmix32 } from "../../adapters/memory.ts";
import { drawSettings, pick, type Random, type Settings, small } from "./settings.ts";
import { type Step, STEP_NAMES, type StepName, STEPS } from "./steps.ts";

/** What decides. */
export interface Choices {
  /** What kind of world it is. */
  readonly settings: Settings;
  /** What happens next; `undefined`: nothing more. */
  next(): Step | undefined;
  /** By how much a read, write or push of up to `limit` bytes falls short: 0 to `limit`. */
  cut(limit: number): number;
}

/** A run as data: with it the run can be repeated without the generator. */
export interface Recording {
  /** The seed that it was drawn from, for the reader. */
  readonly seed: number;
  readonly settings: Settings;
  readonly steps: readonly Step[];
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
    this.settings = drawSettings(this.#work, this.#faults, more, web);
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
    const { cutChance } = this.settings;
    if (cutChance === 0 || limit === 0 || this.#faults() >= cutChance) return 0;
    const draw = this.#faults();
    // Nothing at all, a few bytes (a header has 8), or anywhere.
    if (draw < 0.2) return limit;
    const taken = draw < 0.6 ? Math.floor(this.#faults() * 10) : Math.floor(this.#faults() * limit);
    return Math.max(0, limit - taken);
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
export class Replay implements Choices {
  readonly settings: Settings;
  readonly #steps: readonly Step[];
  #step = -1;
  #cut = 0;

  constructor(recording: Recording) {
    this.settings = recording.settings;
    this.#steps = recording.steps;
  }

  next(): Step | undefined {
    this.#cut = 0;
    return this.#steps[++this.#step];
  }

  cut(limit: number): number {
    return Math.min(limit, this.#steps[this.#step]?.cuts?.[this.#cut++] ?? 0);
  }
}

/** Passes choices on and keeps them, so that the run can be replayed. */
export class Recorder implements Choices {
  readonly settings: Settings;
  readonly #choices: Choices;
  readonly #seed: number;
  readonly #steps: (Step & { cuts: number[] })[] = [];

  constructor(choices: Choices, seed: number) {
    this.#choices = choices;
    this.#seed = seed;
    this.settings = choices.settings;
  }

  next(): Step | undefined {
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
  get recording(): Recording {
    return { seed: this.#seed, settings: this.settings, steps: this.#steps };
  }
}
