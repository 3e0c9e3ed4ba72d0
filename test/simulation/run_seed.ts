/**
 * One run: from its choices to its outcome.
 *
 * @module
 */

import { forgetConnections } from "../helpers/invariants.ts";
import { act } from "./actions.ts";
import { type Choices, Generator, Recorder, type Recording, Replay } from "./choices.ts";
import { heal } from "./healing.ts";
import { Simulation } from "./simulation.ts";
import { describeStep } from "./steps.ts";
import { listenToCore } from "./probe.ts";
import { Trace, type Violation } from "./trace.ts";

/** What came of a run. */
export interface Outcome {
  /** What did not hold; `undefined`: everything did. */
  readonly violation: Violation | undefined;
  /** The hash of its trace. */
  readonly hash: string;
  /** Events that were reported to the core. */
  readonly events: number;
  /** Reads and writes that it asked for. */
  readonly calls: number;
  /** Accepts that were tried. */
  readonly tries: number;
  readonly marks: Readonly<Record<string, number>>;
  /** The trace in lines, when it was asked for. */
  readonly lines: readonly string[] | undefined;
}

/** Runs choices to their end: their steps, then the healing. */
export async function run(choices: Choices, keepLines = false): Promise<Outcome> {
  const trace = new Trace(keepLines);
  const simulation = await Simulation.open(choices, trace);
  try {
    for (let step = choices.next(); step !== undefined; step = choices.next()) {
      const now = step;
      trace.say(() => describeStep(now));
      trace.note("step", now.who, now.size, now.how);
      await act(simulation, now);
      if (simulation.violation !== undefined) break;
    }
    if (simulation.violation === undefined) {
      trace.say(() => "--- no more faults");
      await heal(simulation);
    }
  } catch (error) {
    simulation.violate("nothing is thrown", error instanceof Error ? error.stack ?? error.message : String(error));
  }
  listenToCore(undefined);
  // A run that failed leaves its mob behind.
  forgetConnections();
  const { violation, events, calls, marks } = simulation;
  return {
    violation,
    hash: trace.hash,
    events,
    calls,
    tries: simulation.network.tries,
    marks: marks.counts,
    lines: trace.lines,
  };
}

/** Runs what a seed draws. */
export function runSeed(seed: number, keepLines = false): Promise<Outcome> {
  return run(new Generator(seed), keepLines);
}

/** Runs what a seed draws, and keeps it as data. */
export async function record(seed: number): Promise<{ recording: Recording; outcome: Outcome }> {
  const recorder = new Recorder(new Generator(seed), seed);
  const outcome = await run(recorder);
  return { recording: recorder.recording, outcome };
}

/** Runs a recording. */
export function replay(recording: Recording, keepLines = false): Promise<Outcome> {
  return run(new Replay(recording), keepLines);
}
