/**
 * The simulation: the real core on the memory adapter, in a world that follows its choices.
 *
 * @module
 */

import { ERROR, HUP, READABLE, type Readiness, WRITABLE } from "../../src/contract/adapter.ts";
import { Mob } from "../../src/server/mob.ts";
import type { ResolvedOptions } from "../../src/server/options.ts";
import { formatToken, indexOf, type Token } from "../../src/contract/token.ts";
import { Application } from "./application.ts";
import type { Choices } from "./choices.ts";
import { Client, type Newlines } from "./client.ts";
import { Hooks } from "./hooks.ts";
import { Checker } from "./checker.ts";
import { MARK_NAMES, Marks } from "./marks.ts";
import { joinMob, type LocalClient } from "./local_client.ts";
import { Model } from "./model.ts";
import { AdmissionChecker, HOMES, type Manner, OPEN_HOUSE, saySecret } from "./admission.ts";
import type { FeedName } from "./feeds.ts";
import { feedOf, listenersOf, openListeners, type SimulatedListener } from "./listeners.ts";
import { Network } from "./network.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Settings, Sweep } from "./settings.ts";
import { Observer } from "./observer.ts";
import { listenToCore } from "./probe.ts";
import { Stops } from "./stops.ts";
import type { Trace, Violation } from "./trace.ts";
import { type Watcher, watcherOf } from "./watcher.ts";

const FINAL = HUP | ERROR;

/** A world, and the core in it. */
export class Simulation {
  readonly settings: Settings;
  readonly options: ResolvedOptions;
  readonly model: Model;
  readonly marks: Marks = new Marks(MARK_NAMES);
  readonly trace: Trace;
  readonly network: Network;
  readonly mob: Mob;
  /** The listeners. */
  readonly listeners: readonly SimulatedListener[];
  readonly clients: Client[] = [];
  readonly members: LocalClient[] = [];
  /** The server's ends of the open connections. */
  readonly inside: Map<Token, CheckedSocket> = new Map();
  /** Names of the connections that are gone, the latest last. */
  readonly gone: Token[] = [];
  /** What was delivered since the last tick. */
  readonly batch: Map<Token, Readiness> = new Map();
  /** The first thing that was wrong. */
  violation: Violation | undefined;
  /** Whether reads, writes and pushes may fall short now. */
  cutting = false;
  /** Whether the faults are over. */
  healing = false;
  /** Bytes that were published or received, ever: whether anything moves. */
  moved = 0;
  /** Reads and writes that the core asked for. */
  calls = 0;
  /** Events that were reported to the core, accepts too. */
  events = 0;
  /** In the next tick all connections leave. */
  drainDue = false;
  /** In this tick all connections leave: it reads from all of them. */
  drains = false;
  /** Whether a tick runs. */
  inTick = false;
  /** Whether `close` was called. */
  closing = false;
  /** Whether the mob has closed. */
  isClosed = false;

  readonly #choices: Choices;
  readonly checker: Checker;
  readonly admission: AdmissionChecker;
  readonly hooks: Hooks;
  /** What the application does, besides meddling; `undefined`: nothing. */
  readonly application: Application | undefined;
  readonly stops: Stops = new Stops(this);
  /** What iterates the events of the mob; `undefined`: nothing does. */
  readonly watcher: Watcher | undefined;
  /** Hears what the core does. */
  readonly observer: Observer = new Observer(this);

  /** Opens a world with its listeners. */
  static async open(choices: Choices, trace: Trace): Promise<Simulation> {
    const simulation = new Simulation(choices, trace);
    listenToCore(simulation.observer);
    await openListeners(simulation);
    return simulation;
  }

  private constructor(choices: Choices, trace: Trace) {
    this.#choices = choices;
    this.trace = trace;
    this.settings = choices.settings;
    const { application } = this.settings;
    if (application !== undefined) this.application = new Application(this, application);
    this.hooks = new Hooks(this);
    this.network = new Network(this);
    this.mob = new Mob(this.network.adapter, { ...this.settings.options, ...this.hooks.forMob });
    this.options = this.mob.options;
    this.watcher = watcherOf(this);
    this.listeners = listenersOf(this.settings, this.options);
    const feeds = this.listeners.flatMap(({ framing, isWeb }): FeedName[] =>
      isWeb ? ["websocket", "mobcast.u64"] : [framing]
    );
    this.model = new Model([this.options.framing, ...feeds], this.options.echo);
    this.checker = new Checker(this);
    this.admission = new AdmissionChecker(this);
    void this.mob.closed.then(() => this.isClosed = true);
  }

