/**
 * What is counted of a bus.
 *
 * @module
 */

/** Frames and the bytes they make up. */
export interface BusCount {
  /** Whole frames. */
  readonly frames: number;
  /** Their bytes, headers included. */
  readonly bytes: number;
}

/**
 * How a mob's end of a bus is, and what it counts. Always, in frames and in bytes: what was `sent` is `returned + inFlight + lost`. Bytes are
 * those of frames in the framing of their senders.
 */
export interface BusStats {
  /** The name of the bus. */
  readonly name: string;
  /** `joining`: the mob has not joined yet. `joined`. `away`: the engine cannot be reached. */
  readonly state: "joining" | "joined" | "away";
  /** Why it is not joined, for people; `undefined`: it is. */
  readonly whyAway: string | undefined;
  /** For how long it has not been joined, in milliseconds; 0: it is. */
  readonly awayFor: number;
  /** The sequence of the last message that came; 0 before the first. */
  readonly sequence: number;
  /** What connections and the application have sent, and went to the bus. */
  readonly sent: BusCount;
  /** What of it came back, and was published. */
  readonly returned: BusCount;
  /** What of it is on its way. */
  readonly inFlight: BusCount;
  /** What of it will never come back. */
  readonly lost: BusCount;
  /** What came from other mobs, and was published. */
  readonly received: BusCount;
  /** Batches of other mobs that were missed, as far as their numbers tell. */
  readonly missedBatches: number;
  /** How many times something was missed. */
  readonly gaps: number;
  /** How many times the stream began anew. */
  readonly restarts: number;
  /** Messages that were appended again, since it was not known whether they were stored. */
  readonly resent: number;
  /** Messages that came a second time, and were dropped. */
  readonly repeated: number;
  /** Messages that were not of mobs of this bus, and were dropped. */
  readonly refused: number;
}

/** What a relay knows of it: times are the mob's. */
export type RelayStats = Omit<BusStats, "whyAway" | "awayFor">;
