/**
 * History: where in the log the stream of a connection begins that joins now.
 *
 * @module
 */

import { queueControl } from "./control.ts";
import type { Log } from "./log.ts";
import type { Subscriber } from "./subscriber.ts";

/** What a feed keeps for connections to come. */
export class Past {
  /** How many bytes. */
  bytes: number;
  /** Where it begins at the earliest: something was missed before that. */
  since = 0;

  /** So many bytes. */
  constructor(bytes: number) {
    this.bytes = bytes;
  }
}

/** What a connection has said of the stream that it has received before. */
export interface Resumption {
  /** Where in the log, which ends at `end`, it would go on; `undefined`: that is not known. */
  from(end: number): number | undefined;
  /** What it is told first: its stream begins at `cursor`. */
  answer(cursor: number): Uint8Array;
}

/**
 * The connection's stream begins at the first frame boundary of the past, or where in it it resumes. What lies between there and the end of the log is replayed to it: that was published before it joined.
 */
export function beginStream(connection: Subscriber, log: Log, past: Past): void {
  const { resumption } = connection;
  const from = Math.max(log.start, past.since, log.end - past.bytes, resumption?.from(log.end) ?? 0);
  const cursor = log.boundaryAfter(from);
  connection.cursor = cursor;
  connection.framesAtStart = log.framesBefore(cursor);
  connection.framesReplayed = log.frames - connection.framesAtStart;
  connection.bytesReplayed = log.end - cursor;
  if (resumption) queueControl(connection, resumption.answer(cursor));
  connection.resumption = undefined;
}
