/**
 * The memory adapter: a network inside one process, with a clock that may be driven by hand and faults drawn from a seed.
 * For our tests and simulation, and for the tests of applications.
 *
 * @module
 */

import type { Adapter, DialOptions, ListeningSocket, ListenOptions, Registry } from "../src/contract/adapter.ts";
import { type Address, formatAddress, formatHostPort, UNIX_REMOTE } from "../src/contract/address.ts";
import { AwakeClock } from "../src/reactor/awake_clock.ts";
import type { PairedSocket } from "../src/contract/socket_pair.ts";
import { Queue } from "../src/contract/queue.ts";
import { HANDSHAKE_TIMEOUT } from "../src/contract/tls.ts";
import { eventLoop } from "./shared/event_loop.ts";
import { faultyPair, type SocketFaults } from "./shared/faulty_socket.ts";

export type { ResetShape, SocketFaults as PipeFaults } from "./shared/faulty_socket.ts";

/** How a network misbehaves. A fault that is left out does not happen. */
export interface MemoryFaults extends Partial<SocketFaults> {
  /** The error of the next accept, called once for each; `undefined` when it succeeds. */
  readonly accept?: () => Error | undefined;
  /** How the next handshake at a TLS listener ends; `undefined` when it succeeds. */
  readonly handshake?: () => "fails" | "hangs" | undefined;
}

/** The options of {@link memoryAdapter}. */
export interface MemoryOptions {
  /** Bytes that a connection holds in each direction before its writer has to wait. Default 256 KiB. */
  readonly capacity?: number | undefined;
  /**
   * A seed for random faults: reads and writes are cut at random places, and some writes take nothing. The same seed gives
   * the same run.
   */
  readonly seed?: number | undefined;
  /** Faults of the caller's choice, instead of those drawn from a seed. */
  readonly faults?: MemoryFaults | undefined;
  /**
   * When true, nothing runs by itself: time stands still, and ticks wait until `run` or `advance` is called. Default false:
   * ticks run on the runtime's event loop, and time is real.
   */
  readonly manual?: boolean | undefined;
}

