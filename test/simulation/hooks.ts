/**
 * Hooks: what the application of a simulated mob does when connections join and leave. Mostly nothing; sometimes it calls
 * back into the mob, or throws.
 *
 * @module
 */

import type { MobHooks } from "../../src/server/hooks.ts";
import type { Simulation } from "./simulation.ts";

/** The hooks of one world. */
export class Hooks {
  /** What the next hook does, by its number; -1: it only listens. */
  next = -1;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** The hooks as a mob takes them. */
  get forMob(): MobHooks {
    return {
      onJoin: () => this.#meddle(),
      onLeave: ({ token, reason }) => {
        this.#simulation.left(token, reason);
        this.#meddle();
      },
    };
  }

  #meddle(): void {
    const simulation = this.#simulation;
    const way = this.next;
    this.next = -1;
    if (way === -1) return;
    simulation.marks.reach("hook called back");
    const [walks, lookups, cutting] = [simulation.walks, simulation.lookups, simulation.cutting];
    simulation.cutting = false;
    try {
      this.#act(way);
    } finally {
      // What a hook asks for is not the tick's work.
      [simulation.walks, simulation.lookups, simulation.cutting] = [walks, lookups, cutting];
    }
  }

  #act(way: number): void {
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
        marks.reach("hook threw");
        throw new Error("the simulated hook throws");
    }
  }
}
