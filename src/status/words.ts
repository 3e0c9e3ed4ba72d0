/**
 * Words: how a mob is, in plain words, the most urgent first.
 *
 * @module
 */

import { quantity, roundAge, roundTime } from "./figures.ts";
import { histogramSince, isSameRun, type Rates, ratesOf } from "./rates.ts";
import type { StatusReport } from "./report.ts";
import type { CloseReason } from "./stats.ts";
import { type Fate, inAbout, type Level, type Look, type Verdict, verdictsOf } from "./verdict.ts";

/** One thing to know. */
export interface Sentence {
  /** What it is about: the same from look to look while its figures change. */
  readonly about: string;
  /** How bad it is. */
  readonly level: Level;
  /** A whole sentence. */
  readonly text: string;
}

/** How a mob is. */
export interface Words {
  /** How bad the worst of it is. */
  readonly level: Level;
  /** At least one, the most urgent first. */
  readonly sentences: readonly Sentence[];
  /** The verdict on each connection of the list, in its order. */
  readonly verdicts: readonly Verdict[];
}

/** A delay of the event loop that is worth a word, and one that is worse, in milliseconds. */
const [LATE, VERY_LATE] = [100, 1000];

/** How many clients are turned away before it is worth a word: there are always a few. */
const MANY_REFUSED = 5;

/** A mob that has this share of the connections it may have is nearly full. */
const NEARLY = 0.9;

/** With room for more connections than these a mob is not nearly full. */
const MUCH_ROOM = 1000;

/** Ends that are neither the client's nor the application's will. */
const REMOVALS: readonly CloseReason[] = [
  "lagged",
  "gap",
  "stalled",
  "frame-too-large",
  "protocol-error",
  "frame-timeout",
  "receive-memory",
];

/** Clients that never joined. */
const REFUSALS: readonly CloseReason[] = ["refused", "unauthorized", "handshake-failed"];

const LEVELS: readonly Level[] = ["trouble", "warning", "ok"];

/**
 * How a mob is, from a look at it and an earlier one, best of one to three seconds before. `past` is a report of some ten
 * seconds before: what happened since is said. Looks of another run are left alone.
 */
