/**
 * Verdicts: what will happen to a connection, from two looks at it.
 *
 * @module
 */

import { roundAge } from "./figures.ts";
import { isSameRun } from "./rates.ts";
import type { ConnectionList, ListedConnection, StatusReport } from "./report.ts";
import type { StatusOptions } from "./source.ts";

/** How bad something is. */
export type Level = "ok" | "warning" | "trouble";

/** One look at a mob: a report, and the connections that are furthest behind, of about the same moment. */
export interface Look {
  /** The answer of `/stats`, or a message of `/live`. */
  readonly report: StatusReport;
  /** The answer of `/connections?sort=lag`. */
  readonly list: ConnectionList;
}

/**
 * What is so of a connection, and what will follow. `current`: nothing is pending. `behind`: bytes are pending, and no end
 * is in sight. `catching-up`: fewer than before. `leaving`: the mob closes, and it still receives. `disconnect`: it will be
 * disconnected. `miss`, `missing`: it will miss frames, or does (`skip`). `hold`, `holding`: nothing will be, or is, read
 * from any connection until it catches up (`block`).
 */
export type Fate =
  | "current"
  | "behind"
  | "catching-up"
  | "leaving"
  | "disconnect"
  | "miss"
  | "missing"
  | "hold"
  | "holding";

/** What is so of a connection, and what will follow. */
export interface Verdict {
  /** What kind of thing. */
  readonly fate: Fate;
  /** How bad it is. */
  readonly level: Level;
  /** Milliseconds until it happens; `undefined`: it is so, or nobody knows. */
  readonly in: number | undefined;
  /** Milliseconds until it is disconnected; `undefined`: it is not in sight. */
  readonly disconnectIn: number | undefined;
  /** The same in plain words: `behind, will be disconnected in about 4 s`. */
  readonly text: string;
}

/** When it is disconnected this soon, in milliseconds, that is trouble. Before that it may well read on. */
const URGENT = 15_000;

/** What is further away than this, in milliseconds, is not predicted: the rates of a few seconds do not last so long. */
const HORIZON = 60_000;

/** A connection that was not behind before is only near its limit when it is this near, in milliseconds. */
const SUDDEN = 10_000;

/** What a verdict is made from. */
interface Course {
  readonly connection: ListedConnection;
  readonly prior: ListedConnection | undefined;
  readonly options: StatusOptions;
  /** Whether nothing was published since the look before. */
  readonly silent: boolean;
  /** Milliseconds since then. */
  readonly elapsed: number;
}

/** The verdict on each connection of a look's list, in its order, from that look and an earlier one. */
export function verdictsOf(look: Look, before?: Look): Verdict[] {
  const { list, report: { options, server, stats } } = look;
  const earlier = before && isSameRun(look.report, before.report) ? before : undefined;
  const priors = new Map(earlier?.list.connections.map((connection) => [connection.token, connection]));
  const silent = earlier !== undefined && stats.published.bytes === earlier.report.stats.published.bytes;
  const elapsed = earlier ? list.now - earlier.list.now : 0;
  return list.connections.map((connection) => {
    if (server.state !== "open") return leaving(connection);
    // Two looks at one moment say nothing of a course.
    const prior = elapsed > 0 ? priors.get(connection.token) : undefined;
    return verdictOf({ connection, prior, options, silent, elapsed });
  });
}

function leaving({ lag }: ListedConnection): Verdict {
  const text = lag.bytes > 0 ? "leaves when it has received the rest" : "leaves";
  return verdict("leaving", "ok", text);
}

function verdictOf(course: Course): Verdict {
  const { connection: { lag, paused }, options: { slowConsumer } } = course;
  const stall = stallIn(course);
  if (slowConsumer === "skip" && skips(course)) {
    return verdict("missing", urgency(stall), "misses frames", undefined, stall);
  }
  if (lag.bytes === 0) return verdict("current", "ok", "up to date");
  if (slowConsumer === "block" && holds(course)) {
    return verdict("holding", "trouble", "holds all others back", undefined, stall);
  }
  const full = fullIn(course);
  if (slowConsumer === "disconnect") {
    if (full !== undefined && full < (stall ?? Infinity)) {
      return verdict("disconnect", urgency(full), "behind", undefined, full);
    }
  } else if (full !== undefined && full < (stall ?? Infinity)) {
    return slowConsumer === "skip"
      ? verdict("miss", "warning", "behind, will miss frames", full)
      : verdict("hold", "warning", "behind, will hold all others back", full);
  }
  if (stall !== undefined) return verdict("disconnect", urgency(stall), "takes nothing", undefined, stall);
  const level = paused ? "warning" : "ok";
  const grows = growth(course);
  const more = paused ? ", not read from until it catches up" : "";
  if (grows < 0) return verdict("catching-up", level, paused ? `behind${more}` : "behind, catching up");
  return verdict("behind", level, grows > 0 && !paused ? "behind, falling further back" : `behind${more}`);
}

/** When its lag passes `maxLag` if it goes on as it did; `undefined`: that is not in sight. */
function fullIn({ connection, prior, options: { maxLag }, elapsed }: Course): number | undefined {
  if (prior === undefined) return undefined;
  const grown = connection.lag.bytes - prior.lag.bytes;
  if (grown <= 0) return undefined;
  const time = Math.max(0, maxLag - connection.lag.bytes) / (grown / elapsed);
  return time <= (prior.lag.bytes > 0 ? HORIZON : SUDDEN) ? time : undefined;
}

/** When it has taken nothing for `stallTimeout`; `undefined`: it takes something, or may. */
function stallIn({ connection, prior }: Course): number | undefined {
  const stuck = prior !== undefined && connection.delivered.bytes === prior.delivered.bytes &&
    prior.stallsIn !== undefined;
  return stuck ? connection.stallsIn : undefined;
}

/** Whether it skips. Its own frames count as skipped too where they are not echoed, so its socket has to be full as well. */
function skips({ connection, prior, options: { maxLag } }: Course): boolean {
  return prior !== undefined && connection.skipped.frames > prior.skipped.frames &&
    connection.stallsIn !== undefined && connection.lag.bytes <= maxLag / 2;
}

/** Whether nothing is read because of it: that begins above `maxLag`, and ends at half of it. */
function holds({ connection: { lag }, silent, options: { maxLag } }: Course): boolean {
  return lag.bytes > maxLag || (silent && lag.bytes > maxLag / 2);
}

function urgency(disconnectIn = Infinity): Level {
  return disconnectIn <= URGENT ? "trouble" : "warning";
}

function growth({ connection, prior }: Course): number {
  return prior === undefined ? 0 : connection.lag.bytes - prior.lag.bytes;
}

function verdict(fate: Fate, level: Level, words: string, when?: number, disconnectIn?: number): Verdict {
  const soon = when === undefined ? "" : ` ${inAbout(when)}`;
  const end = disconnectIn === undefined ? "" : `, will be disconnected ${inAbout(disconnectIn)}`;
  return { fate, level, in: when ?? disconnectIn, disconnectIn, text: `${words}${soon}${end}` };
}

/** `in about 4 s`. */
export function inAbout(milliseconds: number): string {
  return `in about ${roundAge(Math.max(1000, milliseconds))}`;
}
