/**
 * One mob on a simulated bus: the real mob, and the real channel on its place at the engine, both watched.
 *
 * @module
 */

import { type MemoryAdapter, memoryAdapter, splitmix32 } from "../../adapters/memory.ts";
import type { Registry } from "../../src/contract/adapter.ts";
import { parseAddress } from "../../src/contract/address.ts";
import type { PairedSocket } from "../../src/contract/socket_pair.ts";
import { type Token, tokenOf } from "../../src/contract/token.ts";
import { busRelay } from "../../src/bus/bus.ts";
import type { Relay, RelayHost, RelayLink, RelaySender } from "../../src/bus/relay.ts";
import type { OffsetSource } from "../../src/bus/common_offsets.ts";
import { StreamChannel } from "../../src/bus/stream_channel.ts";
import { Mob } from "../../src/server/mob.ts";
import { concat } from "../helpers/bytes.ts";
import type { BusAuthor } from "./bus_author.ts";
import { BusClient } from "./bus_client.ts";
import { BusLedger } from "./bus_ledger.ts";
import type { EngineStream } from "./bus_engine.ts";
import { type BusFraming, FRAMING_OF, Order } from "./bus_order.ts";
import type { BusMobSettings } from "./bus_settings.ts";
import type { BusWorld } from "./bus_world.ts";
import { WebWire } from "./bus_web.ts";
import { HelloWire, NOWHERE, type Wire } from "./bus_wire.ts";
import { checkBusMob } from "./bus_checks.ts";

/** The port of the first client of a memory adapter. */
const FIRST_PORT = 50_000;

/** The name of the far end of a connection. */
const FAR = tokenOf(0, 1);

/** A mob. */
export class BusMob extends BusLedger {
  readonly world: BusWorld;
  readonly number: number;
  readonly settings: BusMobSettings;
  readonly adapter: MemoryAdapter;
  readonly stream: EngineStream;
  readonly channel: StreamChannel;
  readonly mob: Mob;
  readonly order: Order;
  readonly application: BusAuthor;
  /** Bytes that it has published in this tick, in its largest feed. */
  grown = 0;
  link!: RelayLink<RelaySender>;
  /** Gaps that its application was told of. */
  gapsTold = 0;
  /** How it counts what it publishes, for clients that resume. */
  offsets!: OffsetSource;
  tickBudget = 0;
  isClosing = false;
  /** Bytes that the application had published, and that waited when it closed. */
  flushed = 0;
  isClosed = false;
  isCrashed = false;
  isStopped = false;
  /** Whether it was closed while frames were on their way. */
  closedInFlight = false;
  readonly #registries: Registry[] = [];

