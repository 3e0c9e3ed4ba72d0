/**
 * The log: every published frame once, in the one order that all connections receive.
 *
 * @module
 */

import { checkOptions, type Checks, isString, isWhole } from "../check.ts";
import { type FrameRules, type FramingName, framingOf } from "../framing/framing.ts";
import { NOTHING } from "../bytes.ts";

/** The options of a {@link Log}. */
export interface LogOptions {
  /** How frames are delimited. Default `u64`. */
  readonly framing?: FramingName | undefined;
  /** Bytes in a segment; a larger frame gets a segment of its own. Default 512 KiB. */
  readonly segmentSize?: number | undefined;
}

/** How a log finds the frames in its bytes. */
export interface LogFraming extends Pick<FrameRules, "size" | "write" | "end"> {
  /** How many frames the unit from `from` to `end` counts as; left out: 1. A reader receives or misses whole units. */
  count?(bytes: Uint8Array, from: number, end: number): number;
}

/**
 * 512 KiB: large enough that a tick seldom crosses a boundary, which costs every connection one more write (measured: 6 %
 * of the processor time a delivery at 256 KiB, 2 % more to gain at 1 MiB); small enough that a write to a stuck client,
 * which keeps its segment in memory, keeps little.
 */
const SEGMENT_SIZE = 512 * 1024;

const LOG_CHECKS: Checks = { framing: isString, segmentSize: /* @__PURE__ */ isWhole("bytes", 1, 2 ** 30) };

/** The segment size for a `maxLag`: the log holds up to one segment beyond the furthest cursor. */
export function segmentSizeFor(maxLag: number): number {
  return Math.min(SEGMENT_SIZE, Math.max(1, Math.floor(maxLag / 4)));
}

/** Part of the log: starts at a frame start, holds whole frames, is written front to back and never again. */
interface Segment {
  readonly bytes: Uint8Array;
  /** The offset of its first byte. */
  readonly start: number;
  /** How many frames were published before it. */
  readonly framesBefore: number;
  /** How many of its bytes are written. */
  filled: number;
  /** Some of its frame boundaries, in order, up to where frames were counted. */
  readonly marks: Mark[];
}

/** A frame boundary in a segment. */
interface Mark {
  /** Where it is in the segment's bytes. */
  readonly at: number;
  /** How many frames of the segment end at or before it. */
  readonly frames: number;
}

/** The boundary before the first frame of a segment. */
const START: Mark = { at: 0, frames: 0 };

/** How many frames are from one mark to the next: with many connections behind, each of them walks half of that. */
const MARKED = 32;

/**
 * An append-only byte log with offsets that count from 0 when the log is made and never repeat.
 *
 * Segments are never rewritten nor pooled: runtimes send them after {@link read} returned, and need the bytes to stay.
 * A frame never straddles two segments. {@link trim} drops the segments that no reader needs any more.
 *
 * @example
 * ```ts
 * import { encodeFrame } from "mobcast";
 * import { Log } from "mobcast/core";
 *
 * const log = new Log();
 * const frame = encodeFrame("u64", new TextEncoder().encode("hello"));
 * log.append(frame, 0, frame.length, 1);
 * console.log(log.read(0)); // the next write to a connection with cursor 0
 * ```
 */
export class Log {
  readonly #framing: LogFraming;
  readonly #segmentSize: number;
  #segments: Segment[] = [];
  #frames = 0;
  #end = 0;
  #held = 0;
  /** Bytes that are probably appended before the next read; see {@link reserve}. */
  #expected = 0;
  /** The view of the last read: all connections at one cursor share it. */
  #lastRead: Uint8Array | undefined;
  #lastReadFrom = 0;

  /**
   * Makes an empty log. Throws a `TypeError` or a `RangeError` when an option is wrong. `framing` is for frames that are in
   * none of the named framings.
   */
  constructor(options?: LogOptions, framing?: LogFraming) {
    const { framing: name = "u64", segmentSize = SEGMENT_SIZE } = checkOptions("a Log", options, LOG_CHECKS);
    this.#framing = framing ?? framingOf(name);
    this.#segmentSize = segmentSize;
  }

