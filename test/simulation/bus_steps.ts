/**
 * The steps of a world of several mobs on a bus. `who` names a mob, or a client of any mob.
 *
 * @module
 */

import type { Kind } from "./steps.ts";

/** The names of the steps. */
export type BusStepName =
  | "connect"
  | "say"
  | "read"
  | "appetite"
  | "finish"
  | "reset"
  | "publish"
  | "flow"
  | "advance"
  | "tick"
  | "store"
  | "fate"
  | "late"
  | "answer"
  | "deliver"
  | "forget"
  | "discard"
  | "restart"
  | "resize"
  | "away"
  | "back"
  | "foreign"
  | "stop"
  | "resume"
  | "crash"
  | "close"
  | "start"
  | "comeBack"
  | "web";

/** The table of them. */
export const BUS_STEPS: Readonly<Record<BusStepName, Kind>> = {
  connect: { nature: "work", about: "a client connects; odd ways read only in steps of their own", weight: 7, ways: 8 },
  say: { nature: "work", about: "a client sends frames of about `size` bytes", weight: 30, ways: 6 },
  read: { nature: "work", about: "a client reads up to `size` bytes", weight: 8, ways: 1 },
  appetite: { nature: "work", about: "a client begins, or ceases, to read all it can", weight: 2, ways: 2 },
  finish: { nature: "work", about: "a client ends its half of the stream", weight: 2, ways: 1 },
  reset: { nature: "fault", about: "a client breaks the connection", weight: 1, ways: 1 },
  publish: {
    nature: "work",
    about: "the application of a mob publishes frames of about `size` bytes",
    weight: 4,
    ways: 3,
  },
  flow: { nature: "work", about: "the engine does its work, and all mobs theirs", weight: 20, ways: 1 },
  advance: { nature: "work", about: "time passes, `size` milliseconds", weight: 6, ways: 1 },
  tick: { nature: "work", about: "one mob does its work", weight: 15, ways: 1 },
  store: {
    nature: "work",
    about: "the engine stores what was appended, up to `size` messages, and answers",
    weight: 10,
    ways: 1,
  },
  deliver: { nature: "work", about: "one mob is told of the stream, up to `size` messages", weight: 10, ways: 1 },
  fate: {
    nature: "fault",
    about: "a message is lost, or its answer is, or comes late, or it is stored twice",
    weight: 12,
    ways: 7,
  },
  late: { nature: "work", about: "a message that came late is stored", weight: 4, ways: 2 },
  answer: { nature: "work", about: "a late answer comes", weight: 6, ways: 2 },
  forget: { nature: "fault", about: "the engine forgets which messages it has, where it may", weight: 2, ways: 1 },
  discard: { nature: "fault", about: "the engine discards its oldest messages", weight: 2, ways: 3 },
  restart: {
    nature: "fault",
    about: "the engine comes back empty, or without its last messages",
    weight: 1.5,
    ways: 4,
  },
  resize: { nature: "fault", about: "the engine takes smaller or larger messages", weight: 2, ways: 4 },
  away: { nature: "fault", about: "the engine cannot be reached, by one mob or all", weight: 2, ways: 6 },
  back: { nature: "work", about: "the engine can be reached again, by one mob or all", weight: 3, ways: 2 },
  foreign: { nature: "fault", about: "something else is in the stream", weight: 2, ways: 6 },
  stop: { nature: "fault", about: "the process of a mob is stopped", weight: 1.5, ways: 1 },
  resume: { nature: "work", about: "processes that are stopped go on", weight: 3, ways: 1 },
  crash: { nature: "fault", about: "the process of a mob ends at once", weight: 0.7, ways: 3 },
  close: { nature: "fault", about: "a mob is closed: gracefully, or soon", weight: 0.7, ways: 3 },
  start: { nature: "work", about: "one more mob joins the bus", weight: 2, ways: 1 },
  comeBack: {
    nature: "work",
    about: "a client connects whose stream can be resumed: a new one, or one that was there, at any mob",
    weight: 8,
    ways: 8,
  },
  web: { nature: "work", about: "a WebSocket client connects, of messages or of mobcast.u64", weight: 8, ways: 4 },
};

/** All names, in the order of the table. */
export const BUS_STEP_NAMES: readonly BusStepName[] = Object.keys(BUS_STEPS) as BusStepName[];

/** Steps of some worlds only. */
export const SOME_WORLDS: readonly BusStepName[] = ["comeBack", "web"];
