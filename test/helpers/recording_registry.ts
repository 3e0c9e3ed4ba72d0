/**
 * What a test needs to watch an adapter keep the contract: a registry that records, raw clients that misbehave, and
 * waits that have a deadline.
 *
 * @module
 */

import type { Socket as NetSocket } from "node:net";
import { Buffer } from "node:buffer";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { Worker } from "node:worker_threads";
import { assert, assertEquals, fail } from "@std/assert";
import {
  type Adapter,
  ERROR,
  HUP,
  type ListeningSocket,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../../src/contract/adapter.ts";
import type { Address, NetworkAddress } from "../../src/contract/address.ts";
import { Slab } from "../../src/reactor/slab.ts";
import type { Token } from "../../src/contract/token.ts";
import { OVER_TCP, plainSocket, through, type Transport } from "./transports.ts";

/** No wait is longer: less than the limit of a test, so that the wait that failed is named. */
const DEADLINE_MS = 8_000;

/** The events that end a connection. */
export const FINAL: Readiness = HUP | ERROR;

// --- waiting ---

/** Rings when something was recorded; waiting tests then check their condition. */
export class Bell {
  readonly #waiters: Set<() => void> = new Set();
  #armed = false;

  /** Something happened. Waiting tests check in a tick of their own, never inside the callback that rings. */
  ring(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(() => {
      this.#armed = false;
      for (const look of [...this.#waiters]) look();
    });
  }

  /** Resolves in the tick in which `condition` is found true; rejects with `what` when it never is. */
  until(condition: () => boolean, what: string | (() => string), milliseconds: number = DEADLINE_MS): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(look);
        reject(new Error(`waited ${milliseconds} ms for ${typeof what === "string" ? what : what()}`));
      }, milliseconds);
      const look = (): void => {
        if (!condition()) return;
        this.#waiters.delete(look);
        clearTimeout(timer);
        resolve();
      };
      this.#waiters.add(look);
    });
  }
}

