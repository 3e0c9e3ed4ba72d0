/**
 * The lifecycle: that a connection joined, left or was refused is counted, logged and told to the application, in one
 * place.
 *
 * @module
 */

import type { Rejection } from "../admission/handshake.ts";
import type { BusGap } from "../bus/relay.ts";
import { shown } from "../check.ts";
import type { Token } from "../contract/token.ts";
import { Counters, deliveryCounts } from "./counters.ts";
import type { Connection } from "./connection.ts";
import { EventLog } from "./event_log.ts";
import { looksLike } from "../framing/looks_like.ts";
import { Hooks, type MobHooks } from "./hooks.ts";
import { EventStream } from "../status/event_stream.ts";
import type { CloseReason } from "../status/stats.ts";

/** The most characters of an error that are told. */
const LONGEST_WHY = 200;

/** Counts, logs and tells. */
export class Lifecycle {
  /** The counters of the mob. */
  readonly counters: Counters = new Counters();
  /** The functions of the application. */
  readonly hooks: Hooks;
  /** What happens, for those who iterate it. */
  readonly events: EventStream;
  readonly #eventLog: EventLog = new EventLog();
  readonly #now: () => number;

  /** With nothing counted, and these functions of the application. */
  constructor(hooks: MobHooks, now: () => number) {
    this.#now = now;
    this.events = new EventStream(now);
    this.hooks = new Hooks(hooks, (name, error) => this.#hookFailed(name, error));
  }

  /** A connection joined. */
  joined(connection: Connection): void {
    this.counters.joined++;
    this.#eventLog.joined(connection);
    if (this.events.watched) {
      this.events.emit({
        type: "joined",
        at: connection.since,
        ...namesOf(connection),
        listener: connection.listener?.url,
      });
    }
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
    if (this.events.watched) {
      const { lag } = counts;
      // The tick may have begun long ago.
      const at = this.#now();
      this.events.emit({ type: "left", at, ...namesOf(connection), reason, detail: text, lag: lag.bytes });
    }
    this.hooks.left(connection, reason, text);
  }

  /** A connection has passed half of `maxLag` (`slow`), or holds all others back (`held-back`). */
  behind(type: "slow" | "held-back", connection: Connection): void {
    const lag = connection.feed.lag(connection);
    const at = this.#now();
    this.#eventLog.behind(type, connection, lag, at);
    if (this.events.watched) this.events.emit({ type, at, ...namesOf(connection), lag });
  }

  /** A connection that had not joined leaves. Its reasons are these: the others add up to those that joined. */
  rejected(remoteAddress: string, reason: Rejection, why: string, now: number): void {
    this.counters.rejected(reason);
    this.#eventLog.rejected(remoteAddress, reason, why, now);
    if (this.events.watched) this.events.emit({ type: "refused", at: now, remoteAddress, reason, why });
  }

  /** A TLS handshake failed. */
  handshakeFailed(remoteAddress: string, error: Error, now: number): void {
    this.rejected(remoteAddress, "handshake-failed", codeOf(error), now);
  }

  /** Frames of the bus were missed for good. `goesOn`: connections stay. */
  missed(gap: BusGap, goesOn: boolean): void {
    const at = this.#now();
    const { why, batches } = gap;
    this.#eventLog.missed(gap, goesOn, at);
    if (this.events.watched) this.events.emit({ type: "gap", at, why, batches });
    this.hooks.missed({ why, batches });
  }

  /** The mob has joined its bus, behind a message. */
  busJoined(name: string, sequence: number): void {
    this.#eventLog.busJoined(name, sequence);
  }

  /** The bus cannot be reached, and why. */
  busAway(why: string): void {
    const at = this.#now();
    this.#eventLog.busAway(why, at);
    if (this.events.watched) this.events.emit({ type: "bus-away", at, why });
  }

  /** It can be reached again, after so many milliseconds. */
  busBack(awayFor: number): void {
    const at = this.#now();
    this.#eventLog.busBack(awayFor, at);
    if (this.events.watched) this.events.emit({ type: "bus-back", at });
  }

  /** A listener could not accept. */
  acceptFailed(error: Error): void {
    if (this.events.watched) this.events.emit({ type: "accept-failed", at: this.#now(), error: codeOf(error) });
  }

  /** Handling a connection failed, by a defect of mobcast. */
  failed(remoteAddress: string, error: unknown, now: number): void {
    this.#eventLog.failed(remoteAddress, error, now);
  }

  #hookFailed(hook: string, error: unknown): void {
    const at = this.#now();
    this.#eventLog.hookFailed(hook, error, at);
    if (this.events.watched) this.events.emit({ type: "hook-failed", at, hook, error: textOf(error) });
  }
}

function namesOf({ token, socket }: Connection): { token: Token; remoteAddress: string } {
  return { token, remoteAddress: socket.remoteAddress };
}

/** The code of an error of the system. Without one its text, which a client may have written: it is cut short. */
function codeOf(error: Error): string {
  const { code = error.message } = error as { code?: string };
  return `${code}`.slice(0, LONGEST_WHY);
}

/** What a hook has thrown, in words. */
function textOf(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : shown(error)).slice(0, LONGEST_WHY);
}

/** What a connection speaks that has sent no whole frame; `undefined` when its bytes do not tell. */
function guess({ framesReceived, withheld, decoder, pings, listener, protocol }: Connection): string | undefined {
  if (framesReceived > 0 || withheld || pings > 0 || protocol || !listener) return undefined;
  const { head } = decoder;
  return head.length > 0 ? looksLike(head, listener.framing) : undefined;
}