export function wordsOf(look: Look, before?: Look, past: StatusReport | undefined = before?.report): Words {
  const { report } = look;
  const verdicts = verdictsOf(look, before);
  const old = past && isSameRun(report, past) ? past : undefined;
  const found = [
    ...aboutConnections(look, verdicts),
    ...aboutState(report),
    ...aboutBus(report, old),
    ...(old ? aboutFailures(report, old) : []),
    ...aboutRoom(report),
    ...(old ? aboutEnds(report, old) : []),
  ];
  // The order above holds among those of one level: the sort is stable.
  const sentences = found.sort((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
  if (sentences.length === 0) sentences.push(wellBeing(look, verdicts));
  return { level: sentences[0]!.level, sentences, verdicts };
}

// --- connections that are behind ---

const HOW: Readonly<Partial<Record<Fate, readonly [one: string, many: string]>>> = {
  holding: ["holds all others back", "hold all others back"],
  disconnect: ["is behind", "are behind"],
  missing: ["misses frames", "miss frames"],
  hold: ["is behind and will hold all others back", "are behind and will hold all others back"],
  miss: ["is behind and will miss frames", "are behind and will miss frames"],
};

function aboutConnections({ list, report }: Look, verdicts: readonly Verdict[]): Sentence[] {
  const sentences = (Object.keys(HOW) as Fate[]).flatMap((fate) => {
    const which = [...verdicts.keys()].filter((index) => verdicts[index]!.fate === fate);
    return which.length === 0 ? [] : [aboutFate(fate, which, { list, report }, verdicts)];
  });
  const paused = [...verdicts.keys()].filter((index) =>
    verdicts[index]!.level === "warning" && !inHow(verdicts[index]!)
  );
  if (paused.length > 0) {
    const tail = paused.length === 1 ? "not read from until it catches up" : "not read from until they catch up";
    const how = paused.length === 1 ? "is" : "are";
    sentences.push({
      about: "paused",
      level: "warning",
      text: `${subject(paused, list, verdicts)} ${how} behind and ${tail}.`,
    });
  }
  return sentences;
}

function inHow({ fate }: Verdict): boolean {
  return fate in HOW;
}

function aboutFate(fate: Fate, which: readonly number[], { list }: Look, verdicts: readonly Verdict[]): Sentence {
  const its = which.map((index) => verdicts[index]!);
  const [one, many] = HOW[fate]!;
  const plural = which.length > 1;
  const soon = timesOf(its.map((verdict) => fate === "hold" || fate === "miss" ? verdict.in : undefined));
  const end = timesOf(its.map(({ disconnectIn }) => disconnectIn));
  const ending = end === undefined
    ? ""
    : firstOf(end, "and will be disconnected", "the first will be disconnected", ",");
  const when = soon === undefined ? "" : ` ${inAbout(soon.first)}${soon.apart ? " or later" : ""}`;
  return {
    about: fate,
    level: its.some(({ level }) => level === "trouble") ? "trouble" : "warning",
    text: `${subject(which, list, verdicts)} ${plural ? many : one}${when}${ending}.`,
  };
}

interface Times {
  readonly first: number;
  /** Whether they are so far apart that one time does not say it. */
  readonly apart: boolean;
}

function timesOf(all: readonly (number | undefined)[]): Times | undefined {
  const known = all.filter((time) => time !== undefined);
  if (known.length === 0) return undefined;
  const [first, last] = [Math.min(...known), Math.max(...known)];
  return { first, apart: known.length < all.length || last > first * 1.5 + 1000 };
}

function firstOf({ first, apart }: Times, together: string, single: string, comma: string): string {
  return apart ? `${comma} ${single} ${inAbout(first)}` : ` ${together} ${inAbout(first)}`;
}

/** The address of one connection, or how many they are. */
function subject(which: readonly number[], list: Look["list"], verdicts: readonly Verdict[]): string {
  if (which.length === 1) return list.connections[which[0]!]!.remoteAddress;
  // The list has the furthest behind: when all of it is in trouble, others may be.
  const more = which.length === verdicts.length && list.total > verdicts.length;
  return `${more ? "At least " : ""}${quantity(which.length, "connection")}`;
}

// --- the mob, its process and its clients ---

function aboutState({ server: { state }, stats: { connections } }: StatusReport): Sentence[] {
  if (state === "open") return [];
  const text = state === "closed"
    ? "The mob is closed."
    : connections === 0
    ? "The mob is closing."
    : `The mob is closing: ${quantity(connections, "connection")} still ${connections === 1 ? "receives" : "receive"}.`;
  return [{ about: state, level: "warning", text }];
}

/** Whether the bus is away, and what was missed or refused of it. */
function aboutBus({ stats: { bus }, now }: StatusReport, past: StatusReport | undefined): Sentence[] {
  if (bus === undefined) return [];
  const sentences: Sentence[] = [];
  if (bus.state !== "joined") {
    const what = bus.state === "joining" ? "The mob has not joined its bus for" : "The bus has been away for";
    const why = bus.whyAway === undefined ? "" : ` (${bus.whyAway})`;
    const text = `${what} ${roundAge(bus.awayFor)}: what clients send waits${why}.`;
    sentences.push({ about: "bus away", level: "trouble", text });
  }
  const old = past?.stats.bus;
  if (past === undefined || old === undefined) return sentences;
  const lately = `in the last ${roundAge(now - past.now)}`;
  const [gaps, refused] = [bus.gaps - old.gaps, bus.refused - old.refused];
  if (gaps > 0) {
    const times = gaps === 1 ? "" : ` ${quantity(gaps, "time")}`;
    const how = bus.restarts > old.restarts ? "the bus began anew" : "the log says why";
    const text = `Frames of the bus were missed for good${times} ${lately}: ${how}.`;
    sentences.push({ about: "gap", level: "trouble", text });
  }
  if (refused > 0) {
    const were = refused === 1 ? "was" : "were";
    const text = `${quantity(refused, "message")} on the bus ${were} refused ${lately}: not of mobs like this one.`;
    sentences.push({ about: "foreign", level: "warning", text });
  }
  return sentences;
}

function aboutFailures(report: StatusReport, past: StatusReport): Sentence[] {
  const { stats, loopDelays } = report;
  const lately = `in the last ${roundAge(report.now - past.now)}`;
  const sentences: Sentence[] = [];
  const add = (about: string, level: Level, text: string): number => sentences.push({ about, level, text });
  const accepts = stats.acceptFailures - past.stats.acceptFailures;
  if (accepts > 0) {
    const failed = quantity(accepts, "accept");
    add(
      "accept",
      "trouble",
      `Clients cannot connect: ${failed} failed ${lately}. Has the process enough file descriptors?`,
    );
  }
  const internal = stats.closed.internal - past.stats.closed.internal;
  if (internal > 0) {
    add("internal", "trouble", `mobcast itself failed for ${quantity(internal, "connection")}: please report it.`);
  }
  const hooks = stats.hookFailures - past.stats.hookFailures;
  if (hooks > 0) {
    add("hook", "warning", `${quantity(hooks, "hook call")} of the application failed ${lately}: the log says why.`);
  }
  const late = longest(histogramSince(loopDelays, past.loopDelays));
  if (late >= LATE) {
    const text = `The process was busy for over ${roundTime(late)} at a time ${lately}: all connections had to wait.`;
    add("late", late >= VERY_LATE ? "trouble" : "warning", text);
  }
  return sentences;
}

/** The bound above which the largest value lies; 0: there is none. */
function longest({ bounds, counts }: StatusReport["loopDelays"]): number {
  return bounds[counts.findLastIndex((count) => count > 0) - 1] ?? 0;
}

function aboutRoom({ stats, options: { maxConnections } }: StatusReport): Sentence[] {
  const taken = stats.connections + stats.unauthenticated + stats.handshakes;
  if (taken < maxConnections * NEARLY || maxConnections - taken > MUCH_ROOM) return [];
  const of = `${taken} of ${quantity(maxConnections, "connection")}`;
  return taken >= maxConnections
    ? [{ about: "full", level: "trouble", text: `The mob is full: ${of}. New clients are refused.` }]
    : [{ about: "nearly full", level: "warning", text: `The mob is nearly full: ${of}.` }];
}

function aboutEnds(report: StatusReport, past: StatusReport): Sentence[] {
  const rates = ratesOf(report, past);
  if (!rates) return [];
  const sentences: Sentence[] = [];
  const lately = `in the last ${roundAge(rates.seconds * 1000)}`;
  const [removed, why] = countEnds(rates, REMOVALS);
  if (removed > 0) {
    const were = removed === 1 ? "was" : "were";
    const text = `${quantity(removed, "connection")} ${were} disconnected ${lately}: ${why}.`;
    sentences.push({ about: "removed", level: "warning", text });
  }
  const [refused, how] = countEnds(rates, REFUSALS);
  if (refused >= MANY_REFUSED) {
    const text = `${quantity(refused, "client")} were turned away ${lately}: ${how}.`;
    sentences.push({ about: "refused", level: "warning", text });
  }
  return sentences;
}

function countEnds({ closed }: Rates, reasons: readonly CloseReason[]): [number, string] {
  const some = reasons.filter((reason) => closed[reason] > 0);
  const sum = some.reduce((total, reason) => total + closed[reason], 0);
  return [sum, some.map((reason) => `${closed[reason]} ${reason}`).join(", ")];
}

// --- all is well ---

function wellBeing({ report }: Look, verdicts: readonly Verdict[]): Sentence {
  const { connections, joined } = report.stats;
  if (connections === 0) {
    const before = joined === 0 ? "no client has come yet" : `${quantity(joined, "client")} came and left`;
    return { about: "empty", level: "ok", text: `Nobody is connected: ${before}.` };
  }
  const behind = verdicts.filter(({ fate }) => fate === "behind" || fate === "catching-up").length;
  const how = behind > 0 ? `${behind} of them a little behind` : connections === 1 ? "not behind" : "none behind";
  const text = `All is well: ${quantity(connections, "connection")}, ${how}.`;
  return { about: "well", level: "ok", text };
}