/** For that which must not happen, where there is no event to wait for. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}

/** The next tick of the event loop. */
export function nextTick(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Rejects when the promise takes too long. */
export async function within<T>(promise: Promise<T>, what: string, milliseconds: number = DEADLINE_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The error that a promise rejects with; fails when it resolves. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<Error & { code?: string }> {
  try {
    await within(promise, what);
  } catch (error) {
    assert(error instanceof Error, `${what}: rejected with ${error}`);
    return error;
  }
  return fail(`${what}: resolved`);
}

// --- bytes that show where they belong ---

/** How many bytes of the pattern are written at once, by default. */
export const STEP: number = 64 * 1024;

/** The most bytes of one {@link pattern}: as much as the core gives to a socket at once. */
export const LONGEST: number = 512 * 1024;

/** A prime: a stream that lost, repeated or swapped a block of any usual size does not match. */
const PERIOD = 65_521;

const TABLE = fillTable(new Uint8Array(PERIOD + LONGEST));

function fillTable(table: Uint8Array): Uint8Array {
  let state = 1;
  for (let index = 0; index < PERIOD; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    table[index] = state >>> 16;
  }
  for (let at = PERIOD; at < table.length; at += PERIOD) table.copyWithin(at, 0, Math.min(PERIOD, table.length - at));
  return table;
}

/** The bytes of the pattern from an offset on, at most {@link LONGEST}. A view of one table: it must not change. */
export function pattern(offset: number, length: number): Uint8Array {
  assert(length <= LONGEST, `a pattern of ${length} bytes`);
  return TABLE.subarray(offset % PERIOD, offset % PERIOD + length);
}

/** Whether these are the bytes of the pattern from `offset` on. */
export function isPattern(chunk: Uint8Array, offset: number): boolean {
  for (let at = 0; at < chunk.length; at += STEP) {
    const part = chunk.subarray(at, at + STEP);
    if (Buffer.compare(part, pattern(offset + at, part.length)) !== 0) return false;
  }
  return true;
}

/** Fails unless these are the bytes of the pattern from `offset` on. */
export function assertPattern(chunk: Uint8Array, offset: number): void {
  assert(isPattern(chunk, offset), `wrong bytes between ${offset} and ${offset + chunk.length}`);
}

/** Fails if the bytes that all tests send were written into. */
export function assertPatternUntouched(): void {
  assertEquals(
    Buffer.compare(TABLE, fillTable(new Uint8Array(PERIOD + LONGEST))),
    0,
    "the bytes given to write changed",
  );
}

// --- what an adapter reports ---

/** One end of a connection, and everything that was reported for it. */
export class Link {
  readonly socket: Socket;
  /** Every event, in order. */
  readonly told: Readiness[] = [];
  /** Bytes that were read. */
  received = 0;
  /** Bytes that were taken. */
  sent = 0;
  /** Whether {@link close} was called. */
  closed = false;

  readonly #bell: Bell;

  constructor(bell: Bell, socket: Socket) {
    this.#bell = bell;
    this.socket = socket;
  }

  /** How many events had one of these bits. */
  count(bits: Readiness): number {
    return this.told.filter((readiness) => (readiness & bits) !== 0).length;
  }

  /** Waits for an event with one of these bits that came after the first `seen` ones. */
  toldSince(seen: number, bits: Readiness, what: string, milliseconds?: number): Promise<void> {
    const condition = (): boolean => this.told.slice(seen).some((readiness) => (readiness & bits) !== 0);
    return this.#bell.until(condition, () => `${what}; told: ${names(this.told)}`, milliseconds);
  }

  /** Waits for this number of events with one of these bits since the connection began. */
  toldTimes(times: number, bits: Readiness): Promise<void> {
    const what = (): string => `${times} times ${names([bits])}; told: ${names(this.told)}`;
    return this.#bell.until(() => this.count(bits) >= times, what);
  }

  /** Waits for the final event. */
  async final(): Promise<void> {
    await this.toldTimes(1, FINAL);
  }

  /** The next chunk, `null` at the end. Reads as an edge-triggered core does: having found nothing, it needs an event. */
  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const seen = this.told.length;
      const chunk = this.socket.read();
      if (chunk !== undefined) {
        this.received += chunk?.length ?? 0;
        return chunk;
      }
      await this.toldSince(seen, READABLE | FINAL, `something to read after ${this.received} bytes`);
    }
  }

  /** Reads the pattern until so many bytes have come since the connection began. */
  async readPattern(total: number): Promise<void> {
    while (this.received < total) {
      const offset = this.received;
      const chunk = await this.read();
      if (chunk === null) fail(`the stream ended after ${offset} of ${total} bytes`);
      assertPattern(chunk, offset);
    }
    assertEquals(this.received, total, "more came than was sent");
  }

  /** Reads the pattern to the end of the stream. Returns how many bytes came since the connection began. */
  async readToEnd(): Promise<number> {
    for (;;) {
      const offset = this.received;
      const chunk = await this.read();
      if (chunk === null) return offset;
      assertPattern(chunk, offset);
    }
  }

  /** Reads what is there now. Returns how many bytes that was. */
  readNow(): number {
    const before = this.received;
    for (;;) {
      const chunk = this.socket.read();
      if (chunk === undefined || chunk === null) return this.received - before;
      assertPattern(chunk, this.received);
      this.received += chunk.length;
    }
  }

  /** Writes the next bytes of the pattern, at most `length` and `piece`. Returns whether the write was short. */
  write(length: number, piece: number = STEP): boolean {
    const offered = Math.min(length, piece);
    const taken = this.socket.write(pattern(this.sent, offered));
    assert(Number.isInteger(taken) && taken >= 0 && taken <= offered, `write took ${taken} of ${offered}`);
    this.sent += taken;
    return taken < offered;
  }

  /** Writes the pattern until so many bytes were taken since the connection began, or the connection is over. */
  async writePattern(total: number, piece?: number): Promise<void> {
    while (this.sent < total && this.count(FINAL) === 0) {
      const seen = this.told.length;
      if (this.write(total - this.sent, piece)) {
        await this.toldSince(seen, WRITABLE | FINAL, `leave to write after ${this.sent} of ${total} bytes`);
      }
    }
  }

  /** Writes pieces until nothing more is taken for so long. Returns false when `limit` bytes were taken before that. */
  async fill(limit: number, milliseconds: number, piece: number = STEP): Promise<boolean> {
    while (this.sent < limit) {
      const seen = this.told.length;
      if (this.write(piece) && !await this.mayWrite(seen, milliseconds)) return true;
    }
    return false;
  }

  /** After a short write: whether more may be written within so long. `seen` is how many events came before it. */
  async mayWrite(seen: number, milliseconds: number): Promise<boolean> {
    try {
      await this.toldSince(seen, WRITABLE | FINAL, "leave to write", milliseconds);
      return true;
    } catch {
      return false;
    }
  }

  /** Closes the socket: nothing may be reported from now on. */
  close(): void {
    this.closed = true;
    this.socket.close();
  }
}