/** The memory adapter, and the handles that drive it when it is `manual`. */
export interface MemoryAdapter extends Adapter {
  /** Runs deferred ticks until none is left, or `limit` have run, which means that they never settle. Returns how many. */
  run(limit?: number): number;
  /** Moves the clock on by so many milliseconds, and runs each timer when it is due, with the ticks that it causes. */
  advance(milliseconds: number): void;
  /**
   * Stops the process, as SIGSTOP does: until `resume` the clock goes on with `advance`, but no timer and no tick runs, and
   * events of accepted connections are held back.
   */
  suspend(): void;
  /**
   * Resumes the process. As on runtimes that run timers before they poll sockets, the timers that are due and their ticks
   * run first, and the events that were held back come a few milliseconds later.
   */
  resume(): void;
  /** How many timers are set. */
  readonly timers: number;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** An open listener, and the connections that wait to be accepted. */
interface Listener {
  readonly registry: Registry;
  /** Whether there are handshakes. Bytes are not encrypted. */
  readonly tls: boolean;
  /** Functions that end the handshakes that hang. */
  readonly hanging: Set<() => void>;
  /** Connections that wait to be accepted. */
  readonly backlog: Queue<PairedSocket>;
  /** An accept failed, and `acceptFailed` has not resolved yet. */
  waiting: boolean;
}

/** Accept errors that remove the connection from the backlog; after any other it stays there, as in a kernel. */
const INCOMING_GONE: ReadonlySet<string> = new Set(["ECONNABORTED", "ECONNRESET", "ENOTCONN", "EPROTO"]);

/**
 * Makes an adapter with a network of its own: its listeners are reached only through the same adapter.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 * import { memoryAdapter } from "mobcast/memory";
 *
 * const adapter = memoryAdapter({ seed: 7 });
 * const mob = await serve({ adapter, listen: "tcp://127.0.0.1:0" });
 * const client = await connect(mob.urls[0]!, { adapter });
 * await client.close();
 * await mob.close();
 * ```
 */
export function memoryAdapter(options: MemoryOptions = {}): MemoryAdapter {
  const { capacity, seed, manual = false } = options;
  const faults: MemoryFaults = options.faults ?? (seed === undefined ? {} : seededFaults(seed));
  const listeners = new Map<string, Listener>();
  let nextPort = 1;
  let nextClientPort = 50_000;

  function listen(address: Address, registry: Registry, options: ListenOptions = {}): Promise<ListeningSocket> {
    const tls = address.transport === "tls";
    if (options.sharePort !== undefined) return Promise.reject(new TypeError("a memory adapter is in one thread"));
    if (tls && options.tls === undefined) return Promise.reject(new TypeError("it needs tls: { cert, key }"));
    const free = address.transport !== "unix" && address.port === 0;
    const opened = free ? { ...address, port: nextPort++ } : address;
    const url = formatAddress(opened);
    if (listeners.has(url)) return Promise.reject(systemError("EADDRINUSE", url));
    const listener: Listener = { registry, tls, hanging: new Set(), backlog: new Queue(), waiting: false };
    listeners.set(url, listener);
    const close = (): Promise<void> => {
      listeners.delete(url);
      while (listener.backlog.length > 0) listener.backlog.shift()!.close();
      for (const end of [...listener.hanging]) end();
      return Promise.resolve();
    };
    return Promise.resolve({ address: opened, close, ...(tls && { reload: () => Promise.resolve() }) });
  }

  function connect(address: Address, registry: Registry, { signal }: DialOptions = {}): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const url = formatAddress(address);
    const listener = listeners.get(url);
    if (listener === undefined) {
      return Promise.reject(systemError(address.transport === "unix" ? "ENOENT" : "ECONNREFUSED", url));
    }
    const local = address.transport === "unix";
    const client = local ? UNIX_REMOTE : formatHostPort("127.0.0.1", nextClientPort++);
    const server = local ? UNIX_REMOTE : formatHostPort(address.host, address.port);
    const [outside, inside] = faultyPair(server, client, faults, capacity);
    const token = registry.accept(outside);
    if (token === undefined) return Promise.resolve();
    outside.attach(registry, token);
    listener.backlog.push(inside);
    loop.notice(() => acceptAll(listener));
    return Promise.resolve();
  }

  /** Accepts the connections of the backlog, until an accept fails. */
  function acceptAll(listener: Listener): void {
    while (!listener.waiting && listener.backlog.length > 0) {
      const error = faults.accept?.();
      if (error === undefined) {
        const incoming = listener.backlog.shift()!;
        if (listener.tls) shakeHands(listener, incoming);
        else admit(listener, incoming);
        continue;
      }
      if (INCOMING_GONE.has((error as { code?: string }).code ?? "")) listener.backlog.shift()!.close();
      listener.waiting = true;
      void listener.registry.acceptFailed(error).then(() => {
        listener.waiting = false;
        acceptAll(listener);
      });
    }
  }

  /** A handshake. As in TLS 1.3, the client is connected before the server may refuse it. */
  function shakeHands(listener: Listener, incoming: PairedSocket): void {
    const { registry, hanging } = listener;
    const { remoteAddress: client } = incoming;
    if (registry.handshakeStarted?.(client) === false) return incoming.close();
    const fail = (code: string): void => {
      incoming.close();
      registry.handshakeFailed?.(client, systemError(code, `handshake with ${client}`));
    };
    const fate = faults.handshake?.();
    if (fate === undefined) return admit(listener, incoming);
    if (fate === "fails") return fail("ERR_SSL_BAD_CERTIFICATE");
    const end = (code: string): void => {
      hanging.delete(closed);
      cancel();
      fail(code);
    };
    const closed = (): void => end("ECONNABORTED");
    const cancel = clock.after(HANDSHAKE_TIMEOUT, () => end("ETIMEDOUT"));
    hanging.add(closed);
  }

