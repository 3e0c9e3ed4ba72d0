/**
 * The relay: joins a mob to others on a bus. What connections send goes out in batches, and what comes back, in the order
 * that all mobs of the bus share, is published.
 *
 * @module
 */

import type { Token } from "../contract/token.ts";
import type { FrameRules, FramingName } from "../framing/framing.ts";
import type { RelayStats } from "./bus_stats.ts";
import type { OffsetSource } from "./common_offsets.ts";
import type { Uplink } from "./uplink.ts";

/** What a relay knows of a connection. */
export interface RelaySender {
  /** Names it. */
  readonly token: Token;
  /** The framing in which it sends. */
  readonly feed: { readonly framing: FrameRules };
  /** Its frames that are on the bus, and not back. Only the relay writes it. */
  inFlight: number;
}

/** Frames of the common order that this mob will never get. */
export interface BusGap {
  /** What happened, for people. */
  readonly why: string;
  /** How many batches are missing; `undefined`: that cannot be known. */
  readonly batches: number | undefined;
  /** The stream has begun anew, or has lost its end. */
  readonly restarted: boolean;
}

/** What a relay needs of its mob. */
export interface RelayHost<Sender extends RelaySender> {
  /** The framing of the mob. */
  readonly framing: FramingName;
  /** Its largest payload, in bytes. */
  readonly maxFrame: number;
  /** How many bytes a tick may append to the largest feed. */
  readonly tickBudget: number;
  /** Whether connections do not receive what they have sent themselves (`echo: "others"`). */
  readonly leavesOut: boolean;
  /** How many bytes of messages before the end of the stream are asked for. */
  readonly history: number;
  /** Publishes what is back. */
  readonly publisher: RelayPublisher<Sender>;
  /** The connection of a token; `undefined`: it is gone. */
  find(token: Token): Sender | undefined;
  /** Asks for a tick. */
  wake(): void;
  /** All frames of a connection are back. */
  returned(sender: Sender): void;
  /** The mob has missed something for good. What is published from now on comes behind it. */
  gap(gap: BusGap): void;
  /** The engine is away, and why; `undefined`: it is back. */
  away(why: string | undefined): void;
}

/** What publishes, in the mob. */
export interface RelayPublisher<Sender> extends OffsetSource {
  /** See {@link Uplink.backpressure}. */
  readonly backpressure: boolean;
  /** See {@link Uplink.growth}. */
  growth(framing: FrameRules): number;
  /**
   * Publishes `count` whole frames, of `sender` when that is still here. Returns how many bytes more than these the largest
   * feed has got.
   */
  publish(
    sender: Sender | undefined,
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
    framing: FrameRules,
  ): number;
}

/** A mob's end of the bus. */
export interface RelayLink<Sender extends RelaySender> extends Uplink<Sender> {
  /** Resolves when the mob has joined the bus. Rejects when it cannot. */
  readonly opened: Promise<void>;
  /** Whether nothing of this mob is on its way. */
  readonly empty: boolean;
  /** Whether a tick stopped publishing because of back-pressure that is over, so that another one is due. */
  readonly released: boolean;
  /** Why the bus cannot be reached now; `undefined`: it can. Before the mob has joined it is away. */
  readonly whyAway: string | undefined;
  /** A tick has read its connections: hands out what they sent, and publishes what is back, within the tick's budget. */
  tick(): void;
  /** What is counted. */
  stats(): RelayStats;
  /** Leaves the bus. What is on its way is not waited for. */
  close(): Promise<void>;
}

/** Joins a mob to a bus: the option `relay` of `serve` and of a `Mob`. One relay is for one mob. */
export interface Relay {
  /** Called once by the mob. */
  attach<Sender extends RelaySender>(host: RelayHost<Sender>): RelayLink<Sender>;
}
