/**
 * Shrinking: makes a failing run as short as it can, as long as it breaks the same rule.
 *
 * @module
 */

import type { Step } from "./steps.ts";
import type { AnyRecording, World } from "./worlds.ts";

/** Time to make a run shorter, in milliseconds. */
const BUDGET = 30_000;

/** Shrinks one recording. */
class Shrinker {
  best: AnyRecording;
  readonly #world: World;
  readonly #rule: string;
  readonly #until: number;

  constructor(world: World, recording: AnyRecording, rule: string, milliseconds: number) {
    this.#world = world;
    this.best = recording;
    this.#rule = rule;
    this.#until = performance.now() + milliseconds;
  }

  get outOfTime(): boolean {
    return performance.now() > this.#until;
  }

  /** Keeps the candidate when it fails as the first one did. */
  async try(candidate: AnyRecording): Promise<boolean> {
    if (this.outOfTime) return false;
    const { violation } = await this.#world.replay(candidate);
    if (violation?.rule !== this.#rule) return false;
    this.best = candidate;
    return true;
  }

  trySteps(steps: readonly Step<string>[]): Promise<boolean> {
    return this.try({ ...this.best, steps });
  }

  /** First whole classes of faults, then cuts. */
  async dropClasses(): Promise<void> {
    for (const [name, { nature }] of Object.entries(this.#world.steps)) {
      if (nature !== "fault") continue;
      const steps = this.best.steps.filter((step) => step.do !== name);
      if (steps.length < this.best.steps.length) await this.trySteps(steps);
    }
    await this.trySteps(this.best.steps.map((step) => ({ ...step, cuts: [] })));
  }

  /** Then steps: halves, quarters, ... single ones, the last first. */
  async dropSteps(): Promise<void> {
    for (let length = this.best.steps.length >> 1; length >= 1; length >>= 1) {
      for (let end = this.best.steps.length; end > 0; end -= length) {
        const { steps } = this.best;
        await this.trySteps([...steps.slice(0, Math.max(0, end - length)), ...steps.slice(end)]);
      }
    }
  }

  /** Then the numbers of each step. */
  async lowerNumbers(): Promise<void> {
    for (let index = 0; index < this.best.steps.length; index++) {
      const change = (part: Partial<Step<string>>): Promise<boolean> =>
        this.trySteps(this.best.steps.map((step, at) => at === index ? { ...step, ...part } : step));
      const step = this.best.steps[index]!;
      if (step.cuts !== undefined && step.cuts.length > 0 && !await change({ cuts: [] })) {
        for (let cut = 0; cut < step.cuts.length; cut++) {
          await change({ cuts: this.best.steps[index]!.cuts!.map((each, at) => at === cut ? 0 : each) });
        }
      }
      for (const field of ["who", "how", "size"] as const) {
        if (step[field] === 0 || await change({ [field]: 0 }) || await change({ [field]: 1 })) continue;
        await change({ [field]: step[field] >> 1 });
      }
    }
  }

  /** And the world: as plain as it can be. */
  async plainSettings(): Promise<void> {
    for (const plain of this.#world.plain) {
      const { settings } = this.best;
      const next = plain(settings);
      if (JSON.stringify(next) !== JSON.stringify(settings)) await this.try({ ...this.best, settings: next });
    }
  }
}

/** A shorter recording that breaks the same rule. */
export async function shrink(
  world: World,
  recording: AnyRecording,
  rule: string,
  milliseconds: number = BUDGET,
): Promise<AnyRecording> {
  const shrinker = new Shrinker(world, recording, rule, milliseconds);
  for (let size = Infinity; size > sizeOf(shrinker.best) && !shrinker.outOfTime;) {
    size = sizeOf(shrinker.best);
    await shrinker.dropClasses();
    await shrinker.dropSteps();
    await shrinker.plainSettings();
    await shrinker.lowerNumbers();
  }
  // A removal of nothing proves nothing.
  const steps = shrinker.best.steps.map(({ cuts, ...step }) => cuts?.some((cut) => cut > 0) ? { ...step, cuts } : step);
  return { ...shrinker.best, steps };
}

function sizeOf({ steps, settings }: AnyRecording): number {
  return JSON.stringify(steps).length + JSON.stringify(settings).length;
}