  /** The offset after the last byte. */
  get end(): number {
    return this.#end;
  }

  /** The offset of the first byte that is still held. */
  get start(): number {
    return this.#segments[0]?.start ?? this.#end;
  }

  /** How many frames were ever appended. */
  get frames(): number {
    return this.#frames;
  }

  /** Bytes of memory that the segments hold. */
  get retainedBytes(): number {
    return this.#held;
  }

  /**
   * Tells the log that about so many bytes will be appended before the next read. When the last segment has no room for
   * them, they begin a new segment, so that each connection gets them in one write. At most a quarter of a segment is
   * left empty for that.
   */
  reserve(bytes: number): void {
    this.#expected = Math.min(bytes, this.#segmentSize >> 2);
  }

  /** Copies `count` whole frames, `bytes` from `start` to `end`, to the end of the log. */
  append(bytes: Uint8Array, start: number, end: number, count: number): void {
    let at = start;
    let left = count;
    if (this.#expected > 0) this.#begin();
    // Only frames that do not fit together are walked, to find how many of them do.
    while (end - at > this.#room()) {
      const room = this.#room();
      let to = at;
      let frames = 0;
      for (let next = this.#frameEnd(bytes, to, end); next - at <= room; next = this.#frameEnd(bytes, to, end)) {
        to = next;
        frames++;
      }
      if (frames > 0) this.#copy(bytes, at, to, frames);
      this.#grow(this.#frameEnd(bytes, to, end) - to);
      at = to;
      left -= frames;
    }
    if (left > 0) this.#copy(bytes, at, end, left);
  }

  /** Copies one whole frame of `length` bytes, which came in pieces, to the end of the log. It may count as several. */
  appendPieces(pieces: readonly Uint8Array[], length: number, count: number = 1): void {
    const segment = this.#segmentFor(length);
    let at = segment.filled;
    for (const piece of pieces) {
      segment.bytes.set(piece, at);
      at += piece.length;
    }
    this.#written(segment, length, count);
  }

  /** Appends the frame of one payload, with no copy in between. The payload must be one that the framing can carry. */
  appendPayload(payload: Uint8Array): void {
    this.appendPayloadOf(payload, 0, payload.length);
  }

  /** Appends the frame of the payload that lies in `bytes` from `start` to `end`. Returns the bytes of the frame. */
  appendPayloadOf(bytes: Uint8Array, start: number, end: number): number {
    const length = this.#framing.size(end - start);
    const segment = this.#segmentFor(length);
    this.#framing.write(bytes.subarray(start, end), segment.bytes, segment.filled);
    this.#written(segment, length, 1);
    return length;
  }

  /**
   * The bytes from `offset` to the end of its segment: the next write to a connection with this cursor. Empty at the end
   * of the log. The same view is returned until something is appended. Throws a `RangeError` when the log does not hold
   * the offset.
   */
  read(offset: number): Uint8Array {
    if (this.#lastRead && this.#lastReadFrom === offset) return this.#lastRead;
    if (offset === this.#end) return NOTHING;
    const segment = this.#find(offset);
    const bytes = segment.bytes.subarray(offset - segment.start, segment.filled);
    this.#lastRead = bytes;
    this.#lastReadFrom = offset;
    return bytes;
  }

  /**
   * Drops every segment that ends at or before `offset`, the cursor that is furthest behind. The last segment stays while
   * it has room.
   */
  trim(offset: number): void {
    let drop = 0;
    for (const { start, filled, bytes } of this.#segments) {
      if (start + filled > offset || (drop === this.#segments.length - 1 && filled < bytes.length)) break;
      this.#held -= bytes.length;
      drop++;
    }
    if (drop > 0) {
      this.#segments.splice(0, drop);
      this.#lastRead = undefined;
    }
  }

  /** Drops everything, for when no connection needs any of it. */
  clear(): void {
    if (this.#segments.length === 0) return;
    this.#segments = [];
    this.#held = 0;
    this.#lastRead = undefined;
  }

  /** How many frames end at or before `offset`. Walks few frames, and once those that nobody has counted yet. */
  framesBefore(offset: number): number {
    if (offset === this.#end) return this.#frames;
    const segment = this.#find(offset);
    return segment.framesBefore + this.#boundary(segment, offset - segment.start).frames;
  }

  /** The first frame boundary at or after `offset`: where a reader can leave the log without tearing a frame. */
  boundaryAfter(offset: number): number {
    if (offset === this.#end) return offset;
    const segment = this.#find(offset);
    const { at } = this.#boundary(segment, offset - segment.start);
    if (segment.start + at === offset) return offset;
    return segment.start + this.#frameEnd(segment.bytes, at, segment.filled);
  }

  /** The last frame boundary at or before `to` in a segment. Marks the boundaries that it passes for the first time. */
  #boundary({ bytes, filled, marks }: Segment, to: number): Mark {
    let low = 0;
    for (let high = marks.length - 1; low < high;) {
      const middle = (low + high + 1) >> 1;
      if (marks[middle]!.at <= to) low = middle;
      else high = middle - 1;
    }
    let { at, frames } = marks[low]!;
    for (let walked = 1; at < to; walked++) {
      const next = this.#frameEnd(bytes, at, filled);
      if (next > to) break;
      frames += this.#framing.count?.(bytes, at, next) ?? 1;
      at = next;
      // Behind the last mark: between two of them there are not so many frames.
      if (walked % MARKED === 0) marks.push({ at, frames });
    }
    return { at, frames };
  }

  /** Where the whole frame at `from` ends. No payload is longer than the bytes that hold it, so `to` does for maxFrame. */
  #frameEnd(bytes: Uint8Array, from: number, to: number): number {
    return this.#framing.end(bytes, from, to, to);
  }

  #room(): number {
    const last = this.#segments[this.#segments.length - 1];
    return last ? last.bytes.length - last.filled : 0;
  }

  /** The segment for one frame, with room for it. */
  #segmentFor(frame: number): Segment {
    if (this.#expected > 0) this.#begin();
    if (frame > this.#room()) this.#grow(frame);
    return this.#segments[this.#segments.length - 1]!;
  }

  /** Begins a new segment when the last one has no room for the expected bytes. */
  #begin(): void {
    const room = this.#room();
    if (room > 0 && room < this.#expected) this.#grow(0);
    this.#expected = 0;
  }

  #grow(frame: number): void {
    const bytes = new Uint8Array(Math.max(this.#segmentSize, frame));
    this.#segments.push({ bytes, start: this.#end, framesBefore: this.#frames, filled: 0, marks: [START] });
    this.#held += bytes.length;
  }

  #copy(bytes: Uint8Array, from: number, to: number, frames: number): void {
    const segment = this.#segments[this.#segments.length - 1]!;
    segment.bytes.set(bytes.subarray(from, to), segment.filled);
    this.#written(segment, to - from, frames);
  }

  #written(segment: Segment, length: number, frames: number): void {
    segment.filled += length;
    this.#end += length;
    this.#frames += frames;
    this.#lastRead = undefined;
  }

  #find(offset: number): Segment {
    const segments = this.#segments;
    // Nearly every cursor is in the last segment; the others are found by binary search.
    let low = 0;
    let high = segments.length - 1;
    if (high >= 0 && offset >= segments[high]!.start) low = high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (segments[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    const segment = segments[low];
    if (!segment || offset < segment.start || offset > segment.start + segment.filled) {
      throw new RangeError(`Cannot read the log at offset ${offset}: it holds ${this.start} to ${this.#end}`);
    }
    return segment;
  }
}