  get now(): number {
    return this.network.adapter.now();
  }

  /** Whether a tick is due. */
  get tickDue(): boolean {
    return this.network.tickDue;
  }

  /** Something does not hold. Only the first is kept: the others may follow from it. */
  violate(rule: string, what: string): void {
    this.trace.say(() => `!!! ${rule}: ${what}`);
    this.violation ??= { rule, what };
  }

  /** Whether there is more than one framing in this world. */
  get hasSeveralFramings(): boolean {
    return this.model.images.length > 1;
  }

  /** How often an author sends newlines: where there are several framings, one of three does. */
  newlinesOf(author: number): Newlines {
    if (!this.hasSeveralFramings) return "as it falls";
    return author % 3 === 0 ? "often" : "never";
  }

  /** The name of a connection in the trace. */
  nameOf(socket: CheckedSocket): string {
    return `${formatToken(socket.token)} (client ${socket.client.number})`;
  }

  /** By how much something falls short. */
  cut(limit: number): number {
    return this.cutting && !this.healing ? this.#choices.cut(limit) : 0;
  }

  // --- events and ticks ---

  /** Reports a waiting event to the core; the same one again later, when it is kept. */
  deliver(index: number, keep = false): void {
    const event = this.network.waiting[index];
    if (event === undefined) return;
    if (!keep) this.network.waiting.splice(index, 1);
    this.tell(event.socket.token, event.readiness);
  }

  /** Reports everything that waits to the core, in order. */
  deliverAll(): void {
    for (const { socket, readiness } of this.network.waiting.splice(0)) this.tell(socket.token, readiness);
  }

  /** Reports an event to the core, true or not. */
  tell(token: Token, readiness: Readiness): void {
    this.events++;
    this.trace.note("event", token, readiness);
    if (this.batch.has(token)) this.marks.reach("event twice in a batch");
    this.batch.set(token, (this.batch.get(token) ?? 0) | readiness);
    this.network.ready(token, readiness);
  }

  /** Runs the tick, if one is due, and looks whether everything holds. */
  tick(): void {
    if (!this.tickDue) return;
    const ticks = this.network.takeTicks();
    this.trace.note("tick", this.batch.size);
    this.#begin();
    this.cutting = this.inTick = true;
    try {
      for (const tick of ticks) tick();
    } catch (error) {
      this.violate("nothing is thrown", error instanceof Error ? error.stack ?? error.message : String(error));
    }
    this.cutting = this.inTick = false;
    this.checker.afterTick();
    this.batch.clear();
  }

