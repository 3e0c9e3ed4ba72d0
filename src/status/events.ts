/**
 * Events: what happens to the connections of a mob, for those who watch it.
 *
 * @module
 */

import type { Token } from "../contract/token.ts";
import type { CloseReason } from "./stats.ts";

/** What every event has. */
export interface TimedEvent {
  /** When it happened, in milliseconds of the adapter's clock: `performance.now()` on every runtime. */
  readonly at: number;
}

/** What every event about a connection has. */
export interface ConnectionEvent extends TimedEvent {
  /** Names the connection for its whole life. */
  readonly token: Token;
  /** The address and port of the client. */
  readonly remoteAddress: string;
}

/** Something that happened, as `mob.events` yields it. */
export type MobEvent =
  /** A connection joined. */
  | (ConnectionEvent & { readonly type: "joined"; readonly listener: string | undefined })
  /** A connection left. */
  | (ConnectionEvent & {
    readonly type: "left";
    readonly reason: CloseReason;
    /** More of the reason, as in `onLeave`. */
    readonly detail: string | undefined;
    /** Bytes that were still pending. */
    readonly lag: number;
  })
  /** A connection is over half of `maxLag` behind: the mob does not read from it until it has caught up. */
  | (ConnectionEvent & { readonly type: "slow"; readonly lag: number })
  /** Under `block`: nothing is read from any connection until this one has caught up. */
  | (ConnectionEvent & { readonly type: "held-back"; readonly lag: number })
  /** A client never joined: a limit, a list, a failed handshake, or a wrong secret. */
  | (TimedEvent & {
    readonly type: "refused";
    readonly remoteAddress: string;
    readonly reason: CloseReason;
    readonly why: string;
  })
  /** A listener could not accept. */
  | (TimedEvent & { readonly type: "accept-failed"; readonly error: string })
  /** A hook of the application failed. */
  | (TimedEvent & { readonly type: "hook-failed"; readonly hook: string; readonly error: string })
  /** The mob has missed frames of its bus for good. */
  | (TimedEvent & { readonly type: "gap"; readonly why: string; readonly batches: number | undefined })
  /** The bus cannot be reached: what connections send waits. */
  | (TimedEvent & { readonly type: "bus-away"; readonly why: string })
  /** The bus can be reached again. */
  | (TimedEvent & { readonly type: "bus-back" })
  /** So many events came faster than they were taken, and were dropped here. */
  | (TimedEvent & { readonly type: "dropped"; readonly count: number });
