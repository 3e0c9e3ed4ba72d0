/**
 * The network: the memory adapter, but for turns and events, which wait until the choices bring them about.
 *
 * @module
 */

import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory.ts";
import { READABLE, type Readiness, type Registry } from "../../src/adapter.ts";
import { parseAddress } from "../../src/address.ts";
import type { PipeEnd } from "../../src/pipe.ts";
import { type Token, tokenOf } from "../../src/token.ts";
import type { Client } from "./client.ts";
import { Stream } from "./model.ts";
import { Observed } from "./observed.ts";
import type { Simulation } from "./simulation.ts";

/** The URL of the door. */
export const DOOR = "tcp://127.0.0.1:1";

/** Milliseconds: what a door waits at most after an accept that failed. */
const LONGEST_BACK_OFF = 1000;

/** The port of the first client of a memory adapter. */
const FIRST_PORT = 50_000;

/** An event that waits to be delivered. */
interface Waiting {
  readonly socket: Observed;
  readonly readiness: Readiness;
}

/** The network of one world. */
export class Network {
  /** What the mob is given. */
  readonly adapter: MemoryAdapter;
  /** Events that were not delivered yet. */
  readonly waiting: Waiting[] = [];
  /** How the next accepts fail, the first first. */
  readonly acceptErrors: Error[] = [];
  /** Accepts that were tried. */
  tries = 0;
  /** How many had been when a connection left while a door waited; -1: none did. */
  triesAtLeave = -1;
  /** Doors at which an accept failed and was not tried again. */
  doorsWaiting = 0;
  /** How many accepts failed. */
  failedAccepts = 0;

  readonly #simulation: Simulation;
  #registry!: Registry;
  #deferred: (() => void)[] = [];
  #backsOff = false;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.adapter = this.#makeAdapter();
  }

  /** Whether a turn is due. */
  get turnDue(): boolean {
    return this.#deferred.length > 0;
  }

  /** The turns that are due. */
  takeTurns(): (() => void)[] {
    const turns = this.#deferred;
    this.#deferred = [];
    return turns;
  }

  /** Tells the core of an event. */
  ready(token: Token, readiness: Readiness): void {
    this.#registry.ready(token, readiness);
  }

  /** A client knocks at the door. A door that is closed already refuses. */
  connect(client: Client): Client {
    const registry: Registry = {
      accept: (socket) => {
        client.socket = socket as PipeEnd;
        this.#simulation.clients.push(client);
        return tokenOf(0, 1);
      },
      ready: () => {},
      acceptFailed: () => Promise.resolve(),
    };
    void this.adapter.connect(parseAddress(DOOR), registry).catch(() => {});
    return client;
  }

  /** The memory adapter, but for turns and events: those wait until the choices bring them about. */
  #makeAdapter(): MemoryAdapter {
    const { shapes } = this.#simulation.settings;
    const memory = memoryAdapter({
      manual: true,
      capacity: this.#simulation.settings.capacity,
      faults: {
        take: (offered) => offered - this.#simulation.cut(offered),
        give: (held) => Math.max(1, held - this.#simulation.cut(held)),
        accept: () => this.#acceptFails(),
        reset: () => shapes.reset,
        swallow: () => shapes.swallow,
        lateHup: () => shapes.lateHup,
        hush: () => shapes.hush,
        merge: () => shapes.merge,
      },
    });
    return Object.assign(Object.create(memory) as MemoryAdapter, {
      listen: (address: Parameters<MemoryAdapter["listen"]>[0], registry: Registry) =>
        memory.listen(address, this.#watch(registry)),
      defer: (turn: () => void) => void this.#deferred.push(turn),
      after: (milliseconds: number, run: () => void) => {
        if (this.#backsOff && milliseconds === LONGEST_BACK_OFF) this.#simulation.marks.reach("longest back-off");
        return memory.after(Math.max(0, milliseconds + this.#simulation.settings.timerSlack), run);
      },
    });
  }

  #acceptFails(): Error | undefined {
    this.tries++;
    const error = this.acceptErrors.shift();
    if (error !== undefined) {
      this.failedAccepts++;
      this.#simulation.trace.note("acceptFailed");
    }
    return error;
  }

  /** What the door calls, and through it the core. */
  #watch(registry: Registry): Registry {
    this.#registry = registry;
    return {
      accept: (socket) => this.#accept(socket as PipeEnd),
      ready: (token, readiness) => this.#happened(this.#simulation.inside.get(token), readiness),
      acceptFailed: (error) => this.#backOff(registry, error),
    };
  }

  /** The door asks when it may try again. */
  async #backOff(registry: Registry, error: Error): Promise<void> {
    this.#backsOff = true;
    const over = registry.acceptFailed(error);
    this.#backsOff = false;
    this.doorsWaiting++;
    await over;
    this.doorsWaiting--;
  }

  #accept(socket: PipeEnd): Token | undefined {
    // The memory adapter numbers the far ends in the order in which they knock.
    const client = this.#simulation.clients[Number(socket.peer.split(":").pop()) - FIRST_PORT]!;
    const stream = new Stream(this.#simulation.model, client.author, this.#simulation.options.echo);
    const observed = new Observed(this.#simulation, socket, client, stream);
    const due = this.#simulation.judge.hasRoom();
    const token = this.#registry.accept(observed);
    this.#simulation.events++;
    this.#simulation.judge.accepted(observed, token, due);
    if (token === undefined) {
      this.#simulation.refused++;
      this.#simulation.trace.note("refuse", client.number);
      return undefined;
    }
    observed.token = token;
    client.stream = stream;
    this.#simulation.inside.set(token, observed);
    this.#simulation.trace.note("accept", token, client.number);
    return token;
  }

  /** A socket became ready. With strict edges it is not told again of bytes before the last ones were read. */
  #happened(socket: Observed | undefined, readiness: Readiness): void {
    if (socket === undefined) return;
    let told = readiness;
    if (this.#simulation.settings.strictEdges && !socket.drained) told &= ~READABLE;
    if ((told & READABLE) !== 0) socket.drained = false;
    if (told !== 0) this.waiting.push({ socket, readiness: told });
  }
}
