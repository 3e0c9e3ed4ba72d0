/**
 * The authorizer: the part of a simulated application that decides which connections may join, at once, later or never.
 *
 * @module
 */

import type { ConnectionInfo } from "../../src/server/hooks.ts";
import type { Answer } from "./application_settings.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";

/** A decision about one connection. */
export interface Authorization {
  /** What the application answered; `undefined`: nothing yet. */
  verdict: boolean | undefined;
  /** Whether the mob can know it. */
  known: boolean;
}

/** A promise that was returned to the mob. */
interface Promised {
  readonly authorization: Authorization;
  readonly socket: CheckedSocket | undefined;
  readonly never: boolean;
  readonly resolve: (answer: unknown) => void;
}

/** Decides, and checks that what it decides is done. */
export class Authorizer {
  readonly #simulation: Simulation;
  readonly #answers: readonly Answer[];
  readonly #promised: Promised[] = [];
  /** Decisions that the mob cannot know yet. */
  #undelivered: Authorization[] = [];

  /** Answers these in turn; none: it is not asked. */
  constructor(simulation: Simulation, answers: readonly Answer[]) {
    this.#simulation = simulation;
    this.#answers = answers;
  }

  /** Whether it is asked at all. */
  get isAsked(): boolean {
    return this.#answers.length > 0;
  }

  /** The mob asks about a connection. */
  ask({ token, remoteAddress }: ConnectionInfo): unknown {
    const simulation = this.#simulation;
    const socket = simulation.inside.get(token);
    const authorization: Authorization = { verdict: undefined, known: false };
    simulation.trace.note("authorize", token);
    if (socket === undefined) {
      // It has gone in the tick in which it came.
      if (!simulation.gone.includes(token)) {
        simulation.violate("unauthenticated", "authorize is asked about no connection");
      }
      simulation.marks.reach("asked about a connection that is gone");
    } else {
      const isDue = socket.unauthenticated && socket.proven && socket.authorization === undefined;
      if (!isDue) simulation.violate("unauthenticated", `authorize is asked about ${simulation.nameOf(socket)}`);
      if (remoteAddress !== socket.remoteAddress) {
        simulation.violate("unauthenticated", `authorize gets ${remoteAddress}`);
      }
      socket.authorization = authorization;
    }
    let failure: unknown;
    try {
      failure = simulation.hooks.called("authorize", token);
    } catch (error) {
      simulation.marks.reach("authorize failed");
      this.#decide(authorization, false);
      throw error;
    }
    if (failure !== undefined) {
      simulation.marks.reach("authorize failed");
      this.#decide(authorization, false);
      return failure;
    }
    return this.#answerAtOnce(socket, authorization);
  }

  #answerAtOnce(socket: CheckedSocket | undefined, authorization: Authorization): unknown {
    const { hooks, healing, marks } = this.#simulation;
    const number = socket?.client.number ?? 0;
    const answer = healing ? "yes" : this.#answers[number % this.#answers.length]!;
    if (answer === "later" || answer === "never") {
      return new Promise((resolve) => {
        this.#promised.push({ authorization, socket, never: answer === "never", resolve });
      });
    }
    const allowed = answer === "yes" || answer === "promised";
    this.#decide(authorization, allowed);
    if (answer === "throws" || answer === "nonsense") marks.reach("authorize failed");
    if (answer === "throws") hooks.fail("authorize");
    if (answer === "nonsense") {
      hooks.failures++;
      return 1;
    }
    return answer === "promised" ? Promise.resolve(allowed) : allowed;
  }

  /** A promise is kept: with yes, no, an error or nonsense. */
  answer(who: number, how: number): void {
    const open = this.#promised.filter(({ never }) => !never);
    const promised = open[who % Math.max(1, open.length)];
    if (promised !== undefined) this.#keep(promised, how);
  }

  /** All promises are kept. */
  answerAll(): void {
    for (const promised of [...this.#promised]) this.#keep(promised, (promised.socket?.client.number ?? 0) % 2 * 3);
  }

  #keep(promised: Promised, how: number): void {
    const { hooks, marks } = this.#simulation;
    const { authorization, socket, resolve } = promised;
    this.#promised.splice(this.#promised.indexOf(promised), 1);
    if (socket === undefined || socket.closed) marks.reach("answered about a connection that is gone");
    if (how > 3) {
      hooks.failures++;
      marks.reach("authorize failed");
    }
    this.#decide(authorization, how < 3);
    resolve(
      how < 3 ? true : how === 3 ? false : how === 4 ? Promise.reject(new Error("the simulated promise fails")) : 1,
    );
  }

  #decide(authorization: Authorization, verdict: boolean): void {
    authorization.verdict = verdict;
    this.#undelivered.push(authorization);
  }

  /** The mob lets an unauthenticated connection join. */
  joined(socket: CheckedSocket): void {
    const simulation = this.#simulation;
    if (!socket.proven || socket.authorization?.verdict !== true) {
      simulation.violate("unauthenticated", `${simulation.nameOf(socket)} joins, and authorize has not let it`);
    }
    simulation.marks.reach("authorized");
    socket.join();
    // What has come meanwhile is read now.
    socket.reported = true;
  }

  /** What is due by promises has happened. */
  settled(): void {
    for (const authorization of this.#undelivered.splice(0)) authorization.known = true;
  }
}
