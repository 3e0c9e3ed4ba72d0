/**
 * Stops: the process is stopped, as by SIGSTOP, and goes on later. No connection that was in time may be removed for time
 * in which the process did not run.
 *
 * @module
 */

import type { CheckedSocket } from "./checked_socket.ts";
import type { Client } from "./client.ts";
import type { Simulation } from "./simulation.ts";

/**
 * In milliseconds. A stop counts as no more than one beat of the clock, which may be a little late (`counts`). A stop that
 * ends right after a deadline looks like a late timer (`unseen`). Afterward the clock rests, and nothing is due (`rest`, at
 * the most). The memory adapter then reports what happened meanwhile (`untilNoticed`).
 */
const TIMES = { counts: 505, unseen: 10, rest: 1000, untilNoticed: 10 } as const;

/**
 * A process that is always late has deadlines, too: after so many rests, each within so many milliseconds of the one before,
 * the clock has none, and what was in time may be late. Milliseconds of the clock, of which rests have none.
 */
const RESTS = { most: 2, within: 500 } as const;

interface Stop {
  readonly from: number;
  readonly to: number;
}

/** The deadlines that a connection that does not leave can have. */
type DeadlineKind = "handshake" | "stall" | "frame" | "idle";

/** A deadline of a connection: since when it runs, how long, and whether what the client has sent or read would end it. */
interface RunningDeadline {
  readonly kind: DeadlineKind;
  readonly since: number;
  readonly timeout: number;
  readonly met: boolean;
}

/** The stops of one world. */
export class Stops {
  readonly #simulation: Simulation;
  readonly #stops: Stop[] = [];
  #isStopped = false;
  /** Clients that have read something while the process was stopped, and it has not looked since. */
  readonly #readers: Set<Client> = new Set();
  /** Whether the process has gone on and has not looked yet. */
  #looks = true;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** Whether there was one. */
  get any(): boolean {
    return this.#stops.length > 0;
  }

  /** The process stops for so long, and goes on: what is due by its timers runs before it looks at its sockets. */
  stop(milliseconds: number, act: () => void): void {
    const simulation = this.#simulation;
    const { network, marks } = simulation;
    const from = simulation.now;
    network.adapter.suspend();
    this.#isStopped = true;
    simulation.pass(milliseconds >> 1);
    act();
    simulation.clientsAct();
    simulation.pass(milliseconds - (milliseconds >> 1));
    this.#isStopped = false;
    this.#stops.push({ from, to: simulation.now });
    this.#looks = false;
    const saved = [...simulation.inside.values()].filter((socket) => this.#isInTimeButForTheStop(socket));
    network.adapter.resume();
    simulation.tick();
    simulation.pass(TIMES.untilNoticed);
    this.#looks = true;
    this.#readers.clear();
    simulation.deliverAll();
    simulation.tick();
    marks.reach("stopped");
    if (saved.some((socket) => !socket.closed)) marks.reach("in time but for a stop");
  }

  /** The clients that can act while the process is stopped so that it makes a difference. */
  candidates(reading: boolean): Client[] {
    const clients = this.#simulation.clients.filter((client) => client.speaks);
    return clients.filter(({ socket, outbox }) => reading ? socket.bufferedBytes > 0 : outbox.length > 0);
  }

  /** A client has read something. */
  received(client: Client): void {
    if (this.#isStopped) this.#readers.add(client);
  }

  /** Milliseconds of a stretch of time that count for a deadline, at the least. */
  awake(since: number, until: number): number {
    return this.#stops.reduce(
      (left, stop) => left - Math.max(0, overlap(stop, since, until) - TIMES.counts),
      until - since,
    );
  }

  /** Milliseconds of the time since then in which deadlines may have stood still. */
  excuse(since: number): number {
    const { now } = this.#simulation;
    const late = this.#stops.filter(({ to }) => to + TIMES.rest > since);
    return late.reduce((sum, stop) => sum + overlap(stop, since, now) + TIMES.rest, 0);
  }

  /** Why it was too early for a deadline that ran since then; `undefined`: it was not. */
  tooEarly(
    socket: CheckedSocket,
    kind: DeadlineKind,
    { since, timeout, at }: { readonly since: number; readonly timeout: number; readonly at: number },
  ): string | undefined {
    const waited = this.awake(since, at);
    if (waited < timeout) return `only ${waited} of ${timeout} ms had passed`;
    if (!this.#isInTimeButForTheStop(socket, kind)) return undefined;
    return "what happened while the process was stopped was not looked at";
  }

  #isInTimeButForTheStop(socket: CheckedSocket, only?: DeadlineKind): boolean {
    const stop = this.#stops.at(-1);
    if (this.#looks || stop === undefined || this.#isRestless) return false;
    return this.#deadlinesOf(socket).some(({ kind, since, timeout, met }) =>
      (only === undefined || kind === only) && met && timeout > 0 &&
      this.awake(since, stop.from) < timeout && stop.to - since > timeout + TIMES.unseen
    );
  }

  /** Whether the last stop came so soon after others that the clock may have had no rest. */
  get #isRestless(): boolean {
    let rests = 0;
    for (let index = this.#stops.length - 1; index > 0; index--) {
      // The rest after a long stop may end later than that after a short one behind it.
      const rested = Math.max(...this.#stops.slice(0, index).map(restUntil));
      if (this.#stops[index]!.from - rested >= RESTS.within) break;
      rests++;
    }
    return rests >= RESTS.most;
  }

  #deadlinesOf(socket: CheckedSocket): RunningDeadline[] {
    const { options, admission, application } = this.#simulation;
    const { client, stream, unauthenticated } = socket;
    const { author, sent } = client;
    const hasRead = this.#readers.has(client);
    const hasSent = sent > socket.bytesRead && socket.drained;
    if (socket.web?.refused !== undefined) return [];
    if (unauthenticated) {
      // While the process is stopped, the application answers nothing.
      const met = client.sane && hasSent && sent >= client.provenAt && application?.authorizer.isAsked !== true;
      return [{ kind: "handshake", since: socket.since, timeout: admission.patience, met }];
    }
    const deadlines: RunningDeadline[] = [];
    if (socket.blocked && socket.waitingSince !== undefined) {
      deadlines.push({ kind: "stall", since: socket.waitingSince, timeout: options.stallTimeout, met: hasRead });
    }
    if (stream.ended !== undefined) return deadlines;
    const whole = author.wholeWithin(Math.min(sent, author.poisonedAt));
    if (!socket.atBoundary) {
      deadlines.push({
        kind: "frame",
        since: socket.frameSince,
        timeout: options.frameTimeout,
        met: hasSent && whole > author.published,
      });
    }
    deadlines.push({ kind: "idle", since: socket.lastActivity, timeout: options.idleTimeout, met: hasSent });
    return deadlines;
  }
}

/** When the rest after a stop ends, at the latest. */
function restUntil({ from, to }: Stop): number {
  return to + Math.min(TIMES.rest, Math.max(50, to - from + TIMES.untilNoticed));
}

/** Milliseconds of a stop that lie in a stretch of time. */
function overlap({ from, to }: Stop, since: number, until: number): number {
  return Math.max(0, Math.min(to, until) - Math.max(from, since));
}
