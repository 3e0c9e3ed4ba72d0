/**
 * The choices of a world of several mobs on a bus, drawn from a seed.
 *
 * @module
 */

import { splitmix32 } from "../../adapters/memory.ts";
import { type BusSettings, drawBusSettings, drawPast, drawWeb, LEAST_PAYLOAD } from "./bus_settings.ts";
import { BUS_STEP_NAMES, BUS_STEPS, type BusStepName } from "./bus_steps.ts";
import { type Choices, drawCut } from "./choices.ts";
import { pick, type Random, small } from "./settings.ts";
import type { Step } from "./steps.ts";

/** Draws a run. */
export class BusGenerator implements Choices<BusSettings, BusStepName> {
  readonly settings: BusSettings;
  readonly #work: Random;
  readonly #faults: Random;
  readonly #total: number;
  #left: number;

  constructor(seed: number) {
    this.#work = splitmix32(Math.imul(seed, 0x3c6ef372) ^ 0x1b873593);
    this.#faults = splitmix32(Math.imul(seed, 0x6c078965) ^ 0x5f356495);
    const past = splitmix32(Math.imul(seed, 0x1b56c4e9) ^ 0x2545f491);
    const web = splitmix32(Math.imul(seed, 0x2c1b3c6d) ^ 0x297a2d39);
    this.settings = drawWeb(drawPast(drawBusSettings(seed, this.#work, this.#faults), past), web);
    this.#left = this.settings.steps;
    this.#total = BUS_STEP_NAMES.reduce((sum, name) => sum + (this.settings.weights[name] ?? 0), 0);
  }

  next(): Step<BusStepName> | undefined {
    if (this.#left-- <= 0) return undefined;
    const name = this.#name();
    const { nature, ways } = BUS_STEPS[name];
    const random = nature === "work" ? this.#work : this.#faults;
    return {
      do: name,
      who: Math.floor(random() * 64),
      size: this.#size(name, random),
      how: Math.floor(random() * ways),
    };
  }

  cut(limit: number): number {
    return drawCut(this.#faults, this.settings.cutChance, limit);
  }

  #name(): BusStepName {
    let draw = this.#work() * this.#total;
    for (const name of BUS_STEP_NAMES) {
      draw -= this.settings.weights[name] ?? 0;
      if (draw < 0) return name;
    }
    return "flow";
  }

  #size(name: BusStepName, random: Random): number {
    const { maxFrame } = this.settings;
    if (name === "say" || name === "publish" || name === "foreign") {
      return pick(random, [LEAST_PAYLOAD, maxFrame, small(random, LEAST_PAYLOAD, maxFrame)]);
    }
    if (name === "advance") return pick(random, [1, 10, 60, 250, 250, 1000, 6000, 30_000]);
    if (name === "read") return pick(random, [1, 9, small(random, 1, 400), 100_000]);
    return pick(random, [1, 1, 2, small(random, 1, 30)]);
  }
}
