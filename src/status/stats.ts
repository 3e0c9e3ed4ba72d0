/**
 * Stats: what a mob counts, and the closed set of reasons for which a connection ends.
 *
 * @module
 */

import type { Count } from "../broadcast/subscriber.ts";
import type { BusStats } from "../bus/bus_stats.ts";
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
  "protocol-error": "it broke the rules of WebSocket",
  "frame-timeout": "a frame took longer than frameTimeout",
  "receive-memory": "all receive buffers together passed maxReceiveMemory, and it held the most",
  "lagged": "its lag passed maxLag",
  "gap": "the mob has missed frames of its bus for good",
  "stalled": "it accepted no byte for stallTimeout while bytes were pending",
  "idle": "nothing was received from it and nothing delivered to it for idleTimeout",
  "refused": "a limit, an access list or a closing mob refused it",
  "handshake-failed": "its TLS, WebSocket or resume handshake failed",
  "unauthorized": "it did not send the secret, or authorize did not let it join",
  "disconnected": "the application disconnected it",
  "shutdown": "the mob was closed",
  "internal": "mobcast itself failed; please report it",
} as const;

/** Why a connection ended. */
export type CloseReason = keyof typeof CLOSE_REASONS;

/** The reasons alone: only people read what they mean, so a bundled server has none of that. */
const REASONS = [
  "end",
  "reset",
  "truncated",
  "frame-too-large",
  "protocol-error",
  "frame-timeout",
  "receive-memory",
  "lagged",
  "gap",
  "stalled",
  "idle",
  "refused",
  "handshake-failed",
  "unauthorized",
  "disconnected",
  "shutdown",
  "internal",
] as const;

/**
 * The counts of one connection, or of all together. Always, in bytes and in frames: what was published since the
 * connection joined, and what was replayed, is `delivered + skipped + lag`. A frame that is half delivered counts as lag.
 */
export interface DeliveryCounts {
  /** What was received from it and published. */
  readonly received: Count;
  /** What its socket took. */
  readonly delivered: Count;
  /** What it missed: under `skip`, and its own frames when `echo` is `others`. */
  readonly skipped: Count;
  /** What is pending. */
  readonly lag: Count;
  /** What it receives of what was published before it joined: see `history` of the mob's options. */
  readonly replayed: Count;
}

/**
 * One connection, as `mob.connections()` lists it, the furthest behind first.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * await using client = mob.join();
 * for (const { remoteAddress, age, lag } of mob.connections()) {
 *   console.log(remoteAddress, `joined ${age} ms ago`, lag.frames, "frames behind");
 * }
 * ```
 */
export interface ConnectionStats extends DeliveryCounts {
  /** Names the connection for its whole life. */
  readonly token: Token;
  /** The address and port of the client. */
  readonly remoteAddress: string;
  /** The URL of the listener that accepted it; `undefined` for `mob.join()`. */
  readonly listener: string | undefined;
  /** Milliseconds since it joined. */
  readonly age: number;
  /** Bytes a second that came from it, over its whole life. */
  readonly receivedRate: number;
  /** Bytes a second that were delivered to it, over its whole life. */
  readonly deliveredRate: number;
  /** Whether the mob does not read from it now, because it does not read itself. */
  readonly paused: boolean;
  /**
   * Milliseconds until it is removed as `stalled` if its socket takes nothing until then; `undefined`: nothing is pending
   * for it, or its socket takes bytes.
   */
  readonly stallsIn: number | undefined;
  /** Bytes of memory that it holds of what came and was not published. */
  readonly receiveBytes: number;
}

/** What `mob.connections()` sorts by, the largest first. */
export const CONNECTION_SORTS = ["lag", "age", "received", "delivered", "skipped", "receiveBytes"] as const;

/** One of the things that `mob.connections()` sorts by. */
export type ConnectionSort = (typeof CONNECTION_SORTS)[number];

