/**
 * The watcher: an application that iterates `mob.events`, in half of all worlds. What it is told is what hooks are told, and
 * adds up to what the mob counts.
 *
 * @module
 */

import type { MobEvent } from "../../src/status/events.ts";
import type { MobStats } from "../../src/status/stats.ts";
import { formatToken, type Token } from "../../src/contract/token.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";

/** Whether a world has a watcher, and whether that takes the events only when the mob has closed. */
export function watcherOf(simulation: Simulation): Watcher | undefined {
  const { maxLag } = simulation.options;
  return maxLag % 2 === 0 ? new Watcher(simulation, maxLag % 4 === 0) : undefined;
}

/** Watches one world. */
export class Watcher {
  readonly #simulation: Simulation;
  readonly #events: MobEvent[] = [];
  readonly #done: Promise<void>;
  /** What hooks were told, in order. */
  readonly #joined: string[] = [];
  readonly #left: string[] = [];
  /** Connections that were over half of `maxLag` behind after a tick. */
  readonly #behind: Set<Token> = new Set();
  /** Whether one held all others back after a tick. */
  #held = false;
  /** Clients that never joined, by reason. A mob that has closed counts more, and they are no events. */
  readonly #turnedAway: Record<string, number> = { refused: 0, unauthorized: 0, "handshake-failed": 0 };
  /** What the mob counted when it had closed. */
  #stats: MobStats | undefined;
  /** How many hooks had failed for certain by then: one more may fail while the mob closes, which is no event any more. */
  #failuresKnown = 0;

  /** `isLate`: it takes the events when the mob has closed. */
  constructor(simulation: Simulation, isLate: boolean) {
    this.#simulation = simulation;
    this.#done = this.#watch(isLate);
    // A promise of a hook may fail later.
    void simulation.mob.closed.then(() => {
      this.#stats = simulation.mob.stats();
      this.#failuresKnown = simulation.hooks.failuresKnown;
    });
  }

  async #watch(isLate: boolean): Promise<void> {
    const { mob } = this.#simulation;
    const events = mob.events[Symbol.asyncIterator]();
    if (isLate) await mob.closed;
    for await (const event of { [Symbol.asyncIterator]: () => events }) this.#events.push(event);
  }

  /** `onJoin` is called. */
  joined(token: Token): void {
    this.#joined.push(formatToken(token));
  }

  /** `onLeave` is called. */
  left(token: Token, reason: string, detail: string | undefined): void {
    this.#left.push(`${formatToken(token)} ${reason} ${detail}`);
  }

  /** A client is turned away. */
  turnedAway(reason: string): void {
    if (this.#simulation.mob.state !== "closed") this.#turnedAway[reason]!++;
  }

  /** How far behind a connection is after a tick. */
  sees({ stream, web, token }: CheckedSocket, lag: number): void {
    const { maxLag, slowConsumer } = this.#simulation.options;
    // What is pending for a leaving connection does not grow, and the rest of a half-sent frame is not in the log.
    if (web !== undefined || stream.until !== Infinity || this.#simulation.closing) return;
    if (lag > maxLag / 2 && stream.gap === undefined) this.#behind.add(token);
    if (lag > maxLag && slowConsumer === "block") this.#held = true;
  }

  /** Checks everything that it was told, when the mob has closed. */
  async check(): Promise<void> {
    await this.#done;
    this.#checkTimes();
    const { acceptFailures, hookFailures } = this.#stats!;
    const counts = new Map<string, number>();
    const [joined, left, slow]: [string[], string[], Set<Token>] = [[], [], new Set()];
    for (const event of this.#events) {
      const kind = event.type === "refused" ? event.reason : event.type;
      counts.set(kind, (counts.get(kind) ?? 0) + (event.type === "dropped" ? event.count : 1));
      if (event.type === "joined") joined.push(formatToken(event.token));
      else if (event.type === "left") left.push(`${formatToken(event.token)} ${event.reason} ${event.detail}`);
      else if (event.type === "slow") slow.add(event.token);
    }
    const due: Record<string, number> = {
      joined: this.#joined.length,
      left: this.#left.length,
      ...this.#turnedAway,
      "accept-failed": acceptFailures,
      "hook-failed": hookFailures,
    };
    const dropped = counts.get("dropped") ?? 0;
    let missing = 0;
    for (const [kind, most] of Object.entries(due)) {
      const told = counts.get(kind) ?? 0;
      const count = kind === "hook-failed" && told >= this.#failuresKnown ? Math.min(told, most) : most;
      missing += count - told;
      if (told > most || dropped === 0 && told < count) this.#wrong(`${told} events are ${kind}, not ${count}`);
    }
    if (missing > dropped) this.#wrong(`${missing} events are missing, and ${dropped} were dropped`);
    if (dropped > 0) return;
    if (`${joined}` !== `${this.#joined}`) this.#wrong(`${joined} joined, and onJoin was called for ${this.#joined}`);
    if (`${left}` !== `${this.#left}`) this.#wrong(`${left} left, and onLeave was called for ${this.#left}`);
    for (const token of this.#behind) {
      if (!slow.has(token)) this.#wrong(`${formatToken(token)} was over half of maxLag behind, and is not told of`);
    }
    if (slow.size > 0) this.#simulation.marks.reach("slow");
    if (this.#held && !counts.has("held-back")) this.#wrong("one held all others back, and is not told of");
  }

  #checkTimes(): void {
    const { now, options: { maxLag, slowConsumer } } = this.#simulation;
    let last = 0;
    for (const event of this.#events) {
      if (event.type === "dropped") continue;
      if (event.at < last || event.at > now) this.#wrong(`something happened at ${event.at}, after ${last}`);
      last = event.at;
      // A leaving connection may hold others back by what it does not receive.
      if (event.type === "slow" && event.lag <= maxLag / 2) {
        this.#wrong(`${JSON.stringify(event)} is within half of maxLag`);
      }
      if (event.type === "held-back" && slowConsumer !== "block") this.#wrong(`${slowConsumer} holds nobody back`);
    }
  }

  #wrong(what: string): void {
    this.#simulation.violate("events", what);
  }
}
