/**
 * The lifecycle: that a connection joined, left or was refused is counted, logged and told to the application, in one
 * place.
 *
 * @module
 */

import type { Rejection } from "../admission/handshake.ts";
import { Counters, deliveryCounts } from "./counters.ts";
import type { Connection } from "./connection.ts";
import { EventLog } from "./event_log.ts";
import { looksLike } from "../framing/looks_like.ts";
import { Hooks, type MobHooks } from "./hooks.ts";
import type { CloseReason } from "../status/stats.ts";

/** Counts, logs and tells. */
export class Lifecycle {
  /** The counters of the mob. */
  readonly counters: Counters = new Counters();
  /** The functions of the application. */
  readonly hooks: Hooks;
  readonly #eventLog: EventLog = new EventLog();

  /** With nothing counted, and these functions of the application. */
  constructor(hooks: MobHooks, now: () => number) {
    this.hooks = new Hooks(hooks, (name, error) => this.#eventLog.hookFailed(name, error, now()));
  }

  /** A connection joined. */
  joined(connection: Connection): void {
    this.counters.joined++;
    this.#eventLog.joined(connection);
    this.hooks.joined(connection);
  }

  /** A connection that had joined leaves. To be called before its feed forgets it: the counts are those of its feed. */
  left(connection: Connection, reason: CloseReason, detail: string | undefined, now: number): void {
    const counts = deliveryCounts(connection);
    const { closeReason, closeDetail } = connection;
    // A connection that leaves keeps the text that it leaves with: the first disconnect() decides.
    const text = (reason === closeReason ? closeDetail : detail) ?? guess(connection);
    this.counters.closed(connection, reason, counts);
    this.#eventLog.left(connection, reason, text, counts.lag.bytes, now);
    this.hooks.left(connection, reason, text);
  }

  /** A connection that had not joined leaves. Its reasons are these: the others add up to those that joined. */
  rejected(remoteAddress: string, reason: Rejection, why: string, now: number): void {
    this.counters.rejected(reason);
    this.#eventLog.rejected(remoteAddress, reason, why, now);
  }

  /** A TLS handshake failed. */
  handshakeFailed(remoteAddress: string, error: Error, now: number): void {
    this.counters.rejected("handshake-failed");
    this.#eventLog.handshakeFailed(remoteAddress, error, now);
  }

  /** Handling a connection failed, by a defect of mobcast. */
  failed(remoteAddress: string, error: unknown, now: number): void {
    this.#eventLog.failed(remoteAddress, error, now);
  }
}

/** What a connection speaks that has sent no whole frame; `undefined` when its bytes do not tell. */
function guess({ framesReceived, withheld, decoder, pings, listener, protocol }: Connection): string | undefined {
  if (framesReceived > 0 || withheld || pings > 0 || protocol || !listener) return undefined;
  const { head } = decoder;
  return head.length > 0 ? looksLike(head, listener.framing) : undefined;
}
