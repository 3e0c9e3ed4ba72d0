/**
 * The memory adapter: a network inside one process, with a clock that may be driven by hand and faults drawn from a
 * seed. For tests, simulation, and users who test what they build on mobcast.
 *
 * @module
 */

import type { Adapter, DialOptions, ListeningSocket, ListenOptions, Registry } from "../src/contract/adapter.ts";
import { type Address, formatAddress, formatHostPort, UNIX_REMOTE } from "../src/contract/address.ts";
import { AwakeClock } from "../src/reactor/awake_clock.ts";
import { type PairedSocket, type SocketFaults, socketPair } from "../src/contract/socket_pair.ts";
import { Queue } from "../src/contract/queue.ts";
import { HANDSHAKE_TIMEOUT } from "../src/contract/tls.ts";
import { eventLoop } from "./shared/event_loop.ts";

export type { ResetShape, SocketFaults as PipeFaults } from "../src/contract/socket_pair.ts";

/** How a network misbehaves. What is not given does not happen. */
export interface MemoryFaults extends Partial<SocketFaults> {
  /** Why the next accept fails, asked once for each try; `undefined` when it does not. */
  readonly accept?: () => Error | undefined;
  /** What becomes of the next handshake at a listener over TLS; `undefined` when it succeeds. */
  readonly handshake?: () => "fails" | "hangs" | undefined;
}

/** How to build a {@link memoryAdapter}. */
export interface MemoryOptions {
  /** Bytes a connection holds in each direction before its writer has to wait. Default 256 KiB. */
  readonly capacity?: number;
  /**
   * When set, reads and writes are cut at random places and writes are refused now and then, all drawn from this
   * number: the same seed gives the same run.
   */
  readonly seed?: number;
  /** Faults of one's own making, instead of those drawn from a seed. */
  readonly faults?: MemoryFaults;
  /**
   * When true nothing runs by itself: time stands still and ticks wait until `run` and `advance` are called. Default
   * false: ticks run on the runtime's event loop, and time is real.
   */
  readonly manual?: boolean;
}

/** The memory adapter, and the handles that drive it when it is `manual`. */
export interface MemoryAdapter extends Adapter {
  /** Runs deferred ticks until none is left. Returns how many ran. At most `limit`; more means they never settle. */
  run(limit?: number): number;
  /** Moves the clock on by so many milliseconds, running each timer when its time comes, and the turns it causes. */
  advance(milliseconds: number): void;
  /**
   * The process stops, as at SIGSTOP: until `resume` the clock goes on with `advance`, no timer and no tick runs, and
   * what happens to connections that came through a listener is not noticed.
   */
  suspend(): void;
  /**
   * The process goes on. As on runtimes that run timers before they look at sockets, the timers that are due and their
   * ticks run first, and a few milliseconds later what had happened to the sockets is told.
   */
  resume(): void;
  /** How many timers are set. */
  readonly timers: number;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** An open listener, and who knocks at it. */
interface Listener {
  readonly registry: Registry;
  /** Whether there are handshakes: bytes travel as they do anywhere here. */
  readonly tls: boolean;
  /** What ends each handshake that hangs. */
  readonly hanging: Set<() => void>;
  /** Connections that were not accepted yet. */
  readonly backlog: Queue<PairedSocket>;
  /** An accept failed, and the registry has not said that it is time for the next one. */
  waiting: boolean;
}

/** Errors that take the incoming connection with them; after any other it waits in the backlog, as with a kernel. */
const INCOMING_GONE: ReadonlySet<string> = new Set(["ECONNABORTED", "ECONNRESET", "ENOTCONN", "EPROTO"]);

/**
 * Makes a network of its own: listeners of one memory adapter are reached only through the same adapter.
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
    const [outside, inside] = socketPair(server, client, { ...(capacity !== undefined && { capacity }), faults });
    const token = registry.accept(outside);
    if (token === undefined) return Promise.resolve();
    outside.attach(registry, token);
    listener.backlog.push(inside);
    loop.notice(() => acceptAll(listener));
    return Promise.resolve();
  }

  /** Lets in everybody who knocks, until an accept fails. */
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

  /** A handshake. As in TLS 1.3 the client believes that it is in, and learns later that it is not. */
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

/** An event loop as this adapter needs it: `notice` does at once what the process notices, or when it goes on. */
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

/** Milliseconds from the moment when a stopped process goes on to that when it looks at its sockets. */
const UNTIL_NOTICED = 10;

/** Ticks and timers that wait to be told. */
function manualLoop(): Loop {
  let ticks: (() => void)[] = [];
  const timers = new Set<Timer>();
  let clock = 0;
  /** What has happened while the process is stopped; `undefined`: it runs. */
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

/** Cuts drawn from a seed: half of all reads and writes pass whole, the others stop anywhere, often after 1 or 8. */
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
