/**
 * The network: the memory adapter, but for ticks and events, which wait until the choices bring them about.
 *
 * @module
 */

import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory.ts";
import { READABLE, type Readiness, type Registry } from "../../src/contract/adapter.ts";
import { parseAddress } from "../../src/contract/address.ts";
import type { PairedSocket } from "../../src/contract/socket_pair.ts";
import { type Token, tokenOf } from "../../src/contract/token.ts";
import { ACCEPT_ERRORS } from "./actions.ts";
import type { Client } from "./client.ts";
import { urlOf } from "./listeners.ts";
import { Stream } from "./model.ts";
import { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";

/** Milliseconds: what a listener waits at most after an accept that failed. */
const LONGEST_BACK_OFF = 1000;

/** The port of the first client of a memory adapter. */
const FIRST_PORT = 50_000;

/** The name of a socket that the core has not been given. */
const NO_TOKEN = tokenOf(0, 3_000_000);

/** The registry of far ends, and of sockets in their handshake: it does nothing. */
const SILENT: Registry = { accept: () => NO_TOKEN, ready: () => {}, acceptFailed: () => Promise.resolve() };

/** An event that waits to be delivered. */
interface Waiting {
  readonly socket: CheckedSocket;
  readonly readiness: Readiness;
}

/** A handshake that is under way. */
interface Handshake {
  readonly client: Client;
  readonly inner: PairedSocket;
  reported: Readiness;
}

/** The network of one world. */
export class Network {
  /** What the mob is given. */
  readonly adapter: MemoryAdapter;
  /** Events that were not delivered yet. */
  readonly waiting: Waiting[] = [];
  /** How the next accepts fail, the first first. */
  readonly acceptErrors: Error[] = [];
  /** Clients in their handshake, and what was reported for their sockets meanwhile. */
  readonly handshakes: Map<Client, Handshake> = new Map();
  /** Accepts that were tried. */
  tries = 0;
  /** How many had been when a connection left while a listener waited; -1: none did. */
  triesAtLeave = -1;
  /** Listeners at which an accept failed and was not tried again. */
  listenersWaiting = 0;
  /** How many accepts failed. */
  failedAccepts = 0;

  readonly #simulation: Simulation;
  /** What the core gave each listener. */
  readonly #registries: Registry[] = [];
  /** What each listener calls. */
  readonly #listeners: Registry[] = [];
  #deferred: (() => void)[] = [];
  #backsOff = false;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.adapter = this.#makeAdapter();
  }

  /** Whether a tick is due. */
  get tickDue(): boolean {
    return this.#deferred.length > 0;
  }

  /** The ticks that are due. */
  takeTicks(): (() => void)[] {
    const ticks = this.#deferred;
    this.#deferred = [];
    return ticks;
  }

  /** Reports an event to the core. */
  ready(token: Token, readiness: Readiness): void {
    this.#registries[0]!.ready(token, readiness);
  }

  /** A client connects to the listener. A listener that is closed already refuses. */
  connect(client: Client): Client {
    const registry: Registry = {
      ...SILENT,
      accept: (socket) => {
        client.socket = socket as PairedSocket;
        this.#simulation.clients.push(client);
        return tokenOf(0, 1);
      },
    };
    void this.adapter.connect(parseAddress(urlOf(client.listener.index)), registry).catch(() => {});
    return client;
  }

  /** The memory adapter, but for ticks and events: those wait until the choices bring them about. */
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
      defer: (tick: () => void) => void this.#deferred.push(tick),
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

  /** What the listener calls, and through it the core. */
  #watch(registry: Registry): Registry {
    this.#registries.push(registry);
    const listener: Registry = {
      accept: (socket) => this.#accept(socket as PairedSocket),
      ready: (token, readiness) => this.#happened(this.#simulation.inside.get(token), readiness),
      handshakeStarted: (client) => registry.handshakeStarted!(client),
      acceptFailed: (error) => this.#backoff(registry, error),
    };
    this.#listeners.push(listener);
    return listener;
  }

  /** The listener asks when it may try again. */
  async #backoff(registry: Registry, error: Error): Promise<void> {
    this.#backsOff = true;
    const over = registry.acceptFailed(error);
    this.#backsOff = false;
    // Without the incoming connection there may be none to accept.
    const waits = ACCEPT_ERRORS.indexOf((error as { code?: string }).code ?? "") >= 3;
    if (waits) this.listenersWaiting++;
    await over;
    if (waits) this.listenersWaiting--;
  }

  #accept(socket: PairedSocket): Token | undefined {
    // The memory adapter numbers the far ends in the order in which they connect.
    const client = this.#simulation.clients[Number(socket.remoteAddress.split(":").pop()) - FIRST_PORT]!;
    return client.shakesHands ? this.#startHandshake(client, socket) : this.#enter(client, socket);
  }

  /** It begins a handshake, if it may. Until that is over, its socket has a token that the core does not know. */
  #startHandshake(client: Client, inner: PairedSocket): Token | undefined {
    const { admission, trace } = this.#simulation;
    const due = admission.mayKnock(client);
    const may = this.#registries[client.listener.index]!.handshakeStarted!(client.home.client(client.number));
    admission.answered(client, may, due);
    if (!may) {
      trace.note("refuse", client.number);
      return undefined;
    }
    trace.note("handshake", client.number);
    const handshake: Handshake = { client, inner, reported: 0 };
    this.handshakes.set(client, handshake);
    // Events before that concern the adapter only; the core gets them when it has the socket.
    inner.attach({ ...SILENT, ready: (_, readiness) => void (handshake.reported |= readiness) }, NO_TOKEN);
    return NO_TOKEN;
  }

  /** A handshake is over: well, if it can be, or not. */
  endHandshake(client: Client, well: boolean): void {
    const { inner, reported } = this.handshakes.get(client)!;
    const { marks, trace } = this.#simulation;
    this.handshakes.delete(client);
    trace.note("handshake", client.number, well ? 1 : 0);
    if (!well || client.broken) {
      marks.reach("handshake failed");
      this.#simulation.admission.ended["handshake-failed"]++;
      this.#registries[client.listener.index]!.handshakeFailed!(
        client.home.client(client.number),
        new Error("the simulated handshake fails"),
      );
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
    inner.attach(this.#listeners[client.listener.index]!, token);
    // A final event is reported once, and that was before the core had the socket.
    this.#happened(this.#simulation.inside.get(token), reported);
  }

  #enter(client: Client, socket: PairedSocket): Token | undefined {
    const { model, options } = this.#simulation;
    const stream = new Stream(model.image(client.author.framing.name), client.author, options.echo, options.history);
    const observed = new CheckedSocket(this.#simulation, socket, client, stream);
    const { admission } = this.#simulation;
    const due = admission.hasRoom(client);
    const token = this.#registries[client.listener.index]!.accept(observed);
    this.#simulation.events++;
    if (!due && observed.web !== undefined) admission.answeredAtDoor(observed, token !== undefined);
    else admission.answered(client, token !== undefined, due);
    if (token === undefined) {
      this.#simulation.trace.note("refuse", client.number);
      return undefined;
    }
    observed.token = token;
    client.stream = stream;
    client.side = observed.web;
    this.#simulation.inside.set(token, observed);
    this.#simulation.trace.note("accept", token, client.number);
    return token;
  }

  /** A socket became ready. With strict edges READABLE is not reported again before the last bytes were read. */
  #happened(socket: CheckedSocket | undefined, readiness: Readiness): void {
    if (socket === undefined) return;
    let reported = readiness;
    if (this.#simulation.settings.strictEdges && !socket.drained) reported &= ~READABLE;
    if ((reported & READABLE) !== 0) socket.drained = false;
    if (reported !== 0) this.waiting.push({ socket, readiness: reported });
  }
}
