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

/** The name of a socket that the core has not been given. */
const NO_TOKEN = tokenOf(0, 3_000_000);

/** What far ends, and sockets whose handshake is under way, call: nobody. */
const SILENT: Registry = { accept: () => NO_TOKEN, ready: () => {}, acceptFailed: () => Promise.resolve() };

/** An event that waits to be delivered. */
interface Waiting {
  readonly socket: Observed;
  readonly readiness: Readiness;
}

/** A handshake that is under way. */
interface Handshake {
  readonly client: Client;
  readonly inner: PipeEnd;
  told: Readiness;
}

/** The network of one world. */
export class Network {
  /** What the mob is given. */
  readonly adapter: MemoryAdapter;
  /** Events that were not delivered yet. */
  readonly waiting: Waiting[] = [];
  /** How the next accepts fail, the first first. */
  readonly acceptErrors: Error[] = [];
  /** Those whose handshake is under way, and what was told of their sockets meanwhile. */
  readonly handshakes: Map<Client, Handshake> = new Map();
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
  /** What the door calls. */
  #door: Registry | undefined;
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
      ...SILENT,
      accept: (socket) => {
        client.socket = socket as PipeEnd;
        this.#simulation.clients.push(client);
        return tokenOf(0, 1);
      },
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
    return this.#door = {
      accept: (socket) => this.#accept(socket as PipeEnd),
      ready: (token, readiness) => this.#happened(this.#simulation.inside.get(token), readiness),
      knock: (peer) => registry.knock!(peer),
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
    return client.shakesHands ? this.#knock(client, socket) : this.#enter(client, socket);
  }

  /** It begins a handshake, if it may. Until that is over, its socket has a token that the core does not know. */
  #knock(client: Client, inner: PipeEnd): Token | undefined {
    const { newcomers, trace } = this.#simulation;
    const due = newcomers.mayKnock(client.home);
    const may = this.#registry.knock!(client.home.peer(client.number));
    newcomers.answered(client, may, due);
    if (!may) {
      trace.note("refuse", client.number);
      return undefined;
    }
    trace.note("handshake", client.number);
    const handshake: Handshake = { client, inner, told: 0 };
    this.handshakes.set(client, handshake);
    // Whatever happens now is the adapter's business; the core is told when it has the socket.
    inner.attach({ ...SILENT, ready: (_, readiness) => void (handshake.told |= readiness) }, NO_TOKEN);
    return NO_TOKEN;
  }

  /** A handshake is over: well, if it can be, or not. */
  endHandshake(client: Client, well: boolean): void {
    const { inner, told } = this.handshakes.get(client)!;
    const { marks, trace } = this.#simulation;
    this.handshakes.delete(client);
    trace.note("handshake", client.number, well ? 1 : 0);
    if (!well || client.broken) {
      marks.reach("handshake failed");
      this.#simulation.newcomers.ended["handshake-failed"]++;
      this.#registry.handshakeFailed!(client.home.peer(client.number), new Error("the simulated handshake fails"));
      inner.close();
      return;
    }
    marks.reach("handshake done");
    const token = this.#enter(client, inner);
    if (token === undefined) {
      inner.shutdown();
      inner.close();
      return;
    }
    inner.attach(this.#door!, token);
    // A final event is told once, and that was while nobody listened.
    this.#happened(this.#simulation.inside.get(token), told);
  }

  #enter(client: Client, socket: PipeEnd): Token | undefined {
    const stream = new Stream(this.#simulation.model, client.author, this.#simulation.options.echo);
    const observed = new Observed(this.#simulation, socket, client, stream);
    const due = this.#simulation.newcomers.hasRoom(client.home);
    const token = this.#registry.accept(observed);
    this.#simulation.events++;
    this.#simulation.newcomers.answered(client, token !== undefined, due);
    if (token === undefined) {
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
