/**
 * Shrinking: makes a failing run as short as it can, as long as it breaks the same rule.
 *
 * @module
 */

import type { Recording } from "./choices.ts";
import { OPEN_HOUSE } from "./admission.ts";
import { replay } from "./run_seed.ts";
import { PLAIN_SHAPES, type Settings } from "./settings.ts";
import { type Step, STEP_NAMES, STEPS } from "./steps.ts";

/** Time to make a run shorter, in milliseconds. */
const BUDGET = 30_000;

/** Shrinks one recording. */
class Shrinker {
  best: Recording;
  readonly #rule: string;
  readonly #until: number;

  constructor(recording: Recording, rule: string, milliseconds: number) {
    this.best = recording;
    this.#rule = rule;
    this.#until = performance.now() + milliseconds;
  }

  get outOfTime(): boolean {
    return performance.now() > this.#until;
  }

  /** Keeps the candidate when it fails as the first one did. */
  async try(candidate: Recording): Promise<boolean> {
    if (this.outOfTime) return false;
    const { violation } = await replay(candidate);
    if (violation?.rule !== this.#rule) return false;
    this.best = candidate;
    return true;
  }

  trySteps(steps: readonly Step[]): Promise<boolean> {
    return this.try({ ...this.best, steps });
  }

  /** First whole classes of faults, then cuts. */
  async dropClasses(): Promise<void> {
    for (const name of STEP_NAMES) {
      if (STEPS[name].nature !== "fault") continue;
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
      const change = (part: Partial<Step>): Promise<boolean> =>
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
    for (const plain of PLAIN) {
      const { settings } = this.best;
      const next = { ...settings, ...plain, options: { ...settings.options, ...plain.options } };
      if (JSON.stringify(next) !== JSON.stringify(settings)) await this.try({ ...this.best, settings: next });
    }
  }
}

const PLAIN: readonly Partial<Settings>[] = [
  { strictEdges: false },
  { shapes: PLAIN_SHAPES },
  { timerSlack: 0 },
  { capacity: 65_536 },
  { listeners: [] },
  { application: { answers: [], withholds: 0 } },
  { options: { framing: "line" } },
  { options: { secret: undefined } },
  { options: { allow: [], deny: [] }, welcome: OPEN_HOUSE },
  { options: { slowConsumer: "disconnect" } },
  { options: { echo: "all" } },
  { options: { maxConnectionsPerAddress: 0 } },
  { options: { maxConnections: 64 } },
  { options: { maxFrameRate: 0 } },
  { options: { maxByteRate: 0 } },
  { options: { frameTimeout: 0 } },
  { options: { idleTimeout: 0 } },
  { options: { stallTimeout: 10_000 } },
];

/** A shorter recording that breaks the same rule. */
export async function shrink(recording: Recording, rule: string, milliseconds: number = BUDGET): Promise<Recording> {
  const shrinker = new Shrinker(recording, rule, milliseconds);
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

function sizeOf({ steps, settings }: Recording): number {
  return JSON.stringify(steps).length + JSON.stringify(settings).length;
}
