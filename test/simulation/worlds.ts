/**
 * The kinds of worlds: one mob, which everything is done to; and several mobs on a bus.
 *
 * @module
 */

import { OPEN_HOUSE } from "./admission.ts";
import { type Choices, Generator, Recorder, type Recording, Replay } from "./choices.ts";
import { BusGenerator } from "./bus_choices.ts";
import { BUS_MARKS } from "./bus_marks.ts";
import { runBus } from "./bus_run.ts";
import { BUS_PLAIN } from "./bus_settings.ts";
import { BUS_STEPS } from "./bus_steps.ts";
import { MARKS } from "./marks.ts";
import { type Outcome, run } from "./run_seed.ts";
import { PLAIN_SHAPES, type Settings } from "./settings.ts";
import { type Kind, STEPS } from "./steps.ts";

/** A run of a world of any kind. */
export type AnyRecording = Recording<unknown, string>;

/** A kind of worlds. */
export interface World {
  /** Rare states, with what each means. */
  readonly marks: Readonly<Record<string, string>>;
  /** What may happen. */
  readonly steps: Readonly<Record<string, Kind>>;
  /** What makes a world plainer, for shrinking. */
  readonly plain: readonly ((settings: unknown) => unknown)[];
  /** Settings as a line. */
  readonly describe: (settings: unknown) => string;
  /** Runs what a seed draws. */
  readonly runSeed: (seed: number, keepLines?: boolean) => Promise<Outcome>;
  /** Runs what a seed draws, and keeps it as data. */
  readonly record: (seed: number) => Promise<{ recording: AnyRecording; outcome: Outcome }>;
  /** Runs a recording. */
  readonly replay: (recording: AnyRecording, keepLines?: boolean) => Promise<Outcome>;
}

/** How a kind of worlds differs from others. */
interface Parts<Settings, Name extends string> extends Pick<World, "marks"> {
  readonly steps: Readonly<Record<Name, Kind>>;
  readonly generate: (seed: number) => Choices<Settings, Name>;
  readonly run: (choices: Choices<Settings, Name>, keepLines?: boolean) => Promise<Outcome>;
  readonly plain: readonly Partial<Settings>[];
  readonly describe: (settings: Settings) => string;
}

function worldsOf<Settings, Name extends string>(world: string, parts: Parts<Settings, Name>): World {
  const { marks, steps, generate, run, plain, describe } = parts;
  return {
    marks,
    steps,
    plain: plain.map((each) => (settings) => plainer(settings as Settings, each)),
    describe: (settings) => describe(settings as Settings),
    runSeed: (seed, keepLines) => run(generate(seed), keepLines),
    record: async (seed) => {
      const recorder = new Recorder(generate(seed), seed);
      const outcome = await run(recorder);
      return { recording: { ...(world !== "mob" && { world }), ...recorder.recording }, outcome };
    },
    replay: (recording, keepLines) => run(new Replay(recording as Recording<Settings, Name>), keepLines),
  };
}

/** Settings with others in their place, also in their options. */
function plainer<Settings>(settings: Settings, others: Partial<Settings>): Settings {
  const { options } = settings as { options?: object };
  const { options: other } = others as { options?: object };
  return { ...settings, ...others, ...(options && { options: { ...options, ...other } }) };
}

/** What makes a world of one mob plainer. */
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

/** The kinds by their names. */
export const WORLDS: Readonly<Record<string, World>> = {
  mob: worldsOf("mob", {
    marks: MARKS,
    steps: STEPS,
    generate: (seed) => new Generator(seed),
    run,
    plain: PLAIN,
    describe: ({ options }) => JSON.stringify(options),
  }),
  bus: worldsOf("bus", {
    marks: BUS_MARKS,
    steps: BUS_STEPS,
    generate: (seed) => new BusGenerator(seed),
    run: runBus,
    plain: BUS_PLAIN,
    describe: ({ weights: _, ...settings }) => JSON.stringify(settings),
  }),
};

/** The kind of a recording. */
export function worldOf({ world = "mob" }: AnyRecording): World {
  return WORLDS[world]!;
}
