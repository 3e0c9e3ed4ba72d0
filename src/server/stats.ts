/**
 * Stats: what a mob counts, and the closed set of reasons for which a connection ends.
 *
 * @module
 */

import type { Count } from "../broadcast/feed.ts";
import type { FramingName } from "../framing/framing.ts";
import type { Token } from "../contract/token.ts";

/**
 * Every reason for which a connection ends, with what it means.
 *
 * @example
 * ```ts
 * import { CLOSE_REASONS } from "mobcast";
 *
 * console.log(CLOSE_REASONS.lagged); // its lag passed maxLag
 * ```
 */
export const CLOSE_REASONS = {
  "end": "the client ended its stream at a frame boundary",
  "reset": "the connection broke",
  "truncated": "the client ended its stream inside a frame",
  "frame-too-large": "a frame was over maxFrame",
  "frame-timeout": "a frame took longer than frameTimeout",
  "lagged": "its lag passed maxLag",
  "stalled": "it took no byte for stallTimeout while bytes were waiting",
  "idle": "nothing came and nothing was given for idleTimeout",
  "refused": "it was not let in",
  "handshake-failed": "its TLS handshake came to nothing; it was not let in",
  "unauthorized": "it did not say the secret; it was not let in",
  "shutdown": "the mob was closed",
  "internal": "mobcast itself failed; please report it",
} as const;

/** Why a connection ended. */
export type CloseReason = keyof typeof CLOSE_REASONS;

/**
 * The accounts of one connection, or of all together. Always, in bytes and in frames (a half-given frame counts as
 * lag): what was published since it joined, its own frames too unless `echo` is `others`, is
 * `given + skipped + lag`.
 */
export interface DeliveryCounts {
  /** What was published from it. */
  readonly received: Count;
  /** What its socket took. */
  readonly delivered: Count;
  /** What it missed: under `skip`, and its own frames when `echo` is `others`. */
  readonly skipped: Count;
  /** What it has yet to be given. */
  readonly lag: Count;
}

/** One connection, as `mob.connections()` lists it. */
export interface ConnectionStats extends DeliveryCounts {
  /** Its name. */
  readonly token: Token;
  /** Who is at the other end. */
  readonly remoteAddress: string;
  /** The URL of the listener where it came in; `undefined`: the application joined. */
  readonly listener: string | undefined;
  /** Milliseconds since it joined. */
  readonly age: number;
  /** Bytes a second that came from it, over its whole life. */
  readonly receivedRate: number;
  /** Bytes a second that it was given, over its whole life. */
  readonly deliveredRate: number;
  /** Whether it is not being read from now, because it does not read, or is over its rate. */
  readonly paused: boolean;
}

/** One feed: the log of one framing, and those that are given it. */
export interface FeedStats {
  /** How its frames are delimited. */
  readonly framing: FramingName;
  /** Connections that are given it. */
  readonly connections: number;
  /** What was published while it had connections. A frame that its framing cannot carry counts, and is skipped. */
  readonly published: Count;
  /** Bytes of memory that its log holds. */
  readonly logBytes: number;
}

/** Everything a mob counts, as `mob.stats()` returns it. */
export interface MobStats extends DeliveryCounts {
  /** Connections now: those that have joined. */
  readonly connections: number;
  /** Connections that have yet to say the secret. They count for the limits, and are not among `connections`. */
  readonly unauthenticated: number;
  /** TLS handshakes under way. They count for the limits, too. */
  readonly handshakes: number;
  /** Connections that ever joined. */
  readonly joined: number;
  /** Ended connections by reason. Those `refused`, `handshake-failed` and `unauthorized` had never joined. */
  readonly closed: Readonly<Record<CloseReason, number>>;
  /** What connections were still owed when they left. */
  readonly undelivered: Count;
  /** What was ever published, in bytes of the mob's own framing. */
  readonly published: Count;
  /** The feeds, one for each framing that was ever in use. */
  readonly feeds: readonly FeedStats[];
  /** Frames without a payload, swallowed. */
  readonly pings: number;
  /** Events for connections that were gone already, dropped. */
  readonly staleEvents: number;
  /** Accepts that failed. */
  readonly acceptFailures: number;
  /** Ticks handled. */
  readonly ticks: number;
  /** Writes asked of sockets. */
  readonly writes: number;
  /** Bytes of memory that the log holds. */
  readonly logBytes: number;
}

/** A counter for every close reason, all 0. */
export function noneClosed(): Record<CloseReason, number> {
  return Object.fromEntries(Object.keys(CLOSE_REASONS).map((reason) => [reason, 0])) as Record<CloseReason, number>;
}