  /** A mob that has not joined the bus yet. */
  constructor(world: BusWorld, number: number) {
    super();
    const { engine, settings } = world;
    const { framing, maxFrame, seed } = settings;
    this.world = world;
    this.number = number;
    this.settings = settings.mobs[number]!;
    this.order = new Order(
      framing,
      maxFrame,
      (batch) => this.batches[batch],
      (mark) => world.marks.reach(mark),
      (message) => world.previousOf(message),
    );
    this.stream = engine.stream((told) => {
      if ("from" in told) this.holes.push(told);
      this.order.tell(told);
      world.trace.note("told", number, "sequence" in told ? told.sequence : 0);
    });
    this.adapter = this.#makeAdapter();
    this.channel = new StreamChannel(this.stream, {
      clock: this.adapter,
      random: splitmix32(Math.imul(seed, 31) + number),
    });
    this.#watchChannel();
    this.application = world.author(framing);
    const { slowConsumer, echo, maxLag, stallTimeout, drainTimeout, history = 0 } = this.settings;
    const limits = { slowConsumer, echo, maxLag, stallTimeout, drainTimeout, frameTimeout: 0, idleTimeout: 0, history };
    this.mob = new Mob(this.adapter, {
      ...limits,
      framing,
      maxFrame,
      relay: this.#relay(),
      ...(this.hasMore && { onJoin: ({ token }) => this.#joined(token) }),
      onGap: () => void this.gapsTold++,
      onLeave: ({ token, reason }) => {
        world.trace.note("left", token);
        world.trace.say(() => `    mob ${number}: left for ${reason}`);
        this.clients.find((client) => client.token === token)?.left(reason);
      },
    });
    void this.mob.closed.then(() => {
      this.isClosed = true;
      if (!this.closedInFlight) return;
      const { frames } = this.link.stats().inFlight;
      world.marks.reach(frames > 0 ? "closed in vain" : "closed with frames on their way");
    });
  }

  /** Whether clients may come to it that have to say something first. */
  get hasMore(): boolean {
    return this.settings.resumes === true || this.settings.web === true;
  }

  /** Joins the bus, and opens its listeners, when it has read its past. */
  async open(): Promise<void> {
    const { listeners, resumes, web } = this.settings;
    const opening = this.#listen();
    const due = this.world.engine.end - 1;
    let hasRead = false;
    void this.link.opened.then(() => hasRead = true);
    for (;;) {
      await this.world.settle();
      if (hasRead && this.channel.stats().sequence < due) this.violate("past", "it opens before it has read its past");
      if (hasRead) break;
      while (this.stream.deliver());
      this.tick();
    }
    await opening;
    if (this.published.length > 0) this.world.marks.reach("past from the stream");
    // What is in the mob's own framing it has kept from the beginning.
    this.past.keeps(this.world.settings.framing, 0);
    for (const framing of listeners) this.past.keeps(framing, this.published.length);
    const { length } = listeners;
    if (resumes) await this.mob.listen(`tcp://127.0.0.1:${length + 1}?resume=true`);
    if (!web) return;
    await this.mob.listen(`ws://127.0.0.1:${length + 2}`);
    for (const feed of ["websocket", "mobcast.u64"]) this.past.keeps(feed, this.published.length);
  }

  async #listen(): Promise<void> {
    for (const [index, framing] of this.settings.listeners.entries()) {
      await this.mob.listen(`tcp://127.0.0.1:${index + 1}?framing=${framing}`);
    }
  }

  get now(): number {
    return this.adapter.now();
  }

  /** Whether it takes part. */
  get isThere(): boolean {
    return !this.isCrashed && !this.isClosed;
  }

  get name(): string {
    return `mob ${this.number}`;
  }

  violate(rule: string, what: string): void {
    this.world.violate(rule, `${this.name}: ${what}`);
  }

  // --- what is done to it ---

  /** A client connects to one of its listeners. */
  connect(index: number, eager: boolean): BusClient {
    const listener = index % this.settings.listeners.length;
    return this.#connect(listener, this.settings.listeners[listener]!, eager);
  }

  /** A client connects whose stream can be resumed: its first one, or that of one that is gone. */
  resumeAt(from: BusClient | undefined, eager: boolean): BusClient | undefined {
    const { framing } = this.world.settings;
    if (!this.settings.resumes) return undefined;
    const wire = new HelloWire(framing, from ? (from.wire as HelloWire).position : NOWHERE);
    return this.#connect(this.settings.listeners.length, framing, eager, wire, from);
  }

  /** A WebSocket client connects. */
  connectWeb(isPacked: boolean, eager: boolean): void {
    if (!this.settings.web) return;
    const wire = new WebWire(this.clients.length, isPacked);
    this.#connect(this.settings.listeners.length + 1, isPacked ? "u64" : "websocket", eager, wire);
  }

  #connect(listener: number, framing: BusFraming, eager: boolean, wire?: Wire, from?: BusClient): BusClient {
    const client = new BusClient(this, this.world.author(framing), eager, wire, from);
    this.clients.push(client);
    const registry: Registry = {
      accept: (socket) => {
        client.socket = socket as PairedSocket;
        return FAR;
      },
      ready: () => {},
      acceptFailed: () => Promise.resolve(),
    };
    // A listener that is closed already refuses.
    void this.adapter.connect(parseAddress(`tcp://127.0.0.1:${listener + 1}`), registry).catch(() => {});
    if (!client.socket) client.over = true;
    return client;
  }

