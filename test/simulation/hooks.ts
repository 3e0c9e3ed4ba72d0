/**
 * Hooks: what the application of a simulated mob does when it is called. Mostly nothing; sometimes it calls back into the
 * mob, or throws.
 *
 * @module
 */

import type { MobHooks } from "../../src/server/hooks.ts";
import type { Token } from "../../src/contract/token.ts";
import type { HookName } from "./application.ts";
import type { Simulation } from "./simulation.ts";

/** The hooks of one world. */
export class Hooks {
  /** What the next hook does, by its number; -1: it only listens. */
  next = -1;
  /** Hooks that have failed. */
  failures = 0;
  /** How many of them the mob must know. */
  failuresKnown = 0;
  /** Whether a hook is being called. */
  isCalling = false;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** The hooks as a mob takes them. */
  get forMob(): MobHooks {
    return {
      onJoin: ({ token }) => {
        this.#simulation.watcher?.joined(token);
        return this.called("onJoin", token);
      },
      onLeave: ({ token, reason, detail }) => {
        this.#simulation.watcher?.left(token, reason, detail);
        this.#simulation.left(token, reason, detail);
        return this.called("onLeave", token);
      },
      ...this.#simulation.application?.hooks,
    };
  }

  /** A hook is called, for a connection. What it returns is a failure. */
  called(name: HookName, token: Token): unknown {
    const simulation = this.#simulation;
    const { application } = simulation;
    const way = this.next;
    this.next = -1;
    if (way === -1 && application?.command === undefined) return undefined;
    const { cutting, observer } = simulation;
    const { walks, lookups } = observer;
    simulation.cutting = false;
    this.isCalling = true;
    try {
      if (way !== -1) simulation.marks.reach("hook called back");
      if (way !== -1) this.#act(way, name);
      return application?.commanded(name, token);
    } finally {
      this.isCalling = false;
      // What a hook asks for is not the tick's work.
      [observer.walks, observer.lookups, simulation.cutting] = [walks, lookups, cutting];
    }
  }

  /** A hook throws. */
  fail(name: HookName): never {
    this.failures++;
    this.#simulation.marks.reach("hook threw");
    throw new Error(`the simulated ${name} throws`);
  }

  #act(way: number, name: HookName): void {
    const simulation = this.#simulation;
    const { clients, marks, mob } = simulation;
    switch (way) {
      case 0:
        mob.stats();
        return void mob.connections();
      case 1:
        simulation.connect(true);
        return marks.reach("joined from a hook");
      case 2:
        return clients[clients.length - 1]?.reset();
      case 3:
        return clients.forEach((client) => client.finish());
      case 4:
        simulation.join();
        return marks.reach("joined from a hook");
      case 5:
        // The rarest: once in a world is enough.
        if (simulation.now % 3 !== 0) return;
        marks.reach("closed from a hook");
        return simulation.close(0);
      default:
        return this.fail(name);
    }
  }
}
