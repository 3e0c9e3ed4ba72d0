/**
 * The judge: what must hold after every tick, and whether each end has a cause.
 *
 * @module
 */

import { ERROR, HUP, READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { segmentSizeFor } from "../../src/broadcast/log.ts";
import type { ConnectionStats } from "../../src/server/stats.ts";
import { formatToken, type Token } from "../../src/contract/token.ts";
import type { Client } from "./client.ts";
import { checkCounters } from "./counters.ts";
import { checkInvariants } from "./invariants.ts";
import { causeIsMissing, type Removal } from "./close_reasons.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";

/** Totals take a quarter of a run when they are looked at in every tick, and they do not heal by themselves. */
const STATS_EVERY = 4;

/** Judges one world. */
export class Checker {
  readonly #simulation: Simulation;
  /** Those that were removed, until it is told why. */
  readonly #removals: Map<Token, Removal> = new Map();
  /** Those that began to leave in this tick. */
  #leaversBefore: Set<Token> = new Set();
  #holds = false;
  /** Bytes that the log held after the last tick. */
  #held = 0;
  #removedInTick = false;
  #inTick = false;
  #ticks = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Bytes in a segment of the log. */
  get #segment(): number {
    return segmentSizeFor(this.#simulation.options.maxLag);
  }

  // --- a tick ---

  /** A tick begins. */
  beforeTick(): void {
    this.#leaversBefore = new Set();
    this.#removedInTick = false;
    this.#inTick = true;
    for (const [token, socket] of this.#simulation.inside) {
      socket.shortInTick = false;
      socket.writesInTick = 0;
      socket.before = { ...socket.stream.given };
      if (socket.stream.until !== Infinity) this.#leaversBefore.add(token);
    }
  }

  /** Without news nobody is written to whom no event of this tick concerns. */
  writing(socket: CheckedSocket): void {
    const simulation = this.#simulation;
    const named = ((simulation.batch.get(socket.token) ?? 0) & (WRITABLE | HUP | ERROR)) !== 0;
    const leaves = socket.stream.until !== Infinity && !this.#leaversBefore.has(socket.token);
    if (simulation.news > 0 || named || leaves || simulation.closing) return;
    simulation.violate("work", `${simulation.nameOf(socket)} is written to, and there is neither news nor an event`);
  }

  /** A tick has ended. */
  afterTick(): void {
    this.#inTick = false;
    const simulation = this.#simulation;
    const { mob, model } = simulation;
    if (simulation.walks > 0 && !simulation.closing) {
      simulation.violate("work", "the tick walked over all connections");
    }
    const rows = mob.connections();
    this.#holds = simulation.options.slowConsumer === "block" && rows.some((row) => this.#isFarBehind(row));
    let furthest = model.end;
    for (const row of rows) {
      const socket = simulation.inside.get(row.token);
      if (socket === undefined) continue;
      if (socket.unauthenticated) {
        simulation.violate("unauthenticated", `${simulation.nameOf(socket)}, an unauthenticated connection, is listed`);
      }
      // A mob that closes lets everybody leave after the events of this tick were handled.
      if (simulation.drains) socket.stream.endWithAll(row.delivered.bytes + row.skipped.bytes + row.lag.bytes);
      checkCounters(simulation, socket, row);
      this.#checkWork(socket);
      checkInvariants(simulation, socket, row, { holds: this.#holds, wasLeaving: this.#leaversBefore.has(row.token) });
      socket.lag = row.lag.bytes;
      const { gap, at } = socket.stream;
      if (row.lag.bytes > 0) furthest = Math.min(furthest, gap?.to ?? at);
    }
    simulation.admission.checkUnauthenticated();
    this.#checkPopulation(rows);
    if (this.#ticks++ % STATS_EVERY === 0) this.#checkTotals(furthest);
    this.#checkRemovals();
    if (simulation.inside.size === 0 && this.#leaversBefore.size > 3) {
      simulation.marks.reach("everybody left in one batch");
    }
  }

  /** Under block it keeps everybody from being read: what it leaves in the log counts, owed to it or not. */
  #isFarBehind({ token, lag }: ConnectionStats): boolean {
    const { inside, model, options } = this.#simulation;
    const at = inside.get(token)?.stream.at ?? model.end - lag.bytes;
    return lag.bytes > 0 && model.end - at > options.maxLag / 2;
  }

  /** One write a tick, but for the boundaries of segments and a half-given frame. Frames of its own divide it, too. */
  #checkWork(socket: CheckedSocket): void {
    const { options } = this.#simulation;
    if (options.echo === "others") return;
    const frames = socket.stream.given.frames - socket.before.frames;
    const bytes = socket.stream.given.bytes - socket.before.bytes;
    const most = 2 + Math.min(frames + 1, 2 * Math.ceil(bytes / this.#segment));
    if (socket.writesInTick <= most) return;
    this.#simulation.violate(
      "work",
      `${this.#simulation.nameOf(socket)} got ${bytes} bytes in ${socket.writesInTick} writes`,
    );
  }

  #checkPopulation(rows: readonly ConnectionStats[]): void {
    const simulation = this.#simulation;
    const members = simulation.members.filter((member) => member.inside).length;
    const inside = [...simulation.inside.values()].filter(({ unauthenticated }) => !unauthenticated).length + members;
    if (rows.length === inside || simulation.tickDue) return;
    simulation.violate("accounts", `${rows.length} connections are listed, ${inside} are inside`);
  }

  /** What the whole mob counts. */
  #checkTotals(furthest: number): void {
    const simulation = this.#simulation;
    const { published, logBytes: logHeld } = simulation.mob.stats();
    const { end, frames } = simulation.model;
    if (published.bytes !== end || published.frames !== frames) {
      simulation.violate("accounts", `published is ${JSON.stringify(published)}, not ${end} bytes`);
    }
    simulation.admission.checkCounts();
    // What was removed after the tick's end is let go of in the next one.
    if (!simulation.tickDue) this.#checkMemory(logHeld, furthest);
  }

  /** The log holds no more than the furthest behind needs: up to twice, when frames fill half of a segment each. */
  #checkMemory(held: number, furthest: number): void {
    const simulation = this.#simulation;
    const { options, model, header } = simulation;
    const segment = this.#segment;
    const largest = header + options.maxFrame + 1;
    const members = simulation.members.some((member) => member.inside);
    const needed = model.end - furthest;
    const bound = 2 * needed + 2 * Math.max(segment, largest);
    if (held > bound && !members) {
      simulation.violate("memory", `the log holds ${held} bytes, and the furthest behind needs ${needed}`);
    }
    if (held > segment + largest) simulation.marks.reach("log over one segment");
    if (held < this.#held && this.#removedInTick) simulation.marks.reach("log trimmed by a removal");
    this.#held = held;
  }

  // --- ends ---

  /** The core has closed a connection. */
  removed(socket: CheckedSocket, unread: number): void {
    const { model, now, batch, admission } = this.#simulation;
    if (socket.unauthenticated) return admission.unauthenticatedRemoved(socket);
    this.#removedInTick = true;
    this.#removals.set(socket.token, {
      socket,
      at: now,
      unread,
      behind: Math.min(model.end, socket.stream.until) - socket.stream.at,
      logBehind: model.end - socket.stream.at,
      holds: this.#holds,
      closing: this.#simulation.closing,
      broke: this.#inTick && socket.sawError && !this.#leaversBefore.has(socket.token),
      readable: ((batch.get(socket.token) ?? 0) & READABLE) !== 0,
    });
    if (!socket.stream.atBoundary) this.#simulation.marks.reach("cut inside a frame");
    if (this.#simulation.network.listenersWaiting > 0) this.#simulation.marks.reach("back-off ended by a leaver");
  }

  /** The mob told why. */
  left(token: Token, reason: string): void {
    const simulation = this.#simulation;
    const member = simulation.members.find((each) => each.token === token);
    if (member !== undefined) {
      member.inside = false;
      return;
    }
    const removal = this.#removals.get(token);
    this.#removals.delete(token);
    if (removal === undefined) {
      simulation.violate("ends", `${formatToken(token)} left for ${reason}, and is not gone or left before`);
      return;
    }
    const missing = causeIsMissing(simulation, removal, reason);
    if (missing !== undefined) {
      simulation.violate("ends", `${simulation.nameOf(removal.socket)} left for ${reason}: ${missing}`);
    }
  }

  /** Every end is told in the tick in which it happened, or in the next one that is due. */
  #checkRemovals(): void {
    if (this.#simulation.tickDue) return;
    for (const { socket } of this.#removals.values()) {
      this.#simulation.violate("ends", `${this.#simulation.nameOf(socket)} is gone, and it was not told why`);
    }
  }

  // --- the far end ---

  /** A client received something. */
  received(client: Client, bytes: Uint8Array): void {
    const { stream, number } = client;
    const wrong = stream === undefined ? "received before it was let in" : stream.receive(bytes);
    if (wrong !== undefined) this.#simulation.violate("stream", `client ${number}: ${wrong}`);
  }
}
