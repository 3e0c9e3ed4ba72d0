/**
 * What the application of a world does, as its seed draws it.
 *
 * @module
 */

import { pick, type Random } from "./settings.ts";
import { type StepName, STEPS } from "./steps.ts";

/** How `authorize` answers. Those that answer `later` wait for a step. */
const ANSWERS = ["yes", "yes", "promised", "later", "later", "later", "no", "never", "throws", "nonsense"] as const;

/** One of them. */
export type Answer = (typeof ANSWERS)[number];

/** What the application of a world does. */
export interface ApplicationSettings {
  /** How `authorize` answers, client by client; none: there is no such hook. */
  readonly answers: readonly Answer[];
  /** One message of about so many is withheld, by what it holds; 0: there is no `onMessage`. */
  readonly withholds: number;
}

/** Draws an application: in two worlds of three there is none. */
export function drawApplication(
  random: Random,
): { application?: ApplicationSettings; weights?: Partial<Record<StepName, number>> } {
  if (random() < 2 / 3) return {};
  const asks = random() < 0.5;
  const reads = random() < 0.7;
  const answers = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(random, ANSWERS));
  const withholds = pick(random, [2, 5, 5, 1000]);
  const weight = (name: StepName): number => random() < 0.7 ? STEPS[name].weight * pick(random, [0.3, 1, 1, 3]) : 0;
  return {
    application: { answers: asks ? answers : [], withholds: reads ? withholds : 0 },
    weights: {
      publish: weight("publish"),
      disconnect: weight("disconnect"),
      command: weight("command"),
      answer: asks ? STEPS.answer.weight : 0,
    },
  };
}
