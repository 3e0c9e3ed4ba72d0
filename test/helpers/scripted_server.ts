/** A world that the test drives: the real core, scripted sockets, and time that stands still. */

import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory.ts";
import { READABLE, type Readiness, type Registry, type Socket, WRITABLE } from "../../src/contract/adapter.ts";
import { Mob } from "../../src/server/mob.ts";
import type { LeaveEvent, MobHooks } from "../../src/server/hooks.ts";
import type { MobOptions } from "../../src/server/options.ts";
import type { Token } from "../../src/contract/token.ts";
import type { FramingName } from "../../src/framing/framing.ts";
import type { BusOptions, ListenerOptions } from "../../src/server/mob_options.ts";
import { concat, frameOf, textsOf } from "./bytes.ts";
import { brokenInvariants, forgetConnections } from "./invariants.ts";

/** A scripted socket, which records what was done to it. */
export class ScriptedSocket implements Socket {
  readonly remoteAddress: string;
  error: Error | undefined;
  /** What `read` returns, in order; then would-block. */
  readonly incoming: (Uint8Array | null)[] = [];
  /** Bytes that writes still take, in all. */
  room: number = Infinity;
  /** Bytes that one write takes at most. */
  step: number = Infinity;
  /** Every write that was asked for: how many bytes were offered. */
  readonly offers: number[] = [];
  /** What the writes took, in order. */
  readonly taken: Uint8Array[] = [];
  /** Whether it keeps what the writes took. */
  keeps = true;
  shutdowns = 0;
  closes = 0;

  constructor(client: string) {
    this.remoteAddress = client;
  }

  read(): Uint8Array | undefined | null {
    return this.incoming.shift();
  }

  write(bytes: Uint8Array): number {
    if (this.closes > 0) throw new Error(`a write to ${this.remoteAddress} after close()`);
    this.offers.push(bytes.length);
    const length = Math.min(bytes.length, this.room, this.step);
    this.room -= length;
    if (length > 0 && this.keeps) this.taken.push(bytes.slice(0, length));
    return length;
  }

  shutdown(): void {
    this.shutdowns++;
  }

  close(): void {
    this.closes++;
  }

  /** Everything it was given. */
  get received(): Uint8Array {
    return concat(...this.taken);
  }

  /** The texts of the frames it was given. */
  get texts(): string[] {
    return this.textsIn("u64");
  }

  /** The same for another framing. */
  textsIn(framing: FramingName): string[] {
    return textsOf(this.received, framing);
  }
}

/** A connection in the hands of a test. */
export interface Member {
  readonly socket: ScriptedSocket;
  readonly token: Token;
  /** How it sends; `undefined`: as the mob does. */
  readonly framing?: FramingName | undefined;
}

/** A mob with one listener, which tests come through with {@link ScriptedSocket}s. */
export class World {
  readonly adapter: MemoryAdapter;
  readonly mob: Mob;
  readonly departures: LeaveEvent[] = [];
  registry!: Registry;
  #count = 0;

  static async open(options: MobOptions & MobHooks & BusOptions = {}): Promise<World> {
    const world = new World(options);
    await world.mob.listen("tcp://127.0.0.1:0");
    return world;
  }

  private constructor(options: MobOptions & MobHooks & BusOptions) {
    forgetConnections();
    const memory = memoryAdapter({ manual: true });
    this.adapter = Object.assign(Object.create(memory) as MemoryAdapter, {
      listen: (address: Parameters<MemoryAdapter["listen"]>[0], registry: Registry) => {
        this.registry = registry;
        return memory.listen(address, registry);
      },
    });
    const onLeave = (departure: LeaveEvent): void => {
      this.departures.push(departure);
      options.onLeave?.(departure);
    };
    // A small maxLag needs a small maxFrame; no test sends a larger one than that.
    const maxFrame = Math.min(options.maxFrame ?? 2 ** 20, options.maxLag ?? Infinity);
    this.mob = new Mob(this.adapter, { ...options, maxFrame, onLeave });
  }

  /** Opens another listener. Returns what makes its connections. */
  async listen(url: string, options: ListenerOptions = {}): Promise<(client?: string) => Member> {
    const before = this.registry;
    await this.mob.listen(url, options);
    const registry = this.registry;
    this.registry = before;
    const framing = options.framing ?? (/framing=(\w+)/.exec(url)?.[1] as FramingName | undefined);
    return (client = `10.0.0.1:${++this.#count}`) => {
      const socket = new ScriptedSocket(client);
      const token = registry.accept(socket);
      if (token === undefined) throw new Error(`${socket.remoteAddress} was refused`);
      return { socket, token, framing };
    };
  }

  /** An incoming connection with its token; without one when it was refused. */
  come(client = `10.0.0.1:${++this.#count}`): { socket: ScriptedSocket; token: Token | undefined } {
    const socket = new ScriptedSocket(client);
    return { socket, token: this.registry.accept(socket) };
  }

  /** An incoming connection that must not be refused. */
  join(client?: string): Member {
    const { socket, token } = this.come(client);
    if (token === undefined) throw new Error(`${socket.remoteAddress} was refused`);
    return { socket, token };
  }

  ready(token: Token, readiness: Readiness): void {
    this.registry.ready(token, readiness);
  }

  /** One connection sends some frames, in one segment, and the tick runs. */
  say(speaker: Member, ...texts: string[]): void {
    speaker.socket.incoming.push(
      concat(...texts.map((text) => frameOf(text, speaker.framing ?? this.mob.options.framing))),
    );
    this.ready(speaker.token, READABLE);
    this.run();
  }

  /** A full socket takes so many bytes more, and WRITABLE is reported. */
  makeRoom(socket: ScriptedSocket, token: Token, room: number): void {
    socket.room = room;
    this.ready(token, WRITABLE);
  }

  /** Runs ticks until nothing is left to do, and checks the invariants after each. Returns how many. */
  run(): number {
    let ticks = 0;
    for (let ran = this.adapter.run(1); ran > 0; ran = this.adapter.run(1)) {
      ticks += ran;
      const broken = brokenInvariants();
      if (broken !== undefined) throw new Error(`An invariant is broken: ${broken}`);
    }
    return ticks;
  }

  /** The close reasons so far, in order. */
  get reasons(): string[] {
    return this.departures.map((departure) => departure.reason);
  }
}