  /** What the tick will be held against. */
  #begin(): void {
    this.observer.beforeTick(this.application?.beforeTick() ?? 0);
    this.drains = this.drainDue;
    this.drainDue = false;
    this.checker.beforeTick();
    const slots = new Set<number>();
    for (const [token, readiness] of this.batch) {
      const socket = this.inside.get(token);
      if (slots.has(indexOf(token))) this.marks.reach("two occupants in a batch");
      slots.add(indexOf(token));
      if (socket === undefined) {
        this.marks.reach("stale event");
        continue;
      }
      if ((readiness & WRITABLE) !== 0) {
        socket.resumes = socket.blocked;
        socket.blocked = false;
      }
      if ((readiness & (READABLE | FINAL)) !== 0) {
        const { idleTimeout } = this.options;
        const late = idleTimeout > 0 && this.now - socket.lastActivity >= idleTimeout;
        if (late && !socket.unauthenticated && (readiness & FINAL) === 0) this.marks.reach("input before deadlines");
        socket.reported = true;
        socket.lastActivity = this.now;
      }
      if ((readiness & FINAL) !== 0) socket.sawFinal = true;
      if ((readiness & ERROR) !== 0) socket.sawError = true;
    }
  }

  // --- what the core does ---

  /** The core writes to a connection. */
  writing(socket: CheckedSocket): void {
    this.checker.writing(socket);
  }

  /** What befalls this call of the core, in a sweep. */
  sweptFault(): Sweep["how"] | undefined {
    this.calls++;
    const { sweep } = this.settings;
    if (sweep === undefined || this.healing) return undefined;
    const due = sweep.persistent ? this.calls >= sweep.call : this.calls === sweep.call;
    return due ? sweep.how : undefined;
  }

  /** The core has closed a connection. */
  removed(socket: CheckedSocket, unread: number): void {
    this.inside.delete(socket.token);
    this.gone.push(socket.token);
    if (this.network.listenersWaiting > 0) this.network.triesAtLeave = this.network.tries;
    this.checker.removed(socket, unread);
  }

  /** The mob called `onLeave`. */
  left(token: Token, reason: string, detail: string | undefined): void {
    this.trace.say(() => `    left: ${formatToken(token)}, ${reason}`);
    this.checker.left(token, reason, detail);
  }

  // --- clients ---

  /** A client connects to the listener, and will send the secret in its manner. `from` is its address. */
  connect(eager: boolean, manner: Manner = "right", from = 0): Client {
    const { homes, handshakes } = this.settings.welcome ?? OPEN_HOUSE;
    const number = this.clients.length;
    const listener = this.listeners[(from >> 3) % this.listeners.length]!;
    const client = new Client(number, listener, feedOf(listener, number), eager, this.newlinesOf(number));
    client.home = HOMES[from % homes]!;
    // Over a Unix socket there is no TLS.
    client.shakesHands = handshakes && from >= 32 && client.home.address !== undefined;
    client.manner = manner;
    client.answersPings = number % 4 > 0 && !this.healing;
    saySecret(client);
    return this.network.connect(client);
  }

  /** Eager clients read what there is, and send what was left over. */
  clientsAct(): void {
    for (const client of this.clients) {
      if (client.broken || client.over) continue;
      if (client.eager) {
        this.receive(client, Infinity);
        client.push(Infinity);
      }
    }
  }

  /** A client reads up to so many bytes. */
  receive(client: Client, limit: number): void {
    let left = limit;
    while (left > 0 && !client.broken && !client.over) {
      const chunk = client.socket.read();
      if (chunk === undefined) return;
      if (chunk === null) return void (client.over = true);
      left -= chunk.length;
      // Pings never come to an end.
      if (!this.healing || chunk.length > 2 || client.web === undefined) this.moved += chunk.length;
      this.trace.note("received", client.number, chunk.length);
      this.stops.received(client);
      this.checker.received(client, chunk);
    }
  }

  // --- the application ---

  /** The application joins. */
  join(): void {
    const member = joinMob(this);
    if (member !== undefined) this.members.push(member);
    else this.admission.ended.refused++;
  }

  /** The application closes the mob. */
  close(drain: number | undefined): void {
    this.application?.closes(drain);
    if (this.closing) this.marks.reach("closed twice");
    // In the middle of a tick, all connections leave in that tick.
    else if (this.application?.working) this.drains = true;
    else this.drainDue = drain !== 0;
    this.closing = true;
    void this.mob.close(drain === undefined ? {} : { drain });
  }

  /** Time passes, and timers ring; no tick runs. */
  pass(milliseconds: number): void {
    this.network.adapter.advance(milliseconds);
    this.trace.note("time", this.now);
  }

  /** Whether promises are waited for. */
  get awaited(): boolean {
    return this.members.length > 0 || this.network.failedAccepts > 0 || this.application !== undefined;
  }

  /** Lets promises that are due resolve. The same number of rounds each time, so that runs repeat. */
  async settle(): Promise<void> {
    for (let round = 0; round < 12; round++) await undefined;
    this.hooks.failuresKnown = this.hooks.failures;
    this.application?.authorizer.settled();
    if (this.network.triesAtLeave === this.network.tries && !this.closing) {
      this.violate("will go on", "a connection left, and the accept that had failed is not tried again");
    }
    this.network.triesAtLeave = -1;
  }
}
