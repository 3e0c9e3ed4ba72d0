/**
 * The dispatcher: handles events, and moves every connection through its life.
 *
 * The ancestor's lesson is in `Dispatcher.#tick`: an event may name a connection that an earlier event of the same
 * batch has removed. So the token is looked up before each event is handled, and on any error it is just removed.
 *
 * @module
 */

import {
  type Adapter,
  ERROR,
  HUP,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../contract/adapter.ts";
import { AcceptBackoff } from "../admission/accept_backoff.ts";
import { Admission } from "../admission/admission.ts";
import { HandshakeReader } from "../admission/handshake.ts";
import { Publisher } from "../broadcast/publisher.ts";
import type { Token } from "../contract/token.ts";
import type { Deadlines } from "../reactor/deadlines.ts";
import { Poll } from "../reactor/poll.ts";
import { Slab } from "../reactor/slab.ts";
import { Acceptor } from "./acceptor.ts";
import type { Connection } from "./connection.ts";
import { Counters, deliveryCounts } from "./counters.ts";
import { EventLog } from "./event_log.ts";
import { HookQueue, type MobHooks } from "./hooks.ts";
import type { Listener } from "./listener.ts";
import type { ResolvedOptions } from "./options.ts";
import { RateLimit } from "./rate_limit.ts";
import { ReceiveMemory } from "./receive_memory.ts";
import { Receiver } from "./receiver.ts";
import type { CloseReason, ConnectionStats, MobStats } from "./stats.ts";
import { Timeouts } from "./timeouts.ts";

/** All connections of a mob, and everything that happens to them. */
export class Dispatcher {
  readonly #adapter: Adapter;
  readonly #poll: Poll;
  readonly #slab: Slab<Connection>;
  readonly #admission: Admission;
  readonly #handshakes: HandshakeReader = new HandshakeReader();
  readonly #publisher: Publisher<Connection>;
  readonly #receiver: Receiver;
  readonly #memory: ReceiveMemory;
  readonly #rate: RateLimit | undefined;
  readonly #timeouts: Timeouts;
  readonly #hooks: HookQueue;
  readonly #counters: Counters = new Counters();
  readonly #eventLog: EventLog = new EventLog();
  readonly #acceptBackoff: AcceptBackoff;
  readonly #acceptor: Acceptor;
  /** Connections whose sockets threw during the flush. */
  readonly #broken: [Connection, unknown][] = [];
  /** Why every new connection is refused; `undefined` while the mob is open. */
  #closing: string | undefined;
  #draining = false;
  #empty: (() => void) | undefined;
  /** The time of this tick by the adapter's clock, and by the clock of the deadlines. */
  #now: number;
  #awake = 0;

  /** Makes a dispatcher with no connections. */
  constructor(adapter: Adapter, options: ResolvedOptions, hooks: MobHooks) {
    const wake = (): void => this.#poll.wake();
    this.#adapter = adapter;
    this.#now = adapter.now();
    this.#poll = new Poll(adapter, (events) => this.#tick(events));
    this.#slab = new Slab({ capacity: options.maxConnections });
    this.#admission = new Admission(options, adapter.capacity);
    this.#acceptBackoff = new AcceptBackoff(adapter);
    this.#hooks = new HookQueue(hooks);
    this.#memory = new ReceiveMemory(options.maxReceiveMemory);
    this.#timeouts = new Timeouts(adapter, options, wake);
    if (options.maxFrameRate > 0 || options.maxByteRate > 0) this.#rate = new RateLimit(options, adapter, wake);
    this.#publisher = new Publisher(options.framing, options, {
      blocked: (connection) => this.#blocked(connection),
      progressed: (connection) => this.#progressed(connection),
      caughtUp: (connection) => this.#caughtUp(connection),
      failed: (connection, error) => this.#broken.push([connection, error]),
    });
    this.#receiver = new Receiver(options, this.#publisher, this.#poll, this.#timeouts.frame, this.#rate, this.#memory);
    this.#acceptor = new Acceptor(options, {
      adapter,
      slab: this.#slab,
      publisher: this.#publisher,
      admission: this.#admission,
      acceptBackoff: this.#acceptBackoff,
      counters: this.#counters,
      eventLog: this.#eventLog,
      closing: () => this.#closing,
    });
  }

  /** Why every new connection is refused; `undefined` while the mob is open. */
  get closing(): string | undefined {
    return this.#closing;
  }

  /** Everything that is counted. */
  stats(): MobStats {
    return this.#counters.stats(this.#slab, this.#publisher, {
      handshakes: this.#admission.handshakes,
      acceptFailures: this.#acceptBackoff.failures,
      receiveBytes: this.#memory.bytes,
    });
  }

  /** All connections that have joined, the furthest behind first. */
  connections(): ConnectionStats[] {
    return this.#counters.connections(this.#slab, this.#adapter.now());
  }

  /** Publishes what was read so far, then drains all connections; calls `empty` when the last one is gone. */
  drain(why: string, empty: () => void): void {
    this.#closing = why;
    this.#empty = empty;
    this.#draining = true;
    this.#poll.wake();
  }

  /** Drops all connections now. */
  drop(): void {
    this.#draining = false;
    for (const connection of [...this.#slab.values()]) this.#remove(connection, connection.closeReason ?? "shutdown");
    this.#poll.wake();
  }

  // --- accepting ---

  /** The registry that the adapter calls for a listener. */
  registryFor(listener: Listener): Registry {
    return {
      handshakeStarted: (remoteAddress) => this.#acceptor.handshakeStarted(listener, remoteAddress),
      handshakeFailed: (remoteAddress, error) => this.#acceptor.handshakeFailed(remoteAddress, error),
      accept: (socket) => this.#accept(listener, socket),
      ready: (token, readiness) => this.#poll.ready(token, readiness),
      acceptFailed: (error) => this.#acceptBackoff.failed(error),
    };
  }

  /** Adds a connection of the application, without a handshake. Returns its token, or why it is refused. */
  join(socket: Socket): Token | string {
    const connection = this.#acceptor.place(undefined, socket);
    if (typeof connection === "string") return connection;
    this.#open(connection);
    return connection.token;
  }

  /** The registry that the sockets of `mob.join()` call. */
  get localRegistry(): Pick<Registry, "ready"> {
    return { ready: (token, readiness) => this.#poll.ready(token, readiness) };
  }

  /** A listener has accepted a client, after its TLS handshake if there is one. */
  #accept(listener: Listener, socket: Socket): Token | undefined {
    const connection = this.#acceptor.accept(listener, socket);
    if (typeof connection === "string") return undefined;
    connection.handshake = listener.handshake();
    if (connection.handshake === undefined) this.#open(connection);
    else this.#timeouts.handshake.set(connection.token);
    return connection.token;
  }

  /** The connection joins: its stream begins here, and `onJoin` will be called. */
  #open(connection: Connection): void {
    const { token, socket, feed } = connection;
    connection.phase = "open";
    connection.handshake = undefined;
    connection.since = this.#adapter.now();
    feed.add(connection);
    this.#counters.joined++;
    this.#timeouts.handshake.clear(token);
    this.#timeouts.idle.set(token);
    this.#eventLog.joined(connection);
    this.#hooks.joined({ token, remoteAddress: socket.remoteAddress });
    if (this.#hooks.any) this.#poll.wake();
  }

  // --- a tick ---

  /** Handles one batch of events: read, write to all, remove what is late, call the hooks. */
  #tick(events: ReadonlyMap<Token, Readiness>): void {
    this.#now = this.#adapter.now();
    this.#awake = this.#timeouts.clock.now();
    this.#counters.ticks++;
    this.#receiver.beginTick();
    this.#handshakes.beginTick();
    for (const [token, readiness] of events) {
      const connection = this.#slab.get(token);
      if (connection === undefined) {
        // An earlier event, of this batch or another, has removed the connection. That is normal, and costs nothing.
        this.#counters.staleEvents++;
        continue;
      }
      try {
        this.#handle(connection, readiness);
      } catch (error) {
        this.#failed(connection, error);
      }
    }
    if (this.#draining) this.#drainAll();
    this.#publisher.flush();
    for (const [connection, error] of this.#broken) this.#failed(connection, error);
    this.#broken.length = 0;
    // A closing mob publishes nothing more: no lag grows, and drainTimeout bounds it.
    const over = this.#closing === undefined ? this.#publisher.overLimit() : [];
    for (const connection of over) this.#remove(connection, "lagged");
    for (const connection of this.#memory.overLimit()) this.#remove(connection, "receive-memory");
    this.#expire();
    this.#publisher.settle();
    if (this.#receiver.released) this.#poll.wake();
    if (this.#hooks.any) this.#hooks.callAll();
    if (this.#empty !== undefined && this.#slab.size === 0) this.#finish(this.#empty);
  }

  #handle(connection: Connection, readiness: Readiness): void {
    if ((readiness & WRITABLE) !== 0) connection.feed.resume(connection);
    const final = (readiness & (HUP | ERROR)) !== 0;
    if ((readiness & READABLE) === 0 && !final) return;
    if (connection.phase === "handshaking") this.#shakeHands(connection, final);
    if (connection.phase === "open") this.#read(connection, readiness, final);
    else if (connection.leaving) this.#discard(connection, final);
  }

  /** A handshaking connection is readable; `final`: no more will come. */
  #shakeHands(connection: Connection, final: boolean): void {
    if (this.#closing !== undefined) return this.#remove(connection, "refused", this.#closing);
    const outcome = this.#handshakes.read(connection.handshake!, connection.socket, final);
    if (outcome.state === "rejected") return this.#remove(connection, "unauthorized", outcome.why);
    if (outcome.state === "later") this.#poll.ready(connection.token, READABLE);
    if (outcome.state === "accepted") {
      if (outcome.rest.length > 0) connection.unread = outcome.rest;
      this.#open(connection);
    }
    this.#memory.note(connection);
  }

  /** An open connection is readable; `final`: no more will come. */
  #read(connection: Connection, readiness: Readiness, final: boolean): void {
    this.#timeouts.idle.set(connection.token, this.#awake);
    if (final && this.#receiver.spent) return this.#postpone(connection, readiness);
    const outcome = this.#receiver.read(connection, this.#now, final);
    if (outcome === "too-large") this.#remove(connection, "frame-too-large");
    else if (final) this.#remove(connection, this.#endOf(connection, readiness));
    else if (outcome === "end") this.#leave(connection, this.#endOf(connection, readiness));
  }

  /** A leaving connection is readable: its bytes are read and dropped. */
  #discard(connection: Connection, final: boolean): void {
    this.#receiver.discard(connection);
    if (final) this.#remove(connection, connection.closeReason!);
  }

  /**
   * The tick's read budget is spent: this final event waits for the next tick, so that many connections ending at once
   * cannot push others over `maxLag`.
   */
  #postpone({ token }: Connection, readiness: Readiness): void {
    this.#timeouts.frame.clear(token);
    this.#poll.ready(token, readiness & ~WRITABLE);
  }

  /** The close reason of an end. Where a runtime shows a reset as an end, only the framing can tell. */
  #endOf(connection: Connection, readiness: Readiness): CloseReason {
    if ((readiness & ERROR) !== 0) return "reset";
    return connection.decoder.pending > 0 ? "truncated" : "end";
  }

  /** A defect of mobcast costs the connection it happens to, and no other. */
  #failed(connection: Connection, error: unknown): void {
    this.#eventLog.failed(connection.socket.remoteAddress, error, this.#now);
    this.#remove(connection, "internal");
  }

  // --- called by a feed while it flushes ---

  #blocked({ token }: Connection): void {
    if (!this.#timeouts.stall.has(token)) this.#timeouts.stall.set(token, this.#awake);
  }

  #progressed(connection: Connection): void {
    const { token } = connection;
    if (this.#timeouts.stall.has(token)) this.#timeouts.stall.set(token, this.#awake);
    if (connection.phase === "open") this.#timeouts.idle.set(token, this.#awake);
    this.#receiver.unpause(connection);
  }

  #caughtUp(connection: Connection): void {
    this.#timeouts.stall.clear(connection.token);
    if (connection.phase === "open") {
      this.#receiver.unpause(connection);
    } else if (connection.phase === "draining") {
      connection.phase = "shut";
      connection.socket.shutdown();
      this.#timeouts.linger.set(connection.token, this.#awake);
    }
  }

  // --- leaving ---

  /** Drains the connection: it receives what has been published until now, then the end of the stream. */
  #leave(connection: Connection, reason: CloseReason): void {
    connection.phase = "draining";
    connection.closeReason = reason;
    this.#receiver.forget(connection);
    this.#timeouts.idle.clear(connection.token);
    connection.feed.finish(connection);
  }

  /** Takes the connection off every list and count, and closes its socket. There is no other way out. */
  #remove(connection: Connection, reason: CloseReason, why: string = reason): void {
    const { token, socket, feed, phase } = connection;
    if (this.#slab.remove(token) === undefined) return;
    const counts = phase === "handshaking" ? undefined : deliveryCounts(connection);
    if (counts !== undefined) {
      feed.remove(connection);
      this.#receiver.forget(connection);
    }
    this.#memory.forget(connection);
    this.#timeouts.clear(token);
    this.#admission.leave(socket.remoteAddress);
    socket.close();
    this.#acceptBackoff.tryNow();
    if (counts !== undefined) {
      this.#counters.closed(connection, reason, counts);
      this.#eventLog.left(connection, reason, counts.lag.bytes, this.#now);
      this.#hooks.left({ token, remoteAddress: socket.remoteAddress, reason });
    } else {
      // A connection that never joined ends as one of two reasons: the others add up to those that joined.
      const rejection = reason === "unauthorized" ? reason : "refused";
      this.#counters.rejected(rejection);
      this.#eventLog.rejected(socket.remoteAddress, rejection, why, this.#adapter.now());
    }
  }

  /** Handles expired deadlines. Input is handled first: a connection that is late only because we were is not late. */
  #expire(): void {
    this.#late(this.#timeouts.frame, (connection) => this.#remove(connection, "frame-timeout"));
    this.#late(
      this.#timeouts.handshake,
      (connection) => this.#remove(connection, "unauthorized", "its handshake took too long"),
    );
    this.#late(this.#timeouts.idle, (connection) => {
      // Its bytes wait for us: the connection is not idle.
      if (this.#receiver.holds(connection)) this.#timeouts.idle.set(connection.token, this.#awake);
      else this.#remove(connection, "idle");
    });
    this.#late(this.#timeouts.linger, (connection) => this.#remove(connection, connection.closeReason ?? "shutdown"));
    this.#late(this.#timeouts.stall, (connection) => {
      // Under `skip` a socket can be full with nothing pending: the connection is not late, and its deadline starts anew.
      if (connection.leaving || connection.feed.hasPending(connection)) this.#remove(connection, "stalled");
      else this.#timeouts.stall.set(connection.token, this.#awake);
    });
    if (this.#rate === undefined) return;
    this.#late(this.#rate.waiting, (connection) => this.#poll.ready(connection.token, READABLE));
  }

  #late(deadlines: Deadlines, deal: (connection: Connection) => void): void {
    if (!deadlines.fired) return;
    for (const token of deadlines.expired()) {
      const connection = this.#slab.get(token);
      if (connection !== undefined) deal(connection);
    }
  }

  /** Publishes what the adapter has read of every connection, then drains all of them. */
  #drainAll(): void {
    this.#draining = false;
    const staying = [...this.#slab.values()].filter((connection) => !connection.leaving);
    for (const connection of staying) {
      if (connection.phase === "handshaking") {
        this.#remove(connection, "shutdown");
        continue;
      }
      try {
        const outcome = this.#receiver.read(connection, this.#now, true);
        if (outcome === "too-large") this.#remove(connection, "frame-too-large");
      } catch (error) {
        this.#failed(connection, error);
      }
    }
    for (const connection of staying) {
      if (this.#slab.contains(connection.token)) this.#leave(connection, "shutdown");
    }
  }

  #finish(empty: () => void): void {
    this.#empty = undefined;
    this.#timeouts.stop();
    this.#acceptBackoff.tryNow();
    this.#rate?.waiting.stop();
    empty();
  }
}
