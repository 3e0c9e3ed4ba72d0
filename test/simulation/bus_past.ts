/**
 * The past of a mob on a simulated bus: where in its order the stream of a client begins, and whether one that resumes
 * goes on where it has left off, at whatever mob, or is told exactly what it misses.
 *
 * @module
 */

import { isSame } from "./bus_author.ts";
import type { BusClient } from "./bus_client.ts";
import type { BusMob } from "./bus_mob.ts";
import { type HelloWire, NOWHERE, type Wire } from "./bus_wire.ts";

/** What a mob keeps for clients to come. */
export class BusPast {
  /** The places of the gaps that it was told of: its past begins anew there. */
  readonly gaps: number[] = [];
  /** From which place on it keeps what each kind of client receives. */
  readonly #kept: Map<string, number> = new Map();

  /** A gap was told at a place. */
  gap(place: number): void {
    this.gaps.push(place);
  }

  /** A listener opens: what its clients will receive is kept from here on. */
  keeps(feed: string, from: number): void {
    if (!this.#kept.has(feed)) this.#kept.set(feed, from);
  }

  /** A place behind the last gap before another. */
  since(end: number): number {
    return this.gaps.findLast((place) => place <= end) ?? 0;
  }

  /** Where the stream of a client begins that joins at `end`: at the most frames that are not more than the history. */
  start(published: readonly Uint8Array[], history: number, wire: Wire, end: number, since: number): number {
    const floor = Math.max(since, this.#kept.get(wire.feed) ?? 0);
    let start = end;
    let left = history;
    for (let at = end - 1; at >= floor && left > 0; at--) {
      if (!wire.carries(published[at]!)) continue;
      left -= wire.size(published[at]!.length);
      if (left >= 0) start = at;
    }
    return start;
  }
}

/** How many frames from one place to another a client's framing can carry. */
export function carriedBetween({ published }: BusMob, wire: Wire, from: number, to: number): number {
  return published.slice(from, to).filter((payload) => wire.carries(payload)).length;
}

/** So many frames that a client's framing can carry before a place. */
export function placeBefore({ published }: BusMob, wire: Wire, end: number, frames: number): number {
  let at = end;
  for (let left = frames; left > 0 && at > 0;) if (wire.carries(published[--at]!)) left--;
  return at;
}

/** Where a client that has joined begins, by the mob's own account: what it then receives is compared with that. */
export function checkBeginning(client: BusClient, since: number, replayed: number): number {
  const { mob, wire, joinedAt, resumedFrom } = client;
  const { past, published, settings, world } = mob;
  const due = past.start(published, settings.history ?? 0, wire, joinedAt, since);
  const begins = placeBefore(mob, wire, joinedAt, replayed);
  // What a tick publishes is one message of `mobcast.u64`, which the past holds whole or not at all.
  const mayBeLess = wire.feed === "mobcast.u64" || resumedFrom !== undefined;
  const missing = carriedBetween(mob, wire, due, begins);
  if (begins < due || (missing > 0 && !mayBeLess)) {
    client.mob.violate(
      "past",
      `${client.name} begins ${replayed} frames before it joined, not ${carriedBetween(mob, wire, due, joinedAt)}`,
    );
  }
  if (replayed > 0) world.marks.reach("past");
  if (replayed > 0 && since > 0) world.marks.reach("past behind a gap");
  return begins;
}

/** A place in the order of a mob, by what lies before and behind it. */
export interface Place {
  readonly mob: BusMob;
  readonly at: number;
  /** Where a gap was told at it: whether it is the place behind that. */
  readonly isBehindGap: boolean;
}

/** Where a place of one mob is in the order of another: behind the same frame, or before it; `undefined`: that has it not. */
function placeIn(
  { mob, at, isBehindGap }: Place,
  other: BusMob,
  wire: Wire,
  side: "behind" | "before",
): number | undefined {
  if (mob === other) return at;
  const last = mob.published.findLastIndex((payload, index) => index < at && wire.carries(payload));
  const next = mob.published.findIndex((payload, index) => index >= at && wire.carries(payload));
  const isGap = mob.past.gaps.includes(at);
  // On the other side of a gap it is another place.
  const isBehind = isGap ? !isBehindGap : last !== -1 && (side === "behind" || next === -1);
  const frame = mob.published[isBehind ? last : next];
  const found = frame ? other.published.findLastIndex((payload) => isSame(payload, frame)) : -1;
  return found === -1 ? undefined : isBehind ? found + 1 : found;
}

/** Bytes from one place to another, as a mob has it that has heard all of it; `undefined`: none has. */
function bytesBetween(from: Place, to: Place, wire: Wire, mobs: readonly BusMob[]): number | undefined {
  for (const mob of mobs) {
    const [one, two] = [placeIn(from, mob, wire, "behind"), placeIn(to, mob, wire, "before")];
    if (one === undefined || two === undefined) continue;
    const [low, high] = [Math.min(one, two), Math.max(one, two)];
    if (mob.past.gaps.some((gap) => gap >= low && gap <= high)) continue;
    let bytes = 0;
    for (const payload of mob.published.slice(low, high)) if (wire.carries(payload)) bytes += wire.size(payload.length);
    return one <= two ? bytes : -bytes;
  }
  return undefined;
}

/**
 * A client was told where its stream begins. Where the way of counting is the one that it knows, what it misses must be what
 * the offsets say; where nothing is missing, no frame may be, and none may come twice.
 */
export function checkAnswer(client: BusClient, wire: HelloWire): void {
  const { mob } = client;
  const { world } = mob;
  const { asked, answer } = wire;
  const { cameFrom: from } = client;
  if (!from || asked.epoch === NOWHERE.epoch) return world.marks.reach("hello");
  const missing = answer!.offset - asked.offset;
  if (answer!.epoch !== asked.epoch || missing < 0) {
    world.marks.reach("resumed and not known");
    if (client.mustBeKnown) mob.violate("resumes", `${client.name} is not told how much it misses`);
    return;
  }
  const bytes = world.isCountUnsure ? undefined : bytesBetween(from, client.beginning, wire, world.mobs);
  if (bytes !== undefined && bytes !== missing) {
    mob.violate("resumes", `${client.name} is told that it misses ${missing} bytes, which are ${bytes}`);
  }
  if (bytes === undefined) return;
  const there = from.mob === mob ? "there" : "elsewhere";
  world.marks.reach(missing > 0 ? `resumed ${there}, with a gap` : `resumed ${there}`);
  // Where it knows the place, it begins there, or where its history begins.
  const place = placeIn(from, mob, wire, "behind");
  if (client.mustBeKnown && missing > 0 && place !== undefined && place >= client.pastBegins) {
    mob.violate("resumes", `${client.name} misses ${missing} bytes that the history holds`);
  }
}
