/**
 * What the status of a mob is made from: the part of a mob that metrics, pages and tables read.
 *
 * @module
 */

import { type Check, isAdapter, refuse } from "../check.ts";
import type { Adapter } from "../contract/adapter.ts";
import type { MobEvent } from "./events.ts";
import type { ConnectionQuery, ConnectionStats, Histogram, MobStats } from "./stats.ts";

/** Whether a mob accepts connections. `draining`: its connections receive what is pending, and leave. */
export type MobState = "open" | "draining" | "closed";

/** The options of a mob that decide what will happen to a connection that is behind. */
export interface StatusOptions {
  /** How far behind a connection may be, in bytes. */
  readonly maxLag: number;
  /** What happens to a connection that is further behind. */
  readonly slowConsumer: "disconnect" | "skip" | "block";
  /** How long bytes may be pending and none accepted, in milliseconds. */
  readonly stallTimeout: number;
  /** The most connections at a time. */
  readonly maxConnections: number;
}

/** Which of several threads something is of, from 1; `undefined`: there is one. */
export interface InThread {
  /** Its number. */
  readonly thread?: number | undefined;
}

/** What has to answer does not. */
export class NoAnswer extends Error {}

/** Connections in a list. */
export type Connections = readonly (ConnectionStats & InThread)[];

/** A mob, as its status is read. `Mob` is one. What several threads serve together answers later. */
export interface StatusSource {
  /** Whether it accepts connections. */
  readonly state: MobState;
  /** Resolves when it has closed. */
  readonly closed: Promise<void>;
  /** Why its bus cannot be reached now; `undefined`: it can, or there is none. */
  readonly whyBusAway: string | undefined;
  /** Its options. */
  readonly options: StatusOptions;
  /** The adapter that it was made with: its clock and its timers. */
  readonly adapter: Pick<Adapter, "name" | "now" | "after" | "processInfo">;
  /** What happens to its connections. */
  readonly events: AsyncIterable<MobEvent & InThread>;
  /** Its connections now; of several threads, when they were last asked for a list of them. */
  readonly connectionCount: number;
  /** How many threads serve, each with a mob; `undefined`: there is one mob. */
  readonly threads?: number | undefined;
  /** Everything it counts. */
  stats(): MobStats | Promise<MobStats>;
  /** Its connections. */
  connections(query?: ConnectionQuery): Connections | Promise<Connections>;
  /** How late timers were in its threads, when they were last asked what they count; `undefined`: it is asked here. */
  readonly loopDelays?: Histogram | undefined;
  /** Resolves to why something of it does not live; `undefined`: all of it does. Without it, what answers lives. */
  whyDead?(): Promise<string | undefined>;
}

/** A mob. A promise of one, passed by mistake, is none. */
export const isSource: Check = (name, value) => {
  const { stats, connections, adapter } = Object(value) as Partial<StatusSource>;
  if (typeof stats !== "function" || typeof connections !== "function") {
    refuse(name, value, "it is a Mob, such as await serve() returns");
  }
  isAdapter(`${name}.adapter`, adapter);
};
