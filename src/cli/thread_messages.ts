/**
 * What the threads of a server and the thread that has started them say to each other. All of it is plain data.
 *
 * @module
 */

import type { SharedMemory } from "../bus/shared_ring.ts";
import type { SharePort } from "../contract/adapter.ts";
import type { ListenerInfo } from "../server/mob_options.ts";
import type { MobEvent } from "../status/events.ts";
import type { ConnectionQuery, ConnectionStats, Histogram, MobStats } from "../status/stats.ts";
import type { ServeFlags } from "./serve_flags.ts";

/** What a thread is started with. */
export interface ThreadStart {
  /** Its number, from 0. */
  readonly thread: number;
  /** What all threads share. */
  readonly memory: SharedMemory;
  /** The URLs of the listeners; the first thread opens them, and the others share the ports that it has got. */
  readonly urls: readonly string[];
  /** How ports are shared. */
  readonly sharePort: SharePort;
  /** The options of `serve`. */
  readonly flags: ServeFlags;
}

/** What a thread is asked. `life`: whether it lives, which every answer tells. */
export type ThreadQuestion =
  | { readonly about: "stats" }
  | { readonly about: "list"; readonly query: ConnectionQuery }
  | { readonly about: "reload" }
  | { readonly about: "life" };

/** The numbers of a thread. */
export interface ThreadStats {
  readonly stats: MobStats;
  /** How late its timers were since it was asked first. */
  readonly loopDelays: Histogram;
  /** Bytes that objects of the program use in it; 0 where that is not known. */
  readonly heapBytes: number;
}

/** Connections of a thread. */
export interface ThreadList {
  /** How many there are. */
  readonly total: number;
  /** Those that were asked for. */
  readonly connections: readonly ConnectionStats[];
}

/** What it answers, by what it was asked about. */
export interface ThreadAnswers {
  readonly stats: ThreadStats;
  readonly list: ThreadList;
  /** What went wrong; `undefined`: nothing. */
  readonly reload: { readonly problem: string | undefined };
  readonly life: true;
}

/** What a thread is told. `watch`: whether it tells of what happens to its connections. */
export type ThreadOrder =
  | { readonly type: "stop" }
  | { readonly type: "watch"; readonly isOn: boolean }
  | { readonly type: "ask"; readonly id: number; readonly question: ThreadQuestion };

/** What a thread tells. */
export type ThreadReport =
  | { readonly type: "listening"; readonly listeners: readonly ListenerInfo[]; readonly urls: readonly string[] }
  | { readonly type: "line"; readonly line: string }
  | { readonly type: "answer"; readonly id: number; readonly answer: ThreadAnswers[keyof ThreadAnswers] }
  /** What happened, and when this was said, by the clock of the thread. */
  | { readonly type: "events"; readonly events: readonly MobEvent[]; readonly now: number }
  /** It has closed, with the last of its numbers. */
  | { readonly type: "closed"; readonly last: ThreadStats }
  | { readonly type: "failed"; readonly message: string };

/** The thread that a mob runs in, as the mob's side sees it. */
export interface ThreadPort {
  /** What it was started with. */
  readonly start: ThreadStart;
  /** Tells the thread that has started this one. */
  tell(report: ThreadReport): void;
  /** Calls `handler` with each order. */
  onOrder(handler: (order: ThreadOrder) => void): void;
}

/** What a thread's starter is told. */
export interface ThreadEvents {
  /** It tells something. */
  report(report: ThreadReport): void;
  /** It has ended, and why. */
  ended(why: string): void;
}

/** A thread, as its starter sees it. */
export interface Thread {
  /** Tells it something. */
  order(order: ThreadOrder): void;
  /** Ends it now. */
  end(): void;
}

/** Threads of this process. */
export interface Threads {
  /** Why this runtime has none whose listeners can share a port; `undefined`: it has. */
  readonly whyNot: string | undefined;
  /** How many threads can run at a time: as many as there are cores for this process. */
  cores(): number;
  /** A name for a ring that no other has. */
  name(): string;
  /** Starts one. */
  start(start: ThreadStart, events: ThreadEvents): Thread;
}
