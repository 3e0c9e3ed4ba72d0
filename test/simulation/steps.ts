/**
 * Steps: everything that may happen in a simulated run, as data. A run is a list of them, so it can be recorded,
 * replayed without the generator, and made shorter.
 *
 * @module
 */

/** The names of the steps. */
export type StepName =
  | "connect"
  | "handshake"
  | "say"
  | "ping"
  | "push"
  | "read"
  | "appetite"
  | "finish"
  | "flow"
  | "advance"
  | "join"
  | "reset"
  | "hostile"
  | "deliver"
  | "repeat"
  | "spurious"
  | "stale"
  | "tick"
  | "starve"
  | "trap"
  | "stall"
  | "exodus"
  | "meddle"
  | "close"
  | "stop"
  | "publish"
  | "disconnect"
  | "answer"
  | "command"
  | "control";

/** One thing that happens. Any step may come at any time: numbers are taken modulo what there is. */
export interface Step<Name extends string = StepName> {
  /** What happens. */
  readonly do: Name;
  /** The target: a client, or an event that waits. */
  readonly who: number;
  /** How much. */
  readonly size: number;
  /** In which of a few ways. */
  readonly how: number;
  /** By how much each read, write or push of this step falls short, in their order; 0, or no more of them: not at all. */
  readonly cuts?: readonly number[];
}

/** What causes a step: the workload, or the faults. A run is first tried without the faults when it is shrunk. */
type Nature = "work" | "fault";

/** What a step is. */
export interface Kind {
  readonly nature: Nature;
  /** The step as text. */
  readonly about: string;
  /** How often it comes, compared with the others, before the swarm of a seed changes that. */
  readonly weight: number;
  /** The most that `how` counts to. */
  readonly ways: number;
}

/** The table of steps. */
export const STEPS: Readonly<Record<StepName, Kind>> = {
  connect: {
    nature: "work",
    about: "a client connects; odd ways read only in steps of their own",
    weight: 6,
    ways: 12,
  },
  handshake: { nature: "work", about: "a handshake comes to its end, or to nothing", weight: 6, ways: 4 },
  say: { nature: "work", about: "a client sends frames of about `size` bytes", weight: 30, ways: 4 },
  ping: { nature: "work", about: "a client sends an empty frame", weight: 2, ways: 1 },
  push: { nature: "work", about: "a client sends up to `size` bytes of what it still has to say", weight: 6, ways: 1 },
  read: { nature: "work", about: "a client reads up to `size` bytes", weight: 10, ways: 1 },
  appetite: { nature: "work", about: "a client begins, or ceases, to read all it can", weight: 2, ways: 2 },
  finish: { nature: "work", about: "a client ends its half of the stream, wherever it is", weight: 2, ways: 1 },
  flow: { nature: "work", about: "all waiting events are delivered, and the tick runs", weight: 30, ways: 1 },
  advance: { nature: "work", about: "time passes, up to `size` milliseconds", weight: 5, ways: 1 },
  join: { nature: "work", about: "the application joins as a member, or a member speaks", weight: 2, ways: 4 },
  reset: { nature: "fault", about: "a client breaks the connection", weight: 2, ways: 1 },
  hostile: { nature: "fault", about: "a client sends a header over every limit, or garbage", weight: 1, ways: 5 },
  deliver: { nature: "fault", about: "one waiting event is delivered, out of order", weight: 8, ways: 1 },
  repeat: { nature: "fault", about: "one waiting event is delivered, and will be again", weight: 2, ways: 1 },
  spurious: { nature: "fault", about: "an event comes for a connection with nothing to it", weight: 3, ways: 3 },
  stale: { nature: "fault", about: "an event comes for a connection that is gone, or never was", weight: 4, ways: 4 },
  tick: { nature: "fault", about: "the tick runs with the events delivered so far", weight: 8, ways: 1 },
  starve: { nature: "fault", about: "the next accepts fail", weight: 2, ways: 8 },
  trap: { nature: "fault", about: "the next call on a connection's socket finds it broken", weight: 2, ways: 6 },
  stall: { nature: "fault", about: "the process stands still: time passes and no tick runs", weight: 2, ways: 1 },
  exodus: { nature: "fault", about: "all clients leave at once", weight: 1, ways: 2 },
  meddle: { nature: "fault", about: "the next hook calls back into the mob, or throws", weight: 3, ways: 7 },
  close: { nature: "fault", about: "the mob is closed: gracefully, in no time, or twice", weight: 1, ways: 3 },
  stop: { nature: "fault", about: "the process is stopped for a while, and clients act meanwhile", weight: 2, ways: 4 },
  publish: { nature: "work", about: "the application publishes frames of about `size` bytes", weight: 10, ways: 4 },
  disconnect: { nature: "fault", about: "the application disconnects a connection, or none", weight: 1, ways: 4 },
  answer: { nature: "work", about: "a promise of `authorize` is answered", weight: 8, ways: 6 },
  command: {
    nature: "fault",
    about: "the next hook publishes, disconnects, closes or fails",
    weight: 12,
    ways: 9,
  },
  control: {
    nature: "work",
    about: "a WebSocket client sends one or many pings, a pong or a close frame",
    weight: 8,
    ways: 6,
  },
};

/** Steps that came later. They are drawn apart, so that a world without them is what it was before. */
export const LATER_STEPS: ReadonlySet<StepName> = new Set([
  "stop",
  "publish",
  "disconnect",
  "answer",
  "command",
  "control",
]);

/** All names, in the order of the table. */
export const STEP_NAMES: readonly StepName[] = Object.keys(STEPS) as StepName[];

/** A step in one line. */
export function describeStep({ do: name, who, size, how, cuts }: Step<string>): string {
  const short = cuts === undefined || cuts.every((cut) => cut === 0) ? "" : ` short by ${cuts.join(",")}`;
  return `${name} who=${who} size=${size} how=${how}${short}`;
}
