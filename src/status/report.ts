/**
 * The reports of a status listener, as JSON: what `/stats`, `/live` and `/connections` answer.
 *
 * @module
 */

import type { ProcessInfo } from "../contract/process_info.ts";
import type { MobEvent } from "./events.ts";
import type { MobState, StatusOptions } from "./source.ts";
import type { ConnectionStats, Histogram, MobStats } from "./stats.ts";

/** Which program it is. */
export interface ServerReport {
  /** The version of mobcast. */
  readonly version: string;
  /** The runtime and its version: `node 24.1.0`. */
  readonly runtime: string;
  /** Whether the mob accepts connections. */
  readonly state: MobState;
  /** How many threads serve, each with a mob, from 2; `undefined`: there is one mob. */
  readonly threads?: number | undefined;
}

/** Something that happened. Remote addresses are said by `/connections` alone, so there is none; tokens are text. */
export type ReportedEvent = MobEvent extends infer Event
  ? Event extends { readonly token: unknown } ? Omit<Event, "token" | "remoteAddress"> & { readonly token: string }
  : Omit<Event, "remoteAddress">
  : never;

/** How a mob is: the answer of `/stats`, and each message of `/live`. */
export interface StatusReport {
  /** Which program it is. */
  readonly server: ServerReport;
  /** The options that decide what will happen to a connection that is behind. */
  readonly options: StatusOptions;
  /** Everything the mob counts. */
  readonly stats: MobStats;
  /** The process, and what it uses; `undefined` where that is not known. */
  readonly process: ProcessInfo | undefined;
  /** How late timers were, in milliseconds: the process was busy for so long. */
  readonly loopDelays: Histogram;
  /** When this was made, by the clock of the events, in milliseconds. */
  readonly now: number;
  /** What happened since the last message of `/live`. */
  readonly events?: readonly ReportedEvent[];
}

/** A connection in a list: its token is text, behind the number of its thread where there are several. */
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