  /** A connection that had to say something first has joined. */
  #joined(token: Token): void {
    const client = this.clients.find((each) => each.token === token)!;
    if (!client.isJoined) client.joins(this.tickBegan.end, this.tickBegan.since);
  }

  /** Runs its ticks that are due, once. Returns whether there were any. */
  tick(): boolean {
    return this.isThere && this.adapter.run(1) > 0;
  }

  /** Eager clients read, and all send what was left over. */
  clientsAct(): void {
    for (const client of this.clients) {
      if (!client.isPresent) continue;
      if (client.eager) client.receive(Infinity);
      client.push();
    }
  }

  publish(size: number, newlines: boolean): void {
    if (!this.isThere || this.isClosing || this.isStopped) return;
    this.world.marks.reach("application");
    this.mob.publish(this.application.say(size, newlines));
  }

  stop(): void {
    if (this.isStopped || !this.isThere) return;
    this.isStopped = true;
    this.stream.held = [];
    this.adapter.suspend();
  }

  resume(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    const held = this.stream.held!;
    this.stream.held = undefined;
    this.adapter.resume();
    for (const act of held) this.stream.whenRunning(act);
  }

  /** Its process ends. */
  crash(): void {
    this.isCrashed = true;
    this.adapter.suspend();
    this.stream.isClosed = true;
    for (const client of this.clients) client.over = true;
  }

  close(drain: number | undefined): void {
    if (!this.isThere || this.isStopped) return;
    // All that waits goes to the bus now, whatever a tick may carry.
    if (!this.isClosing) this.flushed = this.mob.stats().bufferedAmount;
    this.isClosing = true;
    void this.mob.close(drain === undefined ? {} : { drain });
  }

  // --- what it is given ---

  #makeAdapter(): MemoryAdapter {
    const { world } = this;
    const memory = memoryAdapter({
      manual: true,
      capacity: world.settings.capacity,
      faults: {
        take: (offered) => offered - world.cut(offered),
        give: (held) => Math.max(1, held - world.cut(held)),
      },
    });
    return Object.assign(Object.create(memory) as MemoryAdapter, {
      listen: (address: Parameters<MemoryAdapter["listen"]>[0], registry: Registry) =>
        memory.listen(address, this.#watchListener(registry)),
      defer: (tick: () => void) => memory.defer(() => this.#tick(tick)),
    });
  }

  #watchListener(registry: Registry): Registry {
    const index = this.#registries.push(registry) - 1;
    return {
      accept: (socket) => {
        const client = this.clients[Number(socket.remoteAddress.split(":").pop()) - FIRST_PORT]!;
        client.at = client.joinedAt = this.published.length;
        client.token = registry.accept(socket);
        if (client.token === undefined) client.over = true;
        else this.world.trace.note("accept", client.token, client.author.number);
        const { length } = this.published;
        if (client.token !== undefined && !client.wire.greeting) client.joins(length, this.past.since(length));
        return client.token;
      },
      ready: (token, readiness) => {
        this.world.events++;
        this.world.trace.note("event", token, readiness);
        this.#registries[index]!.ready(token, readiness);
      },
      acceptFailed: (error) => registry.acceptFailed(error),
    };
  }

  #tick(tick: () => void): void {
    const { world } = this;
    if (this.isCrashed) return;
    this.grown = 0;
    this.ticks++;
    this.tickBegan = { end: this.published.length, since: this.past.since(this.published.length) };
    world.trace.note("mobTick", this.number, this.published.length);
    world.cutting = true;
    try {
      tick();
    } catch (error) {
      this.violate("nothing is thrown", error instanceof Error ? error.stack ?? error.message : String(error));
    }
    world.cutting = false;
    checkBusMob(this);
  }

  // --- between the mob and its relay ---

  #relay(): Relay {
    return {
      attach: <Sender extends RelaySender>(host: RelayHost<Sender>): RelayLink<Sender> => {
        const { publisher } = host;
        this.tickBudget = host.tickBudget;
        this.find = host.find;
        this.offsets = publisher;
        const link = busRelay(this.channel).attach<Sender>({
          ...host,
          publisher: {
            get backpressure() {
              return publisher.backpressure;
            },
            get carried() {
              return publisher.carried;
            },
            numberings: publisher.numberings,
            growth: (framing) => publisher.growth(framing),
            publish: (sender, bytes, start, end, count, framing) => {
              this.publishes(sender?.token, FRAMING_OF[framing.number]!, bytes.subarray(start, end), count);
              const more = publisher.publish(sender, bytes, start, end, count, framing);
              this.grown += end - start + more;
              return more;
            },
          },
        });
        this.#watchLink(link);
        this.link = link as unknown as RelayLink<RelaySender>;
        return link;
      },
    };
  }

  #watchLink<Sender extends RelaySender>(link: RelayLink<Sender>): void {
    const publish = link.publish.bind(link);
    const publishPieces = link.publishPieces.bind(link);
    link.publish = (sender, bytes, start, end, count) => {
      this.reads(sender, bytes.subarray(start, end), count);
      return publish(sender, bytes, start, end, count);
    };
    link.publishPieces = (sender, pieces, length) => {
      this.reads(sender, concat(...pieces), 1);
      return publishPieces(sender, pieces, length);
    };
  }

  // --- between the relay and its channel ---

  #watchChannel(): void {
    const write = this.channel.write.bind(this.channel);
    const read = this.channel.read.bind(this.channel);
    this.channel.write = (number, bytes) => {
      this.writes(number, bytes.slice());
      write(number, bytes);
    };
    this.channel.read = () => {
      const item = read();
      if (item?.type === "gap") this.tells(item);
      return item;
    };
  }
}