/** A registry that records. What breaks a rule wherever it happens is kept as a violation. */
export class Recorder implements Registry {
  /** Every connection accepted, in order. */
  readonly links: Link[] = [];
  /** Every connection refused. */
  readonly refused: Socket[] = [];
  /** The errors passed to `acceptFailed`. */
  readonly failures: Error[] = [];
  /** The remote addresses passed to `handshakeStarted`. */
  readonly knocks: string[] = [];
  /** Handshakes that came to nothing. */
  readonly failedHandshakes: { readonly client: string; readonly error: Error }[] = [];
  /** Whether handshakes may not begin. */
  barring = false;
  /** What no adapter may do. */
  readonly violations: string[] = [];
  /** Whether incoming connections are refused. */
  refusing = false;
  /** What to do inside `accept`, after the connection is recorded. */
  onAccept: ((link: Link) => void) | undefined;
  /** What to do inside `ready`, after the event is recorded. */
  onReady: ((link: Link, readiness: Readiness) => void) | undefined;

  readonly #bell: Bell;
  readonly #slab: Slab<Link> = new Slab({ capacity: 4096 });

  constructor(bell: Bell) {
    this.#bell = bell;
  }

  accept(socket: Socket): Token | undefined {
    this.#bell.ring();
    if (this.refusing) {
      this.refused.push(socket);
      return undefined;
    }
    const link = new Link(this.#bell, socket);
    this.links.push(link);
    this.onAccept?.(link);
    // Last of all: an event that comes before this finds a token that is not in the slab.
    return this.#slab.insert(() => link);
  }

  ready(token: Token, readiness: Readiness): void {
    this.#bell.ring();
    const link = this.#slab.get(token);
    if (link === undefined) {
      this.violations.push(`rule 1: ${names([readiness])} for a token that was not given: ${token}`);
      return;
    }
    if (!Number.isInteger(readiness) || readiness < 1 || readiness > (READABLE | WRITABLE | FINAL)) {
      this.violations.push(`readiness ${readiness}`);
    }
    if (link.closed) this.violations.push(`rule 7: ${names([readiness])} after close()`);
    if (link.count(FINAL) > 0) this.violations.push(`rule 7: ${names([readiness])} after ${names(link.told)}`);
    if ((readiness & ERROR) !== 0 && !(link.socket.error instanceof Error)) {
      this.violations.push(`ERROR, but socket.error is ${link.socket.error}`);
    }
    link.told.push(readiness);
    this.onReady?.(link, readiness);
  }

  acceptFailed(error: Error): Promise<void> {
    this.#bell.ring();
    this.failures.push(error);
    return pause(1);
  }

  handshakeStarted(client: string): boolean {
    this.#bell.ring();
    this.knocks.push(client);
    return !this.barring;
  }

  handshakeFailed(client: string, error: Error): void {
    this.#bell.ring();
    this.failedHandshakes.push({ client, error });
  }

  /** Waits for so many handshakes that came to nothing. */
  async failed(count: number): Promise<void> {
    const failures = (): number => this.failedHandshakes.length;
    await this.#bell.until(() => failures() >= count, () => `${count} failed handshakes, have ${failures()}`);
  }

  /** Waits for so many connections, and returns the last. */
  async accepted(count = 1): Promise<Link> {
    await this.#bell.until(() => this.links.length >= count, () => `${count} connections, have ${this.links.length}`);
    return this.links[count - 1]!;
  }
}

/** Events in words. */
export function names(events: readonly Readiness[]): string {
  const words = [[READABLE, "READABLE"], [WRITABLE, "WRITABLE"], [HUP, "HUP"], [ERROR, "ERROR"]] as const;
  const name = (readiness: Readiness): string =>
    words.filter(([bit]) => (readiness & bit) !== 0).map(([, word]) => word).join("|");
  return events.length === 0 ? "nothing" : events.map(name).join(", ");
}

// --- raw clients ---

/** A client on `node:net` or `node:tls`, which does what no adapter would. */
export class RawClient {
  readonly socket: NetSocket;
  /** Bytes that came. */
  received = 0;
  /** Whether the other end has ended its half. */
  ended = false;
  /** Whether the connection is over. */
  closed = false;
  /** What broke it. */
  error: Error | undefined;
  /** What should not have come. */
  readonly violations: string[] = [];

