/**
 * The dispatcher: handles events, and moves every connection through its life.
 *
 * The ancestor's lesson is in `Dispatcher.#tick`: an event may name a connection that an earlier event of the same
 * batch has removed. So the token is looked up before each event is handled, and on any error it is just removed.
 *
 * @module
 */

import { type Adapter, ERROR, HUP, READABLE, type Readiness, WRITABLE } from "../contract/adapter.ts";
import { AcceptBackoff } from "../admission/accept_backoff.ts";
import { Admission } from "../admission/admission.ts";
import type { Numbering } from "../framing/hello.ts";
import { Publisher } from "../broadcast/publisher.ts";
import type { Relay } from "../bus/relay.ts";
import { INDEX_LIMIT, type Token } from "../contract/token.ts";
import { Poll } from "../reactor/poll.ts";
import { Slab } from "../reactor/slab.ts";
import { Acceptor, ANSWERS } from "./acceptor.ts";
import { Arrivals } from "./arrivals.ts";
import { type Connection, endOf } from "./connection.ts";
import { listConnections } from "./connection_list.ts";
import { Delivery } from "./delivery.ts";
import { Expiry } from "./expiry.ts";
import type { Handshaker, HandshakerParts } from "./handshaker.ts";
import type { MobHooks } from "./hooks.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { Listener } from "./listener.ts";
import { OnBus } from "./on_bus.ts";
import type { ResolvedOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { RateLimit } from "./rate_limit.ts";
import { ReceiveMemory } from "./receive_memory.ts";
import { type Allows, Receiver } from "./receiver.ts";
import type { EventStream } from "../status/event_stream.ts";
import type { CloseReason, ConnectionQuery, ConnectionStats, MobStats } from "../status/stats.ts";
import { Timeouts } from "./timeouts.ts";

/** All connections of a mob, and everything that happens to them. */
export class Dispatcher {
  /** Why no connection may join any more; `undefined` while the mob is open. Only the dispatcher writes it. */
  closing: string | undefined;
  /** Makes connections of what is accepted. */
  readonly arrivals: Arrivals;
  /** The mob on its bus; `undefined`: it has none. */
  readonly bus: OnBus | undefined;
  readonly #adapter: Adapter;
  readonly #poll: Poll;
  readonly #slab: Slab<Connection>;
  readonly #admission: Admission;
  readonly #handshakerParts: HandshakerParts;
  readonly #expiry: Expiry;
  readonly #publisher: Publisher<Connection>;
  readonly #receiver: Receiver;
  readonly #memory: ReceiveMemory;
  readonly #rate: RateLimit | undefined;
  readonly #timeouts: Timeouts;
  readonly #lifecycle: Lifecycle;
  readonly #outbox: Outbox;
  readonly #acceptBackoff: AcceptBackoff;
  readonly #acceptor: Acceptor;
  readonly #delivery: Delivery;
  #draining = false;
  /** Whether a closing mob waits for nothing more. */
  #dropped = false;
  #empty: (() => void) | undefined;
  /** When this tick began, by the adapter's clock. */
  #now: number;
  /** Whether a tick is at work on connections: what the application asks for then waits. */
  #working = false;
  /** What the application asked for meanwhile. */
  #afterwards: (() => void)[] = [];
  /** Connections that go at the end of the tick. */
  readonly #doomed: Set<Connection> = new Set();

  /** Makes a dispatcher with no connections. */
  constructor(adapter: Adapter, options: ResolvedOptions, hooks: MobHooks, relay: Relay | undefined) {
    const wake = (): void => this.#poll.wake();
    this.#adapter = adapter;
    this.#now = adapter.now();
    this.#poll = new Poll(adapter, (events) => this.#tick(events));
    this.#slab = new Slab({ capacity: Math.min(options.maxConnections + ANSWERS, INDEX_LIMIT) });
    this.#admission = new Admission(options, adapter.capacity);
    this.#acceptBackoff = new AcceptBackoff(adapter);
    this.#lifecycle = new Lifecycle(hooks, () => adapter.now());
    this.#memory = new ReceiveMemory(options.maxReceiveMemory);
    this.#timeouts = new Timeouts(adapter, options, wake);
    if (options.maxFrameRate > 0 || options.maxByteRate > 0) this.#rate = new RateLimit(options, adapter, wake);
    this.#delivery = new Delivery(this.#timeouts, this.#lifecycle, () => this.#receiver);
    this.#publisher = new Publisher(options.framing, options, this.#delivery);
    this.bus = relay && new OnBus(relay, options, {
      now: () => adapter.now(),
      poll: this.#poll,
      slab: this.#slab,
      publisher: this.#publisher,
      timeouts: this.#timeouts,
      lifecycle: this.#lifecycle,
      depart: (connection) => this.#depart(connection),
      cut: (connection) => this.#leave(connection, "gap"),
    });
    const uplink = this.bus?.link ?? this.#publisher;
    const allows: Allows = (message, connection) =>
      !this.#doomed.has(connection) && this.#lifecycle.hooks.allows(message, connection) &&
      !this.#doomed.has(connection);
    this.#receiver = new Receiver(options, uplink, {
      poll: this.#poll,
      deadlines: this.#timeouts.frame,
      rate: this.#rate,
      memory: this.#memory,
      allows: this.#lifecycle.hooks.readsMessages ? allows : undefined,
    });
    this.#outbox = new Outbox(uplink, this.#receiver.tickBudget / 2);
    const parts = {
      adapter,
      poll: this.#poll,
      slab: this.#slab,
      publisher: this.#publisher,
      timeouts: this.#timeouts,
      lifecycle: this.#lifecycle,
      memory: this.#memory,
      receiver: this.#receiver,
      admission: this.#admission,
      acceptBackoff: this.#acceptBackoff,
      closing: () => this.closing,
      remove: (connection: Connection, reason: CloseReason, why?: string) => this.#remove(connection, reason, why),
      now: () => adapter.now(),
    };
    this.#acceptor = new Acceptor(options, parts);
    this.arrivals = new Arrivals({ ...parts, acceptor: this.#acceptor });
    this.#handshakerParts = { ...parts, open: (connection) => this.arrivals.open(connection) };
    this.#expiry = new Expiry({
      poll: this.#poll,
      slab: this.#slab,
      timeouts: this.#timeouts,
      rate: this.#rate,
      receiver: this.#receiver,
      late: (connection) => this.arrivals.handshaker!.late(connection),
      end: (connection, reason) => this.#end(connection, reason),
      depart: (connection) => this.#depart(connection),
      remove: (connection, reason) => this.#remove(connection, reason),
      failed: (connection, error) => this.#failed(connection, error),
    });
  }

  /** What happens. */
  get events(): EventStream {
    return this.#lifecycle.events;
  }

  /** How offsets count for connections that resume. */
  get numberings(): Numbering[] {
    return this.#publisher.numberings;
  }

  /** Connections now. */
  get connectionCount(): number {
    return this.#lifecycle.counters.connections;
  }

  /** Everything that is counted. */
  stats(listeners: readonly Listener[]): MobStats {
    this.#publisher.seal();
    return this.#lifecycle.counters.stats(this.#slab, listeners, this.#publisher, {
      handshakes: this.#admission.handshakes,
      acceptFailures: this.#acceptBackoff.failures,
      receiveBytes: this.#memory.bytes,
      withheld: { ...this.#receiver.withheld },
      hookFailures: this.#lifecycle.hooks.failures,
      bufferedAmount: this.#outbox.bufferedAmount,
      bus: this.bus?.stats(),
    });
  }

  /** The connections that have joined. */
  connections(query: ConnectionQuery): ConnectionStats[] {
    this.#publisher.seal();
    return listConnections(this.#slab, query, this.#adapter.now(), this.#timeouts);
  }

  /** Whether the application decides which connections join. */
  get authorizes(): boolean {
    return this.#lifecycle.hooks.authorizes;
  }

  /** From now on connections have a handshake, where their listener or the application asks for one. */
  takeHandshakes(kind: typeof Handshaker): void {
    this.arrivals.handshaker ??= new kind(this.#handshakerParts);
  }

  /** Publishes what was read so far, then drains all connections; calls `empty` when the last one is gone. */
  drain(why: string, empty: () => void): void {
    this.closing = why;
    this.#empty = empty;
    this.#draining = true;
    this.#poll.wake();
  }

  /** Publishes a frame of the application. Returns whether it is published at once. */
  publish(frame: Uint8Array): boolean {
    this.#poll.wake();
    return this.#outbox.push(frame);
  }

  /** Removes a connection; while a tick works on connections, at its end. Returns whether there was one. */
  disconnect(token: Token, detail: string | undefined): boolean {
    const connection = this.#slab.get(token);
    if (!connection) return false;
    this.#doomed.add(connection);
    this.#whenDone(() => this.#end(connection, "disconnected", detail));
    return true;
  }

  /** Drops all connections now; while a tick works on connections, at its end. */
  drop(): void {
    this.#whenDone(() => {
      this.#draining = false;
      this.#dropped = true;
      this.#outbox.clear();
      for (const connection of [...this.#slab.values()]) this.#remove(connection, connection.closeReason ?? "shutdown");
    });
  }

  /** Runs what removes connections: now, or when the tick has done its work on them. */
  #whenDone(action: () => void): void {
    if (this.#working) this.#afterwards.push(action);
    else action();
    this.#poll.wake();
  }

  // --- a tick ---

  /** Handles one batch of events: read, write to all, remove what is late, call the hooks. */
  #tick(events: ReadonlyMap<Token, Readiness>): void {
    this.#now = this.#adapter.now();
    this.#timeouts.beginTick();
    this.#working = true;
    this.#outbox.beginTick();
    this.#receiver.beginTick();
    this.arrivals.handshaker?.beginTick();
    for (const [token, readiness] of events) {
      const connection = this.#slab.get(token);
      if (!connection) {
        // An earlier event, of this batch or another, has removed the connection. That is normal, and costs nothing.
        this.#lifecycle.counters.staleEvents++;
        continue;
      }
      try {
        this.#handle(connection, readiness);
      } catch (error) {
        this.#failed(connection, error);
      }
    }
    if (this.#draining) this.#drainAll();
    this.bus?.tick();
    this.#publisher.flush();
    const { broken } = this.#delivery;
    if (broken.length > 0) { for (const [connection, error] of broken.splice(0)) this.#failed(connection, error); }
    // A closing mob publishes nothing more: no lag grows, and drainTimeout bounds it.
    const over = this.closing ? [] : this.#publisher.overLimit();
    for (const connection of over) this.#remove(connection, "lagged");
    for (const connection of this.#memory.overLimit()) this.#end(connection, "receive-memory");
    this.#expiry.run();
    this.#working = false;
    if (this.#afterwards.length > 0) { for (const action of this.#afterwards.splice(0)) action(); }
    this.#publisher.settle();
    if (this.#receiver.released || this.#outbox.ready || this.bus?.link.released) this.#poll.wake();
    if (this.#lifecycle.hooks.any) this.#lifecycle.hooks.tell();
    if (this.#empty && this.#isDrained) this.#finish(this.#empty);
    this.#lifecycle.counters.tickDurations.add(this.#adapter.now() - this.#now);
  }

  #handle(connection: Connection, readiness: Readiness): void {
    if (!connection.joined) this.arrivals.handshaker!.handle(connection, readiness);
    else if (readiness & WRITABLE) connection.feed.resume(connection);
    const final = (readiness & (HUP | ERROR)) !== 0;
    if (!(readiness & READABLE) && !final) return;
    if (connection.phase === "open") {
      this.#read(connection, readiness, final);
    } else if (connection.closeReason) {
      this.#receiver.discard(connection);
      if (final) this.#remove(connection, connection.closeReason!);
    }
  }

  /** An open connection is readable; `final`: no more will come. */
  #read(connection: Connection, readiness: Readiness, final: boolean): void {
    this.#timeouts.idle.set(connection.token, this.#timeouts.now);
    if (final && this.#receiver.holdsEnd(connection, readiness & ~WRITABLE)) return;
    const outcome = this.#receiver.read(connection, this.#now, final);
    if (outcome === "failed") this.#broke(connection, final);
    else if (final) this.#remove(connection, endOf(connection, readiness));
    else if (outcome === "end") this.#leave(connection, endOf(connection, readiness));
  }

  /** The connection has sent what its framing or its protocol does not allow. */
  #broke(connection: Connection, final: boolean): void {
    const { failure } = connection.decoder;
    const reason = !failure || failure.tooLarge ? "frame-too-large" : "protocol-error";
    if (final) this.#remove(connection, reason, failure?.why);
    else this.#end(connection, reason, failure?.why);
  }

  /** A defect of mobcast costs the connection it happens to, and no other. */
  #failed(connection: Connection, error: unknown): void {
    this.#lifecycle.failed(connection.socket.remoteAddress, error, this.#now);
    this.#end(connection, "internal");
  }

  // --- leaving ---

  /** The connection leaves, as soon as what it has sent is back where that goes over a bus. */
  #leave(connection: Connection, reason: CloseReason): void {
    connection.closeReason = reason;
    this.#receiver.forget(connection);
    this.#timeouts.idle.clear(connection.token);
    this.#timeouts.ping.clear(connection.token);
    if (reason !== "gap" && this.bus?.awaits(connection)) connection.phase = "returning";
    else this.#depart(connection);
    // What it still sends is read and dropped: unread bytes would turn its end into a reset.
    if (connection.protocol) this.#poll.ready(connection.token, READABLE);
  }

  /** Drains the connection: it receives what has been published until now, then the end of the stream. */
  #depart(connection: Connection): void {
    connection.phase = "draining";
    this.#timeouts.returning.clear(connection.token);
    connection.feed.finish(connection, connection.protocol?.closing(connection.closeReason!, connection.decoder));
  }

  /**
   * Ends a connection for a fault of it or of ours. Where its protocol has last bytes for that, and its socket takes bytes,
   * it leaves with them; otherwise it is removed now.
   */
  #end(connection: Connection, reason: CloseReason, detail?: string): void {
    const { phase, delivery, protocol, decoder } = connection;
    const behind = delivery === "blocked" || delivery === "skipping";
    const leaves = phase === "open" && !behind && protocol?.closing(reason, decoder);
    if (!leaves) return this.#remove(connection, reason, detail);
    connection.closeDetail = detail;
    this.#leave(connection, reason);
  }

  /** Takes the connection off every list and count, and closes its socket. There is no other way out. */
  #remove(connection: Connection, reason: CloseReason, detail?: string): void {
    const { token, socket, feed } = connection;
    if (!this.#slab.remove(token)) return;
    this.#doomed.delete(connection);
    if (connection.phase === "handshaking") {
      this.arrivals.handshaker!.rejected(connection, reason, detail);
    } else if (connection.joined) {
      feed.seal();
      this.#lifecycle.left(connection, reason, detail, this.#now);
      feed.remove(connection);
      this.#receiver.forget(connection);
    }
    this.#memory.forget(connection);
    this.#timeouts.clear(token);
    this.#acceptor.leave(connection);
    socket.close();
    this.#acceptBackoff.tryNow();
  }

  /** Publishes what the adapter has read of every connection, then drains all of them. */
  #drainAll(): void {
    this.#draining = false;
    this.#outbox.flush();
    this.bus?.drain();
    const staying = [...this.#slab.values()].filter(({ phase }) => phase === "handshaking" || phase === "open");
    for (const connection of staying) {
      try {
        if (connection.phase === "handshaking") this.arrivals.handshaker!.close(connection, this.closing!);
        else if (this.#receiver.read(connection, this.#now, true) === "failed") this.#broke(connection, false);
      } catch (error) {
        this.#failed(connection, error);
      }
    }
    for (const connection of staying) {
      if (connection.phase === "open" && this.#slab.contains(connection.token)) this.#leave(connection, "shutdown");
    }
  }

  /** Whether nothing is left. A hook of this tick may have closed the mob, and what it has sent may be on a bus. */
  get #isDrained(): boolean {
    return !this.#draining && this.#slab.size === 0 && (this.#dropped || !this.bus || this.bus.link.empty);
  }

  #finish(empty: () => void): void {
    this.#empty = undefined;
    this.#publisher.close();
    this.#timeouts.stop();
    this.#acceptor.stop();
    this.#acceptBackoff.tryNow();
    this.#rate?.waiting.stop();
    empty();
  }
}
