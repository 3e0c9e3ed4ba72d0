/**
 * Dispatch: what happens to a connection when an event names it.
 *
 * The ancestor's lesson is in {@link Dispatcher.tick}: state and events drift apart, so an event may name a connection
 * that an earlier event of the same batch has removed. Look the token up before handling the event, and on any error
 * just remove it.
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
import { Feed } from "../broadcast/feed.ts";
import { Counters, deliveryCounts } from "./counters.ts";
import type { Connection } from "./connection.ts";
import { type Deadlines, Timeouts } from "../reactor/deadlines.ts";
import { Receiver } from "./receiver.ts";
import { EventLog } from "./event_log.ts";
import { Admission } from "../admission/admission.ts";
import { HookQueue, type MobHooks } from "./hooks.ts";
import type { ResolvedOptions } from "./options.ts";
import { Poll } from "../reactor/poll.ts";
import { RateLimit } from "./rate_limit.ts";
import { Slab } from "../reactor/slab.ts";
import type { CloseReason, ConnectionStats, MobStats } from "./stats.ts";
import type { Token } from "../contract/token.ts";

/** All connections of a mob, and everything that happens to them. */
export class Dispatcher {
  /** What adapters call. */
  readonly registry: Registry;
  /** Why nobody is let in any more; `undefined` while the mob is open. */
  closing: string | undefined;

  readonly #adapter: Adapter;
  readonly #poll: Poll;
  readonly #slab: Slab<Connection>;
  readonly #admission: Admission;
  readonly #broadcast: Feed;
  readonly #receiver: Receiver;
  readonly #rate: RateLimit | undefined;
  readonly #timeouts: Timeouts;
  readonly #news: HookQueue;
  readonly #counters: Counters = new Counters();
  readonly #eventLog: EventLog = new EventLog();
  readonly #backoff: AcceptBackoff;
  /** Whose sockets threw while the broadcast gave. */
  readonly #broken: [Connection, unknown][] = [];
  #draining = false;
  #empty: (() => void) | undefined;
  /** The time of this tick, and that of its deadlines. */
  #now: number;
  #awake = 0;

