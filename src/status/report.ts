/**
 * The reports of a status listener, as JSON: what `/stats`, `/live` and `/connections` answer.
 *
 * @module
 */

import type { MobEvent } from "./events.ts";
import type { MobState, StatusOptions } from "./source.ts";
import type { ConnectionStats, Histogram, MobStats } from "./stats.ts";

/** What the process uses. */
export interface ProcessUsage {
  /** Bytes of memory that the system has given to it. */
  readonly residentBytes: number;
  /** Bytes that objects of the program use. */
  readonly heapBytes: number;
  /** Seconds of processor time since it started. */
  readonly cpuSeconds: number;
}

/** Which program it is. */
export interface ServerReport {
  /** The version of mobcast. */
  readonly version: string;
  /** The runtime and its version: `node 24.1.0`. */
  readonly runtime: string;
  /** The process; `undefined` where that is not known. */
  readonly pid: number | undefined;
  /** Milliseconds since the process started. */
  readonly uptime: number;
  /** Whether the mob accepts connections. */
  readonly state: MobState;
}

/** Something that happened. Remote addresses are said by `/connections` alone, so there is none; tokens are text. */
export type ReportedEvent = WithoutAddress<MobEvent>;

type WithoutAddress<Event> = Event extends { readonly token: unknown }
  ? Omit<Event, "token" | "remoteAddress"> & { readonly token: string }
  : Omit<Event, "remoteAddress">;

/** How a mob is: the answer of `/stats`, and each message of `/live`. */
export interface StatusReport {
  /** Which program it is. */
  readonly server: ServerReport;
  /** The options that decide what will happen to a connection that is behind. */
  readonly options: StatusOptions;
  /** Everything the mob counts. */
  readonly stats: MobStats;
  /** What the process uses; `undefined` where that is not known. */
  readonly process: ProcessUsage | undefined;
  /** How late timers were, in milliseconds: the process was busy for so long. */
  readonly loopDelays: Histogram;
  /** When this was made, by the clock of the events, in milliseconds. */
  readonly now: number;
  /** What happened since the last message of `/live`. */
  readonly events?: readonly ReportedEvent[];
}

/** A connection in a list: its token is text. */
export type ListedConnection = Omit<ConnectionStats, "token"> & { readonly token: string };

/** Some of the connections: the answer of `/connections`. */
export interface ConnectionList {
  /** How many connections there are. */
  readonly total: number;
  /** When this was made, by the clock of the events, in milliseconds. */
  readonly now: number;
  /** Those that were asked for. */
  readonly connections: readonly ListedConnection[];
}