/** Which connections `mob.connections()` lists. */
export interface ConnectionQuery {
  /** What comes first. `received`, `delivered` and `skipped` are in bytes. Default: `lag`. */
  readonly sort?: ConnectionSort | undefined;
  /** The most connections that are listed. Default: all. */
  readonly limit?: number | undefined;
  /** How many of the first are left out. Default 0. */
  readonly offset?: number | undefined;
}

/** How many of some measured values are within which bound. */
export interface Histogram {
  /** The upper bounds, the smallest first: a value that is equal to one is within it. */
  readonly bounds: readonly number[];
  /** For each bound, how many values are within it and above the one before; at the end, those above all bounds. */
  readonly counts: readonly number[];
  /** How many values there are. */
  readonly count: number;
  /** Their sum. */
  readonly sum: number;
}

/** One listener, and the connections that it has accepted. */
export interface ListenerStats {
  /** Its URL; `undefined` stands for `mob.join()`. */
  readonly url: string | undefined;
  /** Its connections now. */
  readonly connections: number;
}

/** One feed: the log of one framing, and the connections that receive it. */
export interface FeedStats {
  /**
   * How its frames are delimited: `websocket` for WebSocket clients, `mobcast.u64` for those that asked for that
   * subprotocol.
   */
  readonly framing: FramingName | "websocket" | "mobcast.u64";
  /** Connections that receive it. */
  readonly connections: number;
  /** What was published while it had connections, or a history. A frame that its framing cannot carry counts, and is skipped. */
  readonly published: Count;
  /** Bytes of memory that its log holds. */
  readonly logBytes: number;
}

/**
 * Everything a mob counts, as `mob.stats()` returns it.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const { connections, published, lag, closed } = mob.stats();
 * console.log(connections, published.frames, published.bytes, lag.bytes, closed.lagged); // 0 0 0 0 0
 * ```
 */
export interface MobStats extends DeliveryCounts {
  /** Connections now: those that have joined. */
  readonly connections: number;
  /** Connections that have not finished their handshake. They count for the limits, and not among `connections`. */
  readonly unauthenticated: number;
  /** TLS handshakes under way. They count for the limits. */
  readonly handshakes: number;
  /** Connections that have ever joined. */
  readonly joined: number;
  /** Ended connections by reason. Those `refused`, `handshake-failed` and `unauthorized` had never joined. */
  readonly closed: Readonly<Record<CloseReason, number>>;
  /** What was pending for connections when they left. */
  readonly undelivered: Count;
  /** Everything that was published, in bytes of the mob's own framing. */
  readonly published: Count;
  /**
   * The open listeners, in the order in which they were opened, and those that were closed and still have connections.
   * Their connections add up to `connections`.
   */
  readonly listeners: readonly ListenerStats[];
  /** The lag of each connection, in bytes. */
  readonly lagSizes: Histogram;
  /** The feeds, one for each framing that has been in use. */
  readonly feeds: readonly FeedStats[];
  /** The mob's end of its bus; `undefined` without one. */
  readonly bus: BusStats | undefined;
  /** What came and was not published because `onMessage` returned false, or failed. */
  readonly withheld: Count;
  /** Hooks that threw, rejected, or returned what they may not. */
  readonly hookFailures: number;
  /** Bytes that `publish()` has taken and that are not published yet. */
  readonly bufferedAmount: number;
  /** Frames without a payload; they are not published. */
  readonly pings: number;
  /** Events dropped because their connection was gone. */
  readonly staleEvents: number;
  /** Accepts that failed. */
  readonly acceptFailures: number;
  /** Ticks handled. */
  readonly ticks: number;
  /** How long each of them took, in milliseconds, with the hooks that it called. */
  readonly tickDurations: Histogram;
  /** Calls of `write` on sockets. */
  readonly writes: number;
  /** Bytes of memory that the log holds. */
  readonly logBytes: number;
  /** Bytes of memory that connections hold of what came and was not published, unauthenticated ones included. */
  readonly receiveBytes: number;
}

/** A counter for every close reason, all 0. */
export function noneClosed(): Record<CloseReason, number> {
  return Object.fromEntries(REASONS.map((reason) => [reason, 0])) as Record<(typeof REASONS)[number], number>;
}
