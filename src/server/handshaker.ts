/**
 * The handshaker: takes connections through their handshake, and gives those that are refused an answer where their
 * protocol has one. Loaded with the first listener that asks its connections for something.
 *
 * @module
 */

import { authorizationStep } from "../admission/authorization.ts";
import { chain, HandshakeReader, type Rejection } from "../admission/handshake.ts";
import type { Publisher } from "../broadcast/publisher.ts";
import { queueControl, sendControl } from "../broadcast/control.ts";
import { ERROR, HUP, READABLE, type Readiness, WRITABLE } from "../contract/adapter.ts";
import type { Poll } from "../reactor/poll.ts";
import type { Connection } from "./connection.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { CloseReason } from "../status/stats.ts";
import type { ReceiveMemory } from "./receive_memory.ts";
import type { Receiver } from "./receiver.ts";
import type { Timeouts } from "./timeouts.ts";

/** What a handshaker uses. */
export interface HandshakerParts {
  readonly poll: Poll;
  readonly publisher: Publisher<Connection>;
  readonly timeouts: Timeouts;
  readonly lifecycle: Lifecycle;
  readonly memory: ReceiveMemory;
  readonly receiver: Receiver;
  /** Why no connection may join; `undefined` while the mob is open. */
  readonly closing: () => string | undefined;
  /** The connection goes without an answer. */
  readonly remove: (connection: Connection, reason: Rejection, why: string) => void;
  /** The connection joins. */
  readonly open: (connection: Connection) => void;
  /** The time, by the adapter's clock. */
  readonly now: () => number;
}

/** Reads connections that have not joined, and writes the answers of their handshakes. */
export class Handshaker {
  readonly #reader: HandshakeReader = new HandshakeReader();
  readonly #with: HandshakerParts;

  /** A handshaker with these parts. */
  constructor(parts: HandshakerParts) {
    this.#with = parts;
  }

  /** A tick begins: its budget is whole. */
  beginTick(): void {
    this.#reader.beginTick();
  }

  /** A connection was accepted: its handshake begins, or it joins at once where the listener asks for none. */
  begin(connection: Connection): void {
    const { poll, publisher, timeouts, lifecycle, open } = this.#with;
    const { token, listener } = connection;
    const { protocol } = listener!;
    const steps = listener!.steps((agreed) => connection.upgrade(protocol!, agreed, publisher.feed(agreed.kind)));
    const ask = lifecycle.hooks.authorization(connection);
    if (ask) steps.push(authorizationStep(ask, () => poll.ready(token, READABLE)));
    connection.handshake = chain(steps, connection);
    if (connection.handshake) timeouts.handshake.set(token);
    else open(connection);
    if (lifecycle.hooks.any) poll.wake();
  }

  /** A connection was refused when it came: the next tick sends its answer. */
  answer({ token }: Connection): void {
    this.#with.timeouts.linger.set(token);
    this.#with.poll.ready(token, WRITABLE);
  }

  /** A connection that has not joined is ready. */
  handle(connection: Connection, readiness: Readiness): void {
    const final = (readiness & (HUP | ERROR)) !== 0;
    if (readiness & WRITABLE) {
      connection.full = false;
      this.#send(connection);
    }
    if (!(readiness & READABLE) && !final) return;
    if (connection.phase === "handshaking") return this.#read(connection, final);
    this.#with.receiver.discard(connection);
    if (final) this.#with.remove(connection, "refused", "");
  }

  /**
   * Refuses a connection. `answer` goes to it first: by default the last bytes that its protocol has for the reason.
   * Without an answer it is gone at once.
   */
  refuse(connection: Connection, reason: Rejection, why: string, answer?: Uint8Array): void {
    const { poll, timeouts, memory, remove } = this.#with;
    const { token, protocol, decoder } = connection;
    const bytes = answer ?? protocol?.closing(reason, decoder);
    if (!bytes) return remove(connection, reason, why);
    this.rejected(connection, reason, why);
    connection.phase = "refused";
    connection.handshake = undefined;
    connection.unread = undefined;
    decoder.reset();
    memory.forget(connection);
    timeouts.handshake.clear(token);
    timeouts.linger.set(token);
    queueControl(connection, bytes);
    // What it still sends is read and dropped: unread bytes would turn its end into a reset.
    poll.ready(token, READABLE);
    this.#send(connection);
  }

  /** The handshake took too long. */
  late(connection: Connection): void {
    this.refuse(connection, "unauthorized", "its handshake took too long");
  }

  /** A connection goes before it has joined. Its reasons are these: the others add up to those that joined. */
  rejected({ socket }: Connection, reason: CloseReason, detail: string = reason): void {
    const { lifecycle, now } = this.#with;
    const rejection = reason === "unauthorized" || reason === "handshake-failed" ? reason : "refused";
    lifecycle.rejected(socket.remoteAddress, rejection, detail, now());
  }

  /** The mob closes: no handshake can be finished. */
  close(connection: Connection, why: string): void {
    const { protocol = undefined } = connection.listener ?? {};
    const answer = connection.protocol?.closing("shutdown", connection.decoder) ?? protocol?.refusal(why);
    this.refuse(connection, "refused", why, answer);
  }

  #read(connection: Connection, final: boolean): void {
    const { poll, lifecycle, memory, closing, remove } = this.#with;
    const why = closing();
    if (why) return final ? remove(connection, "refused", why) : this.close(connection, why);
    const outcome = this.#reader.read(connection.handshake!, connection.socket, final);
    if (outcome.state === "rejected") {
      const { reason = "unauthorized", why, reply } = outcome;
      if (final) return remove(connection, reason, why);
      // Before the change to a protocol the reply is the answer; after it the protocol has one.
      return this.refuse(connection, reason, why, connection.protocol ? undefined : reply);
    }
    if (outcome.reply) queueControl(connection, outcome.reply);
    if (outcome.state === "later") poll.ready(connection.token, READABLE);
    if ("rest" in outcome && outcome.rest.length > 0) connection.unread = outcome.rest;
    if (outcome.state === "accepted") this.#with.open(connection);
    else {
      this.#send(connection);
      // The hook that the last step calls.
      if (lifecycle.hooks.any) poll.wake();
    }
    memory.note(connection);
  }

  /** Sends what waits. The stream of a refused connection ends behind it. */
  #send(connection: Connection): void {
    const { socket } = connection;
    if (connection.full || !connection.control) return;
    connection.full = !sendControl(connection, (bytes) => socket.write(bytes));
    if (connection.full) return;
    if (connection.phase === "refused") socket.shutdown();
  }
}