  /** A dispatcher with no connections. */
  constructor(adapter: Adapter, options: ResolvedOptions, hooks: MobHooks) {
    const wake = (): void => this.#poll.wake();
    this.#adapter = adapter;
    this.#now = adapter.now();
    this.#poll = new Poll(adapter, (events) => this.#tick(events));
    this.#slab = new Slab({ capacity: options.maxConnections });
    this.#backoff = new AcceptBackoff(adapter);
    this.#news = new HookQueue(hooks);
    this.#timeouts = new Timeouts(adapter, options, wake);
    if (options.maxFrameRate > 0 || options.maxByteRate > 0) this.#rate = new RateLimit(options, adapter, wake);
    this.#broadcast = new Feed(options, {
      blocked: (connection) => this.#blocked(connection),
      progressed: (connection) => this.#progressed(connection),
      caughtUp: (connection) => this.#caughtUp(connection),
      failed: (connection, error) => this.#broken.push([connection, error]),
    });
    this.#receiver = new Receiver(options, this.#broadcast, this.#poll, this.#timeouts.frame, this.#rate);
    this.#admission = new Admission({
      adapter,
      options,
      poll: this.#poll,
      slab: this.#slab,
      broadcast: this.#broadcast,
      timeouts: this.#timeouts,
      news: this.#news,
      counters: this.#counters,
      eventLog: this.#eventLog,
      backoff: this.#backoff,
      closing: () => this.closing,
    });
    this.registry = {
      handshakeStarted: (remoteAddress) => this.#admission.knock(remoteAddress),
      handshakeFailed: (remoteAddress, error) => this.#admission.handshakeFailed(remoteAddress, error),
      accept: (socket) => this.#admission.accept(socket),
      ready: (token, readiness) => this.#poll.ready(token, readiness),
      acceptFailed: (error) => this.#backoff.failed(error),
    };
  }

  /** Everything that is counted. */
  stats(): MobStats {
    const { handshakes } = this.#admission;
    return this.#counters.stats(this.#slab, this.#broadcast, { handshakes, acceptFailures: this.#backoff.failures });
  }

  /** Who is connected, the furthest behind first. */
  connections(): ConnectionStats[] {
    return this.#counters.connections(this.#slab, this.#broadcast, this.#adapter.now());
  }

  /** Lets the application join, and names its connection, or says what keeps it out. */
  admit(socket: Socket): Token | string {
    return this.#admission.join(socket);
  }

  /** Lets everybody have what was read so far, then leave; `empty` is called when the last one is gone. */
  drain(empty: () => void): void {
    this.#empty = empty;
    this.#draining = true;
    this.#poll.wake();
  }

  /** Drops everybody now. */
  drop(): void {
    this.#draining = false;
    for (const connection of [...this.#slab.values()]) this.#remove(connection, connection.leaving ?? "shutdown");
    this.#poll.wake();
  }

  // --- a tick ---

  /** One batch of events: handle each, give everybody the news, deal with the late, tell the application. */
  #tick(events: ReadonlyMap<Token, Readiness>): void {
    this.#now = this.#adapter.now();
    this.#awake = this.#timeouts.clock.now();
    this.#counters.ticks++;
    this.#receiver.beginTick();
    this.#admission.beginTick();
    for (const [token, readiness] of events) {
      const connection = this.#slab.get(token);
      if (connection === undefined) {
        // An earlier event, of this batch or another, has removed it. That is normal, and costs nothing.
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
    this.#broadcast.flush();
    for (const [connection, error] of this.#broken) this.#failed(connection, error);
    this.#broken.length = 0;
    // A closing mob has published its last: nobody's lag grows any more, and drainTimeout bounds it.
    const over = this.closing === undefined ? this.#broadcast.overLimit() : [];
    for (const connection of over) this.#remove(connection, "lagged");
    this.#expire();
    this.#broadcast.settle();
    if (this.#receiver.released) this.#poll.wake();
    if (this.#news.any) this.#news.tell();
    if (this.#empty !== undefined && this.#slab.size === 0) this.#finish(this.#empty);
  }

  #handle(connection: Connection, readiness: Readiness): void {
    if ((readiness & WRITABLE) !== 0) this.#broadcast.resume(connection);
    const final = (readiness & (HUP | ERROR)) !== 0;
    if ((readiness & READABLE) === 0 && !final) return;
    if (connection.receiving !== undefined && !this.#admission.meet(connection, final)) return;
    const leaving = connection.leaving !== undefined;
    if (!leaving) this.#timeouts.idle.set(connection.token, this.#awake);
    if (final && !leaving && this.#receiver.spent) return this.#postpone(connection, readiness);
    const outcome = leaving ? this.#receiver.discard(connection) : this.#receiver.read(connection, this.#now, final);
    if (outcome === "too-large") this.#remove(connection, "frame-too-large");
    else if (final) this.#remove(connection, connection.leaving ?? this.#endOf(connection, readiness));
    else if (outcome === "end" && !leaving) this.#leave(connection, this.#endOf(connection, readiness));
  }

  /** What many have said who go at once does not fit into one tick: those who stay would fall behind by it. */
  #postpone({ token }: Connection, readiness: Readiness): void {
    this.#timeouts.frame.clear(token);
    this.#poll.ready(token, readiness & ~WRITABLE);
  }

  /** What kind of end this is. Where a runtime shows a reset as an end, only the framing can tell. */
  #endOf(connection: Connection, readiness: Readiness): CloseReason {
    if ((readiness & ERROR) !== 0) return "reset";
    return connection.decoder.pending > 0 ? "truncated" : "end";
  }

  /** One connection's trouble is its own, even when the trouble is a defect of ours. */
  #failed(connection: Connection, error: unknown): void {
    this.#eventLog.failed(connection.socket.remoteAddress, error, this.#now);
    this.#remove(connection, "internal");
  }

  // --- from the broadcast, while it gives ---

  #blocked({ token }: Connection): void {
    if (!this.#timeouts.stall.has(token)) this.#timeouts.stall.set(token, this.#awake);
  }

  #progressed(connection: Connection): void {
    const { token } = connection;
    if (this.#timeouts.stall.has(token)) this.#timeouts.stall.set(token, this.#awake);
    if (connection.leaving === undefined) this.#timeouts.idle.set(token, this.#awake);
    this.#receiver.unpause(connection);
  }

  #caughtUp(connection: Connection): void {
    this.#timeouts.stall.clear(connection.token);
    if (connection.leaving === undefined) {
      this.#receiver.unpause(connection);
    } else if (!connection.shut) {
      connection.shut = true;
      connection.socket.shutdown();
      this.#timeouts.linger.set(connection.token, this.#awake);
    }
  }

  // --- ends ---

  /** The connection is given what has been published until now, then the end of the stream. */
  #leave(connection: Connection, reason: CloseReason): void {
    connection.leaving = reason;
    connection.until = this.#broadcast.log.end;
    connection.framesAtUntil = this.#broadcast.log.frames;
    this.#receiver.forget(connection);
    this.#timeouts.idle.clear(connection.token);
    this.#broadcast.finish(connection);
  }

  #remove(connection: Connection, reason: CloseReason): void {
    const { token, socket } = connection;
    if (connection.receiving !== undefined) return this.#admission.dismiss(connection, reason);
    if (this.#slab.remove(token) === undefined) return;
    const accounts = deliveryCounts(connection, this.#broadcast);
    this.#broadcast.remove(connection);
    this.#receiver.forget(connection);
    this.#timeouts.clear(token);
    this.#admission.left(socket.remoteAddress);
    socket.close();
    this.#backoff.tryNow();
    this.#counters.closed(connection, reason, accounts);
    this.#eventLog.left(connection, reason, accounts.lag.bytes, this.#now);
    this.#news.left({ token, remoteAddress: socket.remoteAddress, reason });
  }

  /** Deals with those whose time is up. Input came first: who was late only because we were is not late. */
  #expire(): void {
    this.#late(this.#timeouts.frame, (connection) => this.#remove(connection, "frame-timeout"));
    this.#late(this.#timeouts.secret, (connection) => this.#admission.unauthorized(connection, "it took too long"));
    this.#late(this.#timeouts.idle, (connection) => {
      // Its bytes wait for us: it is not idle.
      if (this.#receiver.holds(connection)) this.#timeouts.idle.set(connection.token, this.#awake);
      else this.#remove(connection, "idle");
    });
    this.#late(this.#timeouts.linger, (connection) => this.#remove(connection, connection.leaving ?? "shutdown"));
    this.#late(this.#timeouts.stall, (connection) => {
      // Under `skip` a connection can be full and owed nothing: it is not late, and is watched on.
      if (connection.leaving !== undefined || this.#broadcast.hasPending(connection)) {
        this.#remove(connection, "stalled");
      } else this.#timeouts.stall.set(connection.token, this.#awake);
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

  /** What every connection has sent and the adapter has read is published; then all are on their way out. */
  #drainAll(): void {
    this.#draining = false;
    const staying = [...this.#slab.values()].filter((connection) => connection.leaving === undefined);
    for (const connection of staying) {
      if (connection.receiving !== undefined) {
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
    this.#backoff.tryNow();
    this.#rate?.waiting.stop();
    empty();
  }
}