  readonly #bell: Bell;
  readonly #below: NetSocket;

  constructor(bell: Bell, socket: NetSocket, below: NetSocket) {
    this.#bell = bell;
    this.#below = below;
    this.socket = socket;
    // Deno reads on without bound behind a paused socket over TLS; see adapters/tls/tls.ts.
    if (socket !== below && "Deno" in globalThis) socket.once("secureConnect", () => this.#flow("readStop"));
    socket.on("error", (error) => this.error ??= error);
    socket.on("end", () => {
      this.ended = true;
      bell.ring();
    });
    socket.on("close", () => {
      this.closed = true;
      bell.ring();
    });
  }

  /** Starts to read, expecting the pattern. Before that it reads nothing. */
  listen(): void {
    if (this.socket !== this.#below && "Deno" in globalThis) this.#flow("readStart");
    this.socket.on("data", (chunk: Uint8Array) => {
      if (!isPattern(chunk, this.received)) this.violations.push(`wrong bytes from ${this.received} on`);
      this.received += chunk.length;
      this.#bell.ring();
    });
  }

  /** Begins to read as {@link listen} does, a little at a time, as on a slow line. */
  sip(): void {
    this.listen();
    this.socket.on("data", () => {
      this.socket.pause();
      setTimeout(() => this.socket.resume(), 1);
    });
  }

  /** Sends the pattern from `offset` on. */
  write(offset: number, length: number): void {
    for (let at = 0; at < length; at += STEP) {
      this.socket.write(pattern(offset + at, Math.min(STEP, length - at)));
    }
  }

  /** Breaks the connection: the other end gets a reset. */
  reset(): void {
    this.#below.resetAndDestroy();
    this.socket.destroy();
  }

  #flow(change: "readStop" | "readStart"): void {
    (this.#below as unknown as { _handle: Record<string, () => void> | null })._handle?.[change]?.();
  }

  /** Its own port, by which a server knows it. */
  get port(): number {
    return this.#below.localPort!;
  }

  /** Waits until so many bytes came. */
  got(total: number): Promise<void> {
    return this.#bell.until(
      () => this.received >= total,
      () => `${total} bytes at the raw client, has ${this.received}`,
    );
  }

  /** Waits until the other end has ended or broken the connection. */
  over(): Promise<void> {
    return this.#bell.until(() => this.ended || this.closed, () => `the end at the raw client`);
  }
}

/** Runs in a worker, on any of the runtimes. */
const RESET_STORM = `
  import("node:worker_threads").then(async ({ workerData: { host, port, count, done } }) => {
    const { connect } = await import("node:net");
    const reset = () => new Promise((resolve) => {
      const socket = connect({ host, port }, () => socket.resetAndDestroy());
      socket.on("error", () => {});
      socket.on("close", resolve);
    });
    for (let left = count; left > 0; left -= 20) await Promise.all(Array.from({ length: 20 }, reset));
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
  });
`;

/**
 * Connects so many times and resets each connection before it can be accepted: a worker does it while this thread
 * stands still. Resolves when the worker is gone.
 */
export async function resetStorm(address: NetworkAddress, count: number): Promise<void> {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(RESET_STORM, {
    eval: true,
    workerData: { host: address.host, port: address.port, count, done },
  });
  const gone = new Promise<void>((resolve, reject) => void worker.once("error", reject).once("exit", () => resolve()));
  assertEquals(Atomics.wait(done, 0, 0, DEADLINE_MS), "ok", "the storm");
  await within(gone, "the storm to be over");
}

// --- the stage ---

/** An open listener, and the connections it accepted. */
export interface Listener {
  readonly address: Address;
  readonly registry: Recorder;
  readonly listener: ListeningSocket;
}

/** Everything that one test opens. It closes it again, and reports what broke a rule. */
export class Stage {
  readonly adapter: Adapter;
  readonly bell: Bell = new Bell();

