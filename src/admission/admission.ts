/**
 * Incoming connections: from the listener to membership, by way of a handshake and the shared secret where there are such.
 *
 * A *unauthenticated connection* is a connection that has yet to say the secret. It has a place in the slab and counts for the limits of
 * connections; it is no member: it is given nothing, listed nowhere and announced to nobody. Whoever never became a
 * member ends as `refused`, `handshake-failed` or `unauthorized`, and in no other way.
 *
 * @module
 */

import { type Adapter, READABLE, type Socket } from "../contract/adapter.ts";
import type { AcceptBackoff } from "./accept_backoff.ts";
import type { Feed } from "../broadcast/feed.ts";
import type { Counters } from "../server/counters.ts";
import { Connection } from "../server/connection.ts";
import type { Timeouts } from "../reactor/deadlines.ts";
import { FrameDecoder, type FrameDecoderOptions } from "../framing/decoder.ts";
import { Gate } from "./gate.ts";
import type { EventLog } from "../server/event_log.ts";
import type { HookQueue } from "../server/hooks.ts";
import type { ResolvedOptions } from "../server/options.ts";
import { ReceiveBuffer } from "../framing/receive_buffer.ts";
import type { Poll } from "../reactor/poll.ts";
import { SecretCheck } from "./secret.ts";
import type { Slab } from "../reactor/slab.ts";
import type { Token } from "../contract/token.ts";

/** Bytes read from one unauthenticated connection in a tick: pings and one secret need no more. */
const READ_BUDGET = 64 * 1024;

/** Bytes read from all unauthenticated connections in a tick, one chunk more at most, so that a crowd of them keeps no member waiting. */
const TICK_BUDGET = 256 * 1024;

/** Whom incoming connections have to do with. */
export interface Surroundings {
  readonly adapter: Adapter;
  readonly options: ResolvedOptions;
  readonly poll: Poll;
  readonly slab: Slab<Connection>;
  readonly broadcast: Feed;
  readonly timeouts: Timeouts;
  readonly news: HookQueue;
  readonly counters: Counters;
  readonly eventLog: EventLog;
  readonly backoff: AcceptBackoff;
  /** Why nobody is let in any more; `undefined` while the mob is open. */
  readonly closing: () => string | undefined;
}

/** Lets incoming connections in, or not. */
export class Admission {
  readonly #house: Surroundings;
  readonly #gate: Gate;
  readonly #secret: SecretCheck | undefined;
  readonly #decoding: FrameDecoderOptions;
  #left = TICK_BUDGET;

  /** For the connections of this server. */
  constructor(house: Surroundings) {
    const { options, adapter } = house;
    this.#house = house;
    this.#gate = new Gate(options, adapter.capacity);
    this.#decoding = { framing: options.framing, maxFrame: options.maxFrame, ownsChunks: true };
    if (options.secret !== undefined) this.#secret = new SecretCheck(options.secret, options.framing);
  }

  /** Handshakes under way. */
  get handshakes(): number {
    return this.#gate.handshakes;
  }

  /** A tick begins: its budget is whole. */
  beginTick(): void {
    this.#left = TICK_BUDGET;
  }

  /** A client is at a listener over TLS: whether its handshake may begin. */
  knock(remoteAddress: string): boolean {
    const obstacle = this.#house.closing() ?? this.#gate.knock(remoteAddress);
    if (obstacle !== undefined) this.#refuse(remoteAddress, obstacle);
    return obstacle === undefined;
  }

  /** A handshake came to nothing. */
  handshakeFailed(remoteAddress: string, error: Error): void {
    const { counters, eventLog, adapter, backoff } = this.#house;
    this.#gate.handshakeOver(remoteAddress);
    counters.rejected("handshake-failed");
    eventLog.handshakeFailed(remoteAddress, error, adapter.now());
    backoff.tryNow();
  }

  /** Somebody comes through a listener, after its handshake where there is one. Where there is a secret, an unauthenticated connection. */
  accept(socket: Socket): Token | undefined {
    this.#gate.handshakeOver(socket.remoteAddress);
    const connection = this.#place(socket);
    if (typeof connection === "string") return undefined;
    const { timeouts } = this.#house;
    if (this.#secret === undefined) {
      this.#welcome(connection);
    } else {
      connection.receiving = new ReceiveBuffer(false);
      timeouts.secret.set(connection.token);
    }
    return connection.token;
  }

