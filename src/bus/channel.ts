/**
 * The channel: carries the batches of one mob to all mobs of a bus, and the batches of all to this one, in one order. It
 * works like a socket: nothing is pushed into the mob, which reads within its budget.
 *
 * @module
 */

import type { StreamPosition, StreamTerms } from "../contract/bus_stream.ts";
import type { BusStats } from "./bus_stats.ts";
import type { CommonOffset } from "./common_offsets.ts";
import type { BusGap } from "./relay.ts";

/** Something in the common order. */
export type ChannelItem = ChannelBatch | ChannelGap;

/** A batch. */
export interface ChannelBatch {
  /** What it is. */
  readonly type: "batch";
  /** The batch, as it was written. It belongs to the mob, and must not change. */
  readonly bytes: Uint8Array;
  /** Its number, when it is this mob's own. */
  readonly own: number | undefined;
  /** Its number, when it is this mob's own, was told as lost, and has come after all. */
  readonly late?: number | undefined;
  /** Where it ends in the order: larger than that of any batch before it. Without it the mob counts no offsets of the bus. */
  readonly sequence?: number | undefined;
  /** Where the mob that has sent it was then, when that is another one and it has said so. */
  readonly sentAt?: CommonOffset | undefined;
}

/** A place at which batches are missing. */
export interface ChannelGap extends BusGap {
  /** What it is. */
  readonly type: "gap";
  /**
   * The numbers of own batches that are in the order, or were, and will never come back. Others may have got them. When
   * `batches` is 0 they belong to a gap that was told before, and nothing more is missing.
   */
  readonly own: readonly number[];
}

/** What a channel asks of its mob. */
export interface ChannelEvents {
  /** There is something to read, or room to write. */
  wake(): void;
  /** The engine is away, and why; `undefined`: it is back. */
  away(why: string | undefined): void;
  /** Where the mob is, which goes with what it sends; `undefined`: that is not known. */
  readonly here?: CommonOffset | undefined;
}

/** What a channel counts. */
export interface ChannelStats
  extends Pick<BusStats, "sequence" | "missedBatches" | "restarts" | "resent" | "repeated" | "refused"> {}

/** One mob's place on a bus. */
export interface Channel {
  /** The name of the bus. */
  readonly name: string;
  /** How many bytes a batch should have at most: a batch of one large frame has more. */
  readonly batchSize: number;
  /** Joins the bus. Called once. Rejects when the bus is not one of these terms, or cannot be reached. */
  open(events: ChannelEvents, terms: StreamTerms, history: number): Promise<StreamPosition>;
  /** Whether a batch would be taken now. */
  readonly writable: boolean;
  /** Takes a batch of any size. Batches are numbered from 1. The bytes belong to the channel, and do not change. */
  write(number: number, bytes: Uint8Array): void;
  /** What comes next in the common order; `undefined`: nothing yet. What it returned is done with by the next call. */
  read(): ChannelItem | undefined;
  /**
   * The batch that was read last is none of this bus: it is counted as refused. When it claimed to be this mob's own, that
   * one is still on its way.
   */
  refuse(): void;
  /** What is counted. */
  stats(): ChannelStats;
  /** Leaves the bus. */
  close(): Promise<void>;
}