  readonly #transport: Transport;
  readonly #recorders: Recorder[] = [];
  readonly #listeners: ListeningSocket[] = [];
  readonly #raw: RawClient[] = [];

  constructor(adapter: Adapter, transport: Transport = OVER_TCP) {
    this.adapter = through(transport, adapter);
    this.#transport = transport;
  }

  /** A registry whose connections are closed, and whose violations are reported, at the end. */
  recorder(): Recorder {
    const recorder = new Recorder(this.bell);
    this.#recorders.push(recorder);
    return recorder;
  }

  /** Opens a listener, by default on a free port. */
  listener(host = "127.0.0.1", port = 0): Promise<Listener> {
    return this.listenerAt(this.#transport.address(host, port));
  }

  /** Opens a listener at an address. */
  async listenerAt(address: Address): Promise<Listener> {
    const registry = this.recorder();
    const listener = await within(this.adapter.listen(address, registry), "listen");
    this.#listeners.push(listener);
    return { address: listener.address, registry, listener };
  }

  /** Connects with the adapter under test. */
  async connect(address: Address, signal?: AbortSignal): Promise<Link> {
    const registry = this.recorder();
    await within(this.adapter.connect(address, registry, { signal }), "connect");
    assertEquals(registry.links.length, 1, "connections accepted when connect resolved");
    return registry.links[0]!;
  }

  /** Connects without the adapter. The client reads nothing before the test asks for it. */
  async raw(address: Address): Promise<RawClient> {
    const below = plainSocket(address);
    const socket = this.#transport.raw(below);
    const client = new RawClient(this.bell, socket, below);
    this.#raw.push(client);
    let connected = false;
    socket.once(socket === below ? "connect" : "secureConnect", () => {
      connected = true;
      this.bell.ring();
    });
    await this.bell.until(() => connected || client.closed, "the raw client to connect");
    if (!connected) throw client.error ?? new Error("the raw client could not connect");
    return client;
  }

  /** Both ends of one connection, on the adapter under test. */
  async pair(): Promise<{ listener: Listener; server: Link; client: Link }> {
    const listener = await this.listener();
    const client = await this.connect(listener.address);
    return { listener, client, server: await listener.registry.accepted() };
  }

  /** A connection of the adapter under test, and a raw client at the other end. */
  async rawPair(): Promise<{ listener: Listener; server: Link; client: RawClient }> {
    const listener = await this.listener();
    const client = await this.raw(listener.address);
    return { listener, client, server: await listener.registry.accepted() };
  }

  /** Closes everything, and fails if a rule was broken meanwhile. */
  async end(): Promise<void> {
    await within(Promise.all(this.#listeners.map((listener) => listener.close())), "the listeners to close");
    for (const { links } of this.#recorders) for (const link of links) link.close();
    for (const { socket } of this.#raw) socket.destroy();
    await this.bell.until(() => this.#raw.every(({ closed }) => closed), "the raw clients to be gone");
    const violations = [...this.#recorders, ...this.#raw].flatMap((watched) => watched.violations);
    assertEquals(violations, [], "rules broken");
    assertPatternUntouched();
  }
}