  /** The application joins: it need not say the secret. Its token, or what keeps it out. */
  join(socket: Socket): Token | string {
    const connection = this.#place(socket);
    if (typeof connection === "string") return connection;
    this.#welcome(connection);
    return connection.token;
  }

  /**
   * An unauthenticated connection has something to say, the last thing when `final`. Says whether it is a member now, with what it said
   * behind the secret waiting to be read.
   */
  meet(connection: Connection, final: boolean): boolean {
    const { closing, poll } = this.#house;
    const { receiving, socket } = connection;
    const closed = closing();
    if (closed !== undefined) return this.#turnAway(connection, "refused", closed);
    let left = final ? Infinity : Math.min(READ_BUDGET, this.#left);
    while (left > 0) {
      const chunk = socket.read();
      if (chunk === null || (chunk === undefined && final)) return this.unauthorized(connection, "it left without it");
      if (chunk === undefined) return false;
      left -= chunk.length;
      this.#left -= chunk.length;
      const behind = this.#secret!.receive(receiving!, chunk);
      if (behind === "wrong") return this.unauthorized(connection, "what it said is not the secret");
      if (behind === undefined) continue;
      connection.receiving = undefined;
      if (behind.length > 0) connection.unread = behind;
      this.#welcome(connection);
      return true;
    }
    poll.ready(connection.token, READABLE);
    return false;
  }

  /** An unauthenticated connection has not said the secret. */
  unauthorized(connection: Connection, why: string): false {
    return this.#turnAway(connection, "unauthorized", why);
  }

  /** An unauthenticated connection has to go, through no fault of its own. */
  dismiss(connection: Connection, why: string): void {
    this.#turnAway(connection, "refused", why);
  }

  /** The place of a client that was in is free. */
  left(remoteAddress: string): void {
    this.#gate.leave(remoteAddress);
  }

  /** Gives the socket a place, or says what keeps it out. */
  #place(socket: Socket): Connection | string {
    const { slab, adapter, backoff, closing } = this.#house;
    const obstacle = closing() ?? this.#gate.enter(socket.remoteAddress);
    if (obstacle !== undefined) return this.#refuse(socket.remoteAddress, obstacle);
    const token = slab.insert((token) =>
      new Connection(token, socket, new FrameDecoder(this.#decoding), adapter.now())
    );
    const connection = token === undefined ? undefined : slab.get(token);
    if (connection === undefined) {
      // The gate counts as the slab does, so this is a slab whose slots are retired.
      this.#gate.leave(socket.remoteAddress);
      return this.#refuse(socket.remoteAddress, "no slot is left");
    }
    backoff.succeeded();
    return connection;
  }

  /** From now on it is a member: its stream begins, and it is announced. */
  #welcome(connection: Connection): void {
    const { adapter, broadcast, counters, timeouts, eventLog, news, poll } = this.#house;
    const { token, socket } = connection;
    connection.since = adapter.now();
    broadcast.add(connection);
    counters.joined++;
    timeouts.secret.clear(token);
    timeouts.idle.set(token);
    eventLog.joined(connection);
    news.joined({ token, remoteAddress: socket.remoteAddress });
    if (news.any) poll.wake();
  }

  #turnAway({ token, socket }: Connection, reason: "refused" | "unauthorized", why: string): false {
    const { slab, timeouts, backoff, counters, eventLog, adapter } = this.#house;
    if (slab.remove(token) === undefined) return false;
    timeouts.clear(token);
    this.#gate.leave(socket.remoteAddress);
    socket.close();
    backoff.tryNow();
    counters.rejected(reason);
    eventLog.rejected(socket.remoteAddress, reason, why, adapter.now());
    return false;
  }

  #refuse(remoteAddress: string, obstacle: string): string {
    const { counters, eventLog, adapter } = this.#house;
    counters.rejected("refused");
    eventLog.rejected(remoteAddress, "refused", obstacle, adapter.now());
    return obstacle;
  }
}
