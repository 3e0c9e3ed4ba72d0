/**
 * Newcomers: from the door to membership, by way of a handshake and the shared secret where there are such.
 *
 * A *stranger* is a connection that has yet to say the secret. It has a place in the slab and counts for the limits of
 * connections; it is no member: it is given nothing, listed nowhere and announced to nobody. Whoever never became a
 * member ends as `refused`, `handshake-failed` or `unauthorized`, and in no other way.
 *
 * @module
 */

import { type Adapter, READABLE, type Socket } from "./adapter.ts";
import type { AcceptBackOff } from "./back_off.ts";
import type { Broadcast } from "./broadcast.ts";
import type { Census } from "./census.ts";
import { Connection } from "./connection.ts";
import type { Timeouts } from "./deadlines.ts";
import { FrameDecoder, type FrameDecoderOptions } from "./frame.ts";
import { Gate } from "./gate.ts";
import type { Journal } from "./journal.ts";
import type { News } from "./news.ts";
import type { ResolvedOptions } from "./options.ts";
import { PartialFrame } from "./partial.ts";
import type { Poll } from "./poll.ts";
import { Secret } from "./secret.ts";
import type { Slab } from "./slab.ts";
import type { Token } from "./token.ts";

/** Bytes read from one stranger in a turn: pings and one secret need no more. */
const READ_BUDGET = 64 * 1024;

/** Bytes read from all strangers in a turn, one chunk more at most, so that a crowd of them keeps no member waiting. */
const TURN_BUDGET = 256 * 1024;

/** Whom newcomers have to do with. */
export interface Household {
  readonly adapter: Adapter;
  readonly options: ResolvedOptions;
  readonly poll: Poll;
  readonly slab: Slab<Connection>;
  readonly broadcast: Broadcast;
  readonly timeouts: Timeouts;
  readonly news: News;
  readonly census: Census;
  readonly journal: Journal;
  readonly backOff: AcceptBackOff;
  /** Why nobody is let in any more; `undefined` while the mob is open. */
  readonly closing: () => string | undefined;
}

/** Lets newcomers in, or not. */
export class Newcomers {
  readonly #house: Household;
  readonly #gate: Gate;
  readonly #secret: Secret | undefined;
  readonly #decoding: FrameDecoderOptions;
  #left = TURN_BUDGET;

  /** For the connections of this household. */
  constructor(house: Household) {
    const { options, adapter } = house;
    this.#house = house;
    this.#gate = new Gate(options, adapter.capacity);
    this.#decoding = { framing: options.framing, maxFrame: options.maxFrame, ownsChunks: true };
    if (options.secret !== undefined) this.#secret = new Secret(options.secret, options.framing);
  }

  /** Handshakes under way. */
  get handshakes(): number {
    return this.#gate.handshakes;
  }

  /** A turn begins: its budget is whole. */
  beginTurn(): void {
    this.#left = TURN_BUDGET;
  }

  /** A peer is at a door over TLS: whether its handshake may begin. */
  knock(peer: string): boolean {
    const obstacle = this.#house.closing() ?? this.#gate.knock(peer);
    if (obstacle !== undefined) this.#refuse(peer, obstacle);
    return obstacle === undefined;
  }

  /** A handshake came to nothing. */
  handshakeFailed(peer: string, error: Error): void {
    const { census, journal, adapter, backOff } = this.#house;
    this.#gate.handshakeOver(peer);
    census.keptOut("handshake-failed");
    journal.handshakeFailed(peer, error, adapter.now());
    backOff.tryNow();
  }

  /** Somebody comes through a door, after its handshake where there is one. Where there is a secret, a stranger. */
  accept(socket: Socket): Token | undefined {
    this.#gate.handshakeOver(socket.peer);
    const connection = this.#place(socket);
    if (typeof connection === "string") return undefined;
    const { timeouts } = this.#house;
    if (this.#secret === undefined) {
      this.#welcome(connection);
    } else {
      connection.hearing = new PartialFrame(false);
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
   * A stranger has something to say, the last thing when `final`. Says whether it is a member now, with what it said
   * behind the secret waiting to be read.
   */
  meet(connection: Connection, final: boolean): boolean {
    const { closing, poll } = this.#house;
    const { hearing, socket } = connection;
    const closed = closing();
    if (closed !== undefined) return this.#turnAway(connection, "refused", closed);
    let left = final ? Infinity : Math.min(READ_BUDGET, this.#left);
    while (left > 0) {
      const chunk = socket.read();
      if (chunk === null || (chunk === undefined && final)) return this.unauthorized(connection, "it left without it");
      if (chunk === undefined) return false;
      left -= chunk.length;
      this.#left -= chunk.length;
      const behind = this.#secret!.hear(hearing!, chunk);
      if (behind === "wrong") return this.unauthorized(connection, "what it said is not the secret");
      if (behind === undefined) continue;
      connection.hearing = undefined;
      if (behind.length > 0) connection.unread = behind;
      this.#welcome(connection);
      return true;
    }
    poll.ready(connection.token, READABLE);
    return false;
  }

  /** A stranger has not said the secret. */
  unauthorized(connection: Connection, why: string): false {
    return this.#turnAway(connection, "unauthorized", why);
  }

  /** A stranger has to go, through no fault of its own. */
  dismiss(connection: Connection, why: string): void {
    this.#turnAway(connection, "refused", why);
  }

  /** The place of a peer that was in is free. */
  left(peer: string): void {
    this.#gate.leave(peer);
  }

  /** Gives the socket a place, or says what keeps it out. */
  #place(socket: Socket): Connection | string {
    const { slab, adapter, backOff, closing } = this.#house;
    const obstacle = closing() ?? this.#gate.enter(socket.peer);
    if (obstacle !== undefined) return this.#refuse(socket.peer, obstacle);
    const token = slab.insert((token) =>
      new Connection(token, socket, new FrameDecoder(this.#decoding), adapter.now())
    );
    const connection = token === undefined ? undefined : slab.get(token);
    if (connection === undefined) {
      // The gate counts as the slab does, so this is a slab whose slots are retired.
      this.#gate.leave(socket.peer);
      return this.#refuse(socket.peer, "no slot is left");
    }
    backOff.succeeded();
    return connection;
  }

  /** From now on it is a member: its stream begins, and it is announced. */
  #welcome(connection: Connection): void {
    const { adapter, broadcast, census, timeouts, journal, news, poll } = this.#house;
    const { token, socket } = connection;
    connection.since = adapter.now();
    broadcast.add(connection);
    census.joined++;
    timeouts.secret.clear(token);
    timeouts.idle.set(token);
    journal.joined(connection);
    news.joined({ token, peer: socket.peer });
    if (news.any) poll.wake();
  }

  #turnAway({ token, socket }: Connection, reason: "refused" | "unauthorized", why: string): false {
    const { slab, timeouts, backOff, census, journal, adapter } = this.#house;
    if (slab.remove(token) === undefined) return false;
    timeouts.clear(token);
    this.#gate.leave(socket.peer);
    socket.close();
    backOff.tryNow();
    census.keptOut(reason);
    journal.keptOut(socket.peer, reason, why, adapter.now());
    return false;
  }

  #refuse(peer: string, obstacle: string): string {
    const { census, journal, adapter } = this.#house;
    census.keptOut("refused");
    journal.keptOut(peer, "refused", obstacle, adapter.now());
    return obstacle;
  }
}