  const loop = manual ? manualLoop() : { ...eventLoop, ...UNDRIVEN };
  const clock = new AwakeClock(loop);
  function admit({ registry }: Listener, inside: PairedSocket): void {
    const token = registry.accept(inside);
    const ready: Registry["ready"] = (token, readiness) => loop.notice(() => registry.ready(token, readiness));
    if (token !== undefined) return inside.attach({ ready }, token);
    inside.shutdown();
    inside.close();
  }

  return Object.assign(loop, { name: "memory", listen, connect });
}

/** The event loop of this adapter. `notice` handles an event at once, or when a stopped process resumes. */
type Loop = Omit<MemoryAdapter, "name" | "listen" | "connect"> & { notice(event: () => void): void };

/** The handles of a loop that is not driven by hand: they do nothing. */
const UNDRIVEN: Omit<Loop, keyof typeof eventLoop> = {
  run: () => 0,
  advance: () => {},
  suspend: () => {},
  resume: () => {},
  timers: 0,
  notice: (event) => event(),
};

/** Milliseconds from the moment when a stopped process resumes until it polls its sockets. */
const UNTIL_NOTICED = 10;

/** Makes a loop whose ticks and timers run only when it is driven. */
function manualLoop(): Loop {
  let ticks: (() => void)[] = [];
  const timers = new Set<Timer>();
  let clock = 0;
  /** Events that are held back while the process is stopped; `undefined`: events are handled at once. */
  let unnoticed: (() => void)[] | undefined;
  let stopped = false;
  let cancelNotice = (): void => {};
  const run = (limit = 100_000): number => {
    let count = 0;
    while (!stopped && ticks.length > 0 && count < limit) {
      const batch = ticks;
      ticks = [];
      for (const tick of batch) tick();
      count += batch.length;
    }
    return count;
  };
  const advance = (milliseconds: number): void => {
    const until = clock + milliseconds;
    while (!stopped) {
      let first: Timer | undefined;
      for (const timer of timers) if (first === undefined || timer.at < first.at) first = timer;
      if (first === undefined || first.at > until) break;
      timers.delete(first);
      clock = Math.max(clock, first.at);
      first.run();
      run();
    }
    clock = until;
  };
  const after = (milliseconds: number, timerRun: () => void): () => void => {
    const timer = { at: clock + milliseconds, run: timerRun };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  const notice = (): void => {
    const events = unnoticed ?? [];
    unnoticed = undefined;
    for (const event of events) event();
  };
  return {
    defer: (tick) => void ticks.push(tick),
    now: () => clock,
    after,
    run,
    advance,
    suspend() {
      stopped = true;
      cancelNotice();
      unnoticed ??= [];
    },
    resume() {
      if (!stopped) return;
      stopped = false;
      cancelNotice = after(UNTIL_NOTICED, notice);
      run();
      advance(0);
    },
    notice: (event) => unnoticed === undefined ? event() : void unnoticed.push(event),
    get timers() {
      return timers.size;
    },
  };
}

function systemError(code: string, url: string): Error {
  return Object.assign(new Error(`${code}: ${url}`), { code });
}

/** Draws faults from a seed: half of all reads and writes are whole, the others stop anywhere, often after 1 or 8 bytes. */
function seededFaults(seed: number): Partial<SocketFaults> {
  const random = splitmix32(seed);
  const cut = (length: number, least: number): number => {
    const draw = random();
    if (draw < 0.5) return length;
    if (draw < 0.6) return Math.min(length, least);
    if (draw < 0.7) return Math.min(length, 8);
    return Math.min(length, least + Math.floor(random() * length));
  };
  return {
    take: (offered) => cut(offered, 0),
    give: (held) => Math.max(1, cut(held, 1)),
  };
}

/**
 * Numbers from 0 to 1, the same for the same seed on every engine (splitmix32: integer arithmetic only).
 *
 * @example
 * ```ts
 * import { splitmix32 } from "mobcast/memory";
 *
 * const random = splitmix32(7);
 * console.log(random(), random());
 * ```
 */
export function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 2 ** 32;
  };
}
