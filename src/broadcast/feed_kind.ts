/**
 * Feed kinds: what makes one feed different from another.
 *
 * @module
 */

import type { FrameRules } from "../framing/framing.ts";
import type { Log } from "./log.ts";

/** What makes one feed different from another. */
export interface FeedKind {
  /** The name of the feed, in statistics. */
  readonly name: string;
  /** How the frames are delimited that connections of the feed send, and that are appended as they are. */
  readonly framing: FrameRules;
  /** Makes the log, where that does not just hold those frames. */
  readonly log?: (segmentSize: number) => BatchLog;
}

/** A log that collects frames, and makes one unit of them when it is sealed. */
export interface BatchLog extends Log {
  /** Appends what was collected. */
  seal(): void;
  /** The bytes that it may add to a frame. */
  readonly overhead: number;
}
