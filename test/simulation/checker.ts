/**
 * The judge: what must hold after every tick, and whether each end has a cause.
 *
 * @module
 */

import { ERROR, HUP, READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { segmentSizeFor } from "../../src/broadcast/log.ts";
import type { ConnectionStats, FeedStats, MobStats } from "../../src/status/stats.ts";
import { formatToken, type Token } from "../../src/contract/token.ts";
import { brokenInvariants } from "../helpers/invariants.ts";
import type { Client } from "./client.ts";
import { checkCounters } from "./counters.ts";
import { checkInvariants } from "./invariants.ts";
import { causeIsMissing, type Removal, whyItLeaves } from "./close_reasons.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";
import { checkMetrics, checkStatus } from "./status.ts";

/** Totals take a quarter of a run when they are looked at in every tick, and they do not heal by themselves. */
const STATS_EVERY = 4;

/** Metrics are made of what was looked at. */
const METRICS_EVERY = 64;

/** Bytes of the largest message with several frames. */
const LARGEST_BATCH = 65_539;

/** Judges one world. */
export class Checker {
  readonly #simulation: Simulation;
  /** Removed connections whose reason was not reported yet. */
  readonly #removals: Map<Token, Removal> = new Map();
  /** Connections that began to leave in this tick. */
  #leaversBefore: Set<Token> = new Set();
  #holds = false;
  /** A connection that was over maxLag behind after the last tick, under `block`: no other is read from. */
  #blocker: CheckedSocket | undefined;
  /** Bytes that the log of each framing held after the last tick. */
  readonly #held: Map<string, number> = new Map();
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
      socket.shortInTick = socket.resumes = false;
      socket.writesInTick = 0;
      if (socket.web !== undefined) socket.web.wroteInTick = false;
      socket.before = { ...socket.stream.given };
      if (socket.stream.until !== Infinity) this.#leaversBefore.add(token);
    }
  }

  /** Without new frames no connection is written to unless an event of this tick is for it. */
  writing(socket: CheckedSocket): void {
    const simulation = this.#simulation;
    const named = ((simulation.batch.get(socket.token) ?? 0) & (WRITABLE | HUP | ERROR)) !== 0;
    const leaves = socket.stream.until !== Infinity && !this.#leaversBefore.has(socket.token);
    if (simulation.observer.newFrameBytes > 0 || named || leaves || simulation.closing || socket.web?.isPending) return;
    // It joined since the last tick, and what was published before is replayed to it.
    if (socket.stream.isUnserved) return;
    simulation.violate(
      "work",
      `${simulation.nameOf(socket)} is written to, and there is neither a new frame nor an event`,
    );
  }

  /**
   * Under block nothing is read, but for what is over, nor published by the application (`undefined`), while one connection
   * is over maxLag behind, in any framing.
   */
  reading(socket: CheckedSocket | undefined): void {
    const { slowConsumer, echo, maxLag } = this.#simulation.options;
    if (slowConsumer !== "block" || echo === "others" || this.#blocker === undefined || this.#blocker.closed) return;
    // This tick has written to it, and a hook publishes behind that.
    if (this.#blocker.stream.behind <= maxLag) return;
    const { nameOf } = this.#simulation;
    const source = socket === undefined ? "the application" : nameOf(socket);
    this.#simulation.violate(
      "limits",
      `${source} is read from, and ${nameOf(this.#blocker)} is ${this.#blocker.lag} bytes behind`,
    );
  }

  /** A tick has ended. */
  afterTick(): void {
    this.#inTick = false;
    const simulation = this.#simulation;
    const { mob } = simulation;
    if (simulation.observer.walks > 0 && !simulation.closing) {
      simulation.violate("work", "the tick walked over all connections");
    }
    const rows = mob.connections();
    const { application } = simulation;
    // What a hook published at the end of the tick is written in the next.
    const written = (application?.unflushed ?? 0) === 0;
    this.#holds = simulation.options.slowConsumer === "block" && rows.some((row) => this.#isFarBehind(row));
    this.#blocker = undefined;
    const needed = new Map<string, number>();
    const blocked = new Set<string>();
    for (const row of rows) {
      const socket = simulation.inside.get(row.token);
      if (socket === undefined) continue;
      if (socket.unauthenticated) {
        simulation.violate("unauthenticated", `${simulation.nameOf(socket)}, an unauthenticated connection, is listed`);
      }
      // A closing mob lets all connections leave after the events of this tick were handled.
      if (simulation.drains && socket.web === undefined) {
        socket.stream.endWithAll(row.delivered.bytes + row.skipped.bytes + row.lag.bytes);
      }
      checkCounters(simulation, socket, row);
      this.#checkWork(socket);
      if (socket.writesInTick > 0) socket.stream.isUnserved = false;
      const wasLeaving = this.#leaversBefore.has(row.token);
      if (written) checkInvariants(simulation, socket, row, { holds: this.#holds, wasLeaving });
      socket.lag = row.lag.bytes;
      if (written) simulation.watcher?.sees(socket, row.lag.bytes);
      const { gap, at, image } = socket.stream;
      const { name } = image.framing;
      if (row.lag.bytes > 0) needed.set(name, Math.max(needed.get(name) ?? 0, image.end - (gap?.to ?? at)));
      if (row.lag.bytes > 0 && socket.blocked) {
        blocked.add(name);
        if (written && socket.stream.behind > simulation.options.maxLag) this.#blocker = socket;
      }
    }
    if (blocked.size > 1) simulation.marks.reach("blocked in two feeds");
    application?.afterTick(this.#holds);
    const broken = written ? brokenInvariants() : undefined;
    if (broken !== undefined) simulation.violate("invariants", broken);
    simulation.admission.checkUnauthenticated();
    this.#checkPopulation(rows);
    if (this.#ticks++ % STATS_EVERY === 0) this.#checkTotals(needed, rows);
    this.#checkRemovals();
    if (simulation.inside.size === 0 && this.#leaversBefore.size > 3) {
      simulation.marks.reach("all left in one batch");
    }
  }

  /** Under block it keeps all others from being read: what it leaves in the log counts, pending for it or not. */
  #isFarBehind({ token, lag }: ConnectionStats): boolean {
    const { inside, options } = this.#simulation;
    return lag.bytes > 0 && (inside.get(token)?.stream.behind ?? lag.bytes) > options.maxLag / 2;
  }

  /** One write a tick, but for the boundaries of segments and a half-given frame. Frames of its own divide it, too. */
  #checkWork(socket: CheckedSocket): void {
    const { options } = this.#simulation;
    if (options.echo === "others") return;
    const frames = socket.stream.given.frames - socket.before.frames;
    const bytes = socket.stream.given.bytes - socket.before.bytes;
    // Control frames come behind the rest of a frame.
    const most = (socket.web?.wroteInTick ? 3 : 2) + Math.min(frames + 1, 2 * Math.ceil(bytes / this.#segment));
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
  #checkTotals(needed: ReadonlyMap<string, number>, rows: readonly ConnectionStats[]): void {
    const simulation = this.#simulation;
    const stats = simulation.mob.stats();
    const { published, feeds, receiveBytes, unauthenticated } = stats;
    const { bytes, frames } = simulation.model;
    if (published.bytes !== bytes || published.frames !== frames) {
      simulation.violate("accounts", `published is ${JSON.stringify(published)}, not ${bytes} bytes`);
    }
    const listed = rows.reduce((sum, row) => sum + row.receiveBytes, 0);
    if (receiveBytes > simulation.options.maxReceiveMemory) {
      simulation.violate("memory", `receive buffers hold ${receiveBytes} bytes, which is over the limit`);
    }
    if (unauthenticated === 0 ? receiveBytes !== listed : receiveBytes < listed) {
      simulation.violate("memory", `receive buffers hold ${receiveBytes} bytes, and ${listed} are listed`);
    }
    simulation.admission.checkCounts(stats);
    checkStatus(simulation, stats, rows, this.#ticks);
    if (this.#ticks % METRICS_EVERY === 1) checkMetrics(simulation);
    this.checkApplication(stats);
    for (const feed of feeds) {
      this.#checkFeed(feed);
      // What was removed after the tick's end is let go of in the next one.
      if (!simulation.tickDue) {
        this.#checkMemory(feed, Math.max(needed.get(feed.framing) ?? 0, simulation.options.history));
      }
    }
  }

  /** What the mob counts of the application. */
  checkApplication(stats: MobStats): void {
    const { application, hooks: { failures, failuresKnown } } = this.#simulation;
    application?.check(stats);
    // Those of promises are known a little later.
    if (stats.hookFailures >= failuresKnown && stats.hookFailures <= failures) return;
    this.#simulation.violate("accounts", `hookFailures is ${stats.hookFailures}, not ${failuresKnown} to ${failures}`);
  }

  /** What one feed counts: it takes part in the order while it has connections. */
  #checkFeed({ framing, published }: FeedStats): void {
    const simulation = this.#simulation;
    // When exactly a member has gone, only the mob knows.
    if (framing === simulation.options.framing && simulation.members.length > 0) return;
    // A WebSocket listener has connections of u64 until their handshakes are over.
    const due = simulation.model.image(framing)?.published ?? { bytes: 0, frames: 0 };
    if (published.bytes === due.bytes && published.frames === due.frames) return;
    simulation.violate("accounts", `${framing}: published is ${JSON.stringify(published)}, not ${JSON.stringify(due)}`);
  }

  /** The log holds no more than the furthest behind needs: up to twice, when frames fill half of a segment each. */
  #checkMemory({ framing, logBytes: held }: FeedStats, needed: number): void {
    const simulation = this.#simulation;
    const segment = this.#segment;
    const isPacked = framing === "mobcast.u64";
    const largest = Math.max(14 + simulation.options.maxFrame + 1, isPacked ? LARGEST_BATCH : 0);
    const members = simulation.members.some((member) => member.inside);
    const bound = 2 * needed + 2 * Math.max(segment, largest) + (isPacked ? LARGEST_BATCH : 0);
    if (held > bound && !members) {
      simulation.violate(
        "memory",
        `the log in ${framing} holds ${held} bytes, and the furthest behind needs ${needed}`,
      );
    }
    if (held > segment + largest) simulation.marks.reach("log over one segment");
    if (held < (this.#held.get(framing) ?? 0) && this.#removedInTick) {
      simulation.marks.reach("log trimmed by a removal");
    }
    this.#held.set(framing, held);
  }

  // --- ends ---

  /** The core has closed a connection. */
  removed(socket: CheckedSocket, unread: number): void {
    const { admission } = this.#simulation;
    if (socket.unauthenticated) return admission.unauthenticatedRemoved(socket);
    const isOut = this.#simulation.application?.asked.has(socket.token) && socket.web?.leaving === undefined;
    if (isOut) this.#simulation.application!.disconnected(socket);
    this.#removedInTick = true;
    this.#removals.set(socket.token, this.#removalOf(socket, unread));
    if (!socket.stream.atBoundary) this.#simulation.marks.reach("cut inside a frame");
    if (this.#simulation.network.listenersWaiting > 0) this.#simulation.marks.reach("back-off ended by a departure");
  }

  #removalOf(socket: CheckedSocket, unread: number): Removal {
    const { now, batch } = this.#simulation;
    return {
      socket,
      at: now,
      unread,
      behind: Math.min(socket.stream.image.end, socket.stream.until) - socket.stream.at,
      logBehind: socket.stream.behind,
      holds: this.#holds,
      closing: this.#simulation.closing,
      broke: this.#inTick && socket.sawError && !this.#leaversBefore.has(socket.token),
      readable: ((batch.get(socket.token) ?? 0) & READABLE) !== 0,
    };
  }

  /** A WebSocket connection begins to leave. */
  leaving(socket: CheckedSocket, reason: string): void {
    const missing = whyItLeaves(this.#simulation, this.#removalOf(socket, 0), reason);
    if (missing === undefined) return;
    this.#simulation.violate("ends", `${this.#simulation.nameOf(socket)} leaves for ${reason}: ${missing}`);
  }

  /** The mob reported a close reason. */
  left(token: Token, reason: string, detail: string | undefined): void {
    const simulation = this.#simulation;
    const asked = simulation.application?.asked;
    const text = reason === "disconnected" ? asked?.get(token) : undefined;
    // Without a text of the application, the mob says what the bytes of a client without a whole frame look like.
    const isGuess = text === undefined && detail?.startsWith("looks like ") &&
      !this.#removals.get(token)?.socket.client.author.published;
    // Which rule a WebSocket client has broken, its decoder says.
    const isRule = this.#removals.get(token)?.socket.client.web?.offence?.reason === reason && detail !== undefined;
    if (detail !== text && !isGuess && !isRule) {
      simulation.violate("ends", `${formatToken(token)} left with the text ${detail}, not ${text}`);
    }
    const member = simulation.members.find((each) => each.token === token);
    if (member !== undefined) {
      member.inside = false;
      if (reason !== "disconnected") return;
      if (!asked?.has(token)) simulation.violate("ends", "a member is disconnected, and the application has not asked");
      return simulation.marks.reach("member disconnected");
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

  /** Every end is reported in the tick in which it happened, or in the next one that is due. */
  #checkRemovals(): void {
    if (this.#simulation.tickDue) return;
    for (const { socket } of this.#removals.values()) {
      this.#simulation.violate("ends", `${this.#simulation.nameOf(socket)} is gone, and no reason was reported`);
    }
  }

  // --- the far end ---

  /** A client received something. */
  received(client: Client, bytes: Uint8Array): void {
    const { stream, number, side, reader } = client;
    reader?.read(bytes);
    const wrong = reader?.wrong ??
      (stream === undefined ? "received before it was let in" : (side ?? stream).receive(bytes));
    if (wrong !== undefined) this.#simulation.violate("stream", `client ${number}: ${wrong}`);
  }
}
