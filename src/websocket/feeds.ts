/**
 * The feeds of WebSocket clients: what the log of each holds is WebSocket frames already, so that a connection gets a tick's
 * run in one write.
 *
 * @module
 */

import type { BatchLog, FeedKind } from "../broadcast/feed_kind.ts";
import { Log, type LogFraming } from "../broadcast/log.ts";
import { FRAMINGS } from "../framing/framing.ts";
import { headerSize, payloadAt, WEBSOCKET, writeHeader } from "../framing/server_frames.ts";
import { PACKED as PACKED_NAME } from "./upgrade.ts";

/** The feed of clients without a subprotocol: each message is a message. */
export const MESSAGES: FeedKind = { name: "websocket", framing: WEBSOCKET };

/** The most bytes of u64 frames in one message, which a header of four bytes can declare; a larger frame has its own. */
const LONGEST_BATCH = 65535;

/** The largest header of a message with a batch. */
const HEADER = 4;

/** How the log of {@link PackedLog} is read: its units are messages, each of which holds u64 frames. */
const BATCHES: LogFraming = {
  ...WEBSOCKET,
  count(bytes, from, end) {
    let count = 0;
    for (let at = payloadAt(bytes, from); at < end; at = FRAMINGS.u64.end(bytes, at, end, end)) count++;
    return count;
  },
};

/**
 * The log of the subprotocol `mobcast.u64`: what a tick publishes becomes one message, since a browser hears about 10,000
 * messages a second, however much each holds (measured in Chromium: 49 times as many frames of 64 bytes).
 */
export class PackedLog extends Log implements BatchLog {
  /** See {@link BatchLog.overhead}. */
  readonly overhead: number = HEADER;
  /** The frames that were collected; made when it is first needed. */
  #batch: Uint8Array | undefined;
  #filled = 0;
  #count = 0;

  /** An empty log. */
  constructor(segmentSize: number) {
    super({ segmentSize }, BATCHES);
  }

  /** Bytes of memory that the segments and the batch hold. */
  override get retainedBytes(): number {
    return super.retainedBytes + (this.#batch?.length ?? 0);
  }

  /** See {@link BatchLog.seal}. */
  seal(): void {
    if (this.#filled === 0) return;
    this.#message([this.#batch!.subarray(0, this.#filled)], this.#filled, this.#count);
    this.#filled = this.#count = 0;
  }

  /** Collects `count` whole u64 frames. */
  override append(bytes: Uint8Array, start: number, end: number, count: number): void {
    if (end - start <= this.#room) return this.#collect(bytes, start, end, count);
    for (let at = start; at < end;) {
      const next = FRAMINGS.u64.end(bytes, at, end, end);
      if (next - at > this.#room) this.seal();
      if (next - at > LONGEST_BATCH) this.#message([bytes.subarray(at, next)], next - at, 1);
      else this.#collect(bytes, at, next, 1);
      at = next;
    }
  }

  /** Collects one whole u64 frame that came in pieces. */
  override appendPieces(pieces: readonly Uint8Array[], length: number): void {
    if (length > this.#room) this.seal();
    if (length > LONGEST_BATCH) return this.#message(pieces, length, 1);
    for (const piece of pieces) this.#collect(piece, 0, piece.length, 0);
    this.#count++;
  }

  /** Collects the u64 frame of a payload. Returns the bytes of the frame. */
  override appendPayloadOf(bytes: Uint8Array, start: number, end: number): number {
    const { u64 } = FRAMINGS;
    const length = u64.size(end - start);
    if (length > this.#room) this.seal();
    if (length > LONGEST_BATCH) {
      const frame = new Uint8Array(length);
      u64.write(bytes.subarray(start, end), frame, 0);
      this.#message([frame], length, 1);
    } else {
      u64.write(bytes.subarray(start, end), this.#batch ??= new Uint8Array(LONGEST_BATCH), this.#filled);
      this.#filled += length;
      this.#count++;
    }
    return length;
  }

  /** Drops everything, for when no connection needs any of it. */
  override clear(): void {
    super.clear();
    this.#batch = undefined;
  }

  get #room(): number {
    return LONGEST_BATCH - this.#filled;
  }

  #collect(bytes: Uint8Array, start: number, end: number, count: number): void {
    this.#batch ??= new Uint8Array(LONGEST_BATCH);
    this.#batch.set(bytes.subarray(start, end), this.#filled);
    this.#filled += end - start;
    this.#count += count;
  }

  #message(pieces: readonly Uint8Array[], length: number, count: number): void {
    const header = new Uint8Array(headerSize(length));
    writeHeader(length, header, 0);
    super.appendPieces([header, ...pieces], header.length + length, count);
  }
}

/** The feed of clients of `mobcast.u64`. Its connections send u64 frames, as its log collects them. */
export const PACKED: FeedKind = {
  name: PACKED_NAME,
  framing: FRAMINGS.u64,
  log: (segmentSize) => new PackedLog(segmentSize),
};
