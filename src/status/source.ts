/**
 * What the status of a mob is made from: the part of a mob that metrics, pages and tables read.
 *
 * @module
 */

import { type Check, isAdapter, refuse } from "../check.ts";
import type { Adapter } from "../contract/adapter.ts";
import type { MobEvent } from "./events.ts";
import type { ConnectionQuery, ConnectionStats, MobStats } from "./stats.ts";

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

/** A mob, as its status is read. `Mob` is one. */
export interface StatusSource {
  /** Whether it accepts connections. */
  readonly state: MobState;
  /** Resolves when it has closed. */
  readonly closed: Promise<void>;
  /** Its options. */
  readonly options: StatusOptions;
  /** The adapter that it was made with: its clock and its timers. */
  readonly adapter: Pick<Adapter, "name" | "now" | "after" | "processInfo">;
  /** What happens to its connections. */
  readonly events: AsyncIterable<MobEvent>;
  /** Its connections now. */
  readonly connectionCount: number;
  /** Everything it counts. */
  stats(): MobStats;
  /** Its connections. */
  connections(query?: ConnectionQuery): ConnectionStats[];
}

/** A mob. A promise of one, passed by mistake, is none. */
export const isSource: Check = (name, value) => {
  const { stats, connections, adapter } = Object(value) as Partial<StatusSource>;
  if (typeof stats !== "function" || typeof connections !== "function") {
    refuse(name, value, "it is a Mob, such as await serve() returns");
  }
  isAdapter(`${name}.adapter`, adapter);
};
