/**
 * Outgoing: what the connections of a mob have sent and is not back yet.
 *
 * @module
 */

import { NOTHING } from "../bytes.ts";
import { Queue } from "../contract/queue.ts";
import type { Token } from "../contract/token.ts";
import type { FrameRules } from "../framing/framing.ts";
import { type Run, RUN_HEADER, writeRunHeader } from "./batch.ts";
import type { Channel } from "./channel.ts";
import type { RelaySender } from "./relay.ts";

/** Frames of one sender, in the bytes of a batch. */
export interface Share extends Run {
  /** The connection; `undefined`: the application. */
  readonly token: Token | undefined;
}

/** Frames and bytes that are counted. */
export interface OutgoingCount {
  frames: number;
  bytes: number;
}

/** The smallest buffer of a batch. */
const LEAST_BUFFER = 4096;

/** Frames that go out together. Its bytes are a batch as it goes over the bus at every moment. */
export class OutgoingBatch {
  /** The frames, without the headers of runs. */
  readonly count: OutgoingCount = { frames: 0, bytes: 0 };
  /** Whose the frames are, in order. */
  readonly shares: { -readonly [Name in keyof Share]: Share[Name] }[] = [];
  #buffer: Uint8Array = NOTHING;
  #filled = 0;
  /** Where the header of the last run is. */
  #run = 0;
  #framing: FrameRules | undefined;
  #frames = 0;

  /** The batch. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#filled);
  }

  /** Its bytes with the header of one more run. */
  get size(): number {
    return this.#filled + RUN_HEADER;
  }

  /** Adds `frames` whole frames, in pieces of `length` bytes together. */
  add(
    token: Token | undefined,
    framing: FrameRules,
    pieces: readonly Uint8Array[],
    length: number,
    frames: number,
  ): void {
    if (framing !== this.#framing) this.#beginRun(framing, length);
    this.#reserve(length);
    const start = this.#filled;
    for (const piece of pieces) {
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.length;
    }
    this.#frames += frames;
    this.count.frames += frames;
    this.count.bytes += length;
    writeRunHeader(this.#buffer, this.#run, framing, this.#frames, this.#filled - this.#run - RUN_HEADER);
    const last = this.shares.at(-1);
    if (last && last.token === token && last.end === start) {
      last.end = this.#filled;
      last.frames += frames;
    } else {
      this.shares.push({ token, framing, start, end: this.#filled, frames });
    }
  }

  #beginRun(framing: FrameRules, length: number): void {
    this.#reserve(RUN_HEADER + length);
    this.#framing = framing;
    this.#run = this.#filled;
    this.#filled += RUN_HEADER;
    this.#frames = 0;
  }

  #reserve(bytes: number): void {
    const needed = this.#filled + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length, LEAST_BUFFER));
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }
}

/** Gathers frames into batches, hands them to the channel, and knows them until they are back. */
export class Outgoing {
  /** What was ever sent. */
  readonly sent: OutgoingCount = { frames: 0, bytes: 0 };
  /** What of it is not back. */
  readonly inFlight: OutgoingCount = { frames: 0, bytes: 0 };
  readonly #batchSize: number;
  /** Batches that the channel has not taken; the last one is still filled. */
  readonly #waiting: Queue<OutgoingBatch> = new Queue();
  #filling: OutgoingBatch | undefined;
  /** Batches that the channel has taken, by their number. */
  readonly #taken: Map<number, OutgoingBatch> = new Map();
  #number = 0;

  /** With nothing in it. A batch gets at most `batchSize` bytes, or one frame. */
  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  /** Takes `count` whole frames, in `bytes` from `start` to `end`. */
  add(
    sender: RelaySender | undefined,
    framing: FrameRules,
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
  ): void {
    let left = count;
    for (let at = start; at < end;) {
      const batch = this.#filling ?? this.#begin();
      const room = this.#batchSize - batch.size;
      let [to, frames] = end - at <= room ? [end, left] : fitting(framing, bytes, at, end, room);
      if (frames === 0) {
        if (batch.size > RUN_HEADER) {
          this.#begin();
          continue;
        }
        // A frame of any size fits into a batch of its own.
        [to, frames] = [framing.end(bytes, at, end, end), 1];
      }
      this.#put(sender, framing, [bytes.subarray(at, to)], to - at, frames);
      at = to;
      left -= frames;
    }
  }

  /** Takes one whole frame of `length` bytes that came in pieces. */
  addPieces(sender: RelaySender, framing: FrameRules, pieces: readonly Uint8Array[], length: number): void {
    const batch = this.#filling;
    if (!batch || batch.size + length > this.#batchSize) this.#begin();
    this.#put(sender, framing, pieces, length, 1);
  }

  /** Hands the channel what it takes now. */
  offer(channel: Channel): void {
    while (this.#waiting.length > 0 && channel.writable) {
      const batch = this.#waiting.shift()!;
      if (batch === this.#filling) this.#filling = undefined;
      this.#taken.set(++this.#number, batch);
      channel.write(this.#number, batch.bytes);
    }
  }

  /** The batch of a number that is back, or lost; `undefined`: none of that number is on its way. */
  settle(number: number): OutgoingBatch | undefined {
    const batch = this.#taken.get(number);
    if (!batch) return undefined;
    this.#taken.delete(number);
    this.inFlight.frames -= batch.count.frames;
    this.inFlight.bytes -= batch.count.bytes;
    return batch;
  }

  /** The batch of a number that is on its way, without settling it. */
  peek(number: number): OutgoingBatch | undefined {
    return this.#taken.get(number);
  }

  #begin(): OutgoingBatch {
    this.#filling = new OutgoingBatch();
    this.#waiting.push(this.#filling);
    return this.#filling;
  }

  #put(
    sender: RelaySender | undefined,
    framing: FrameRules,
    pieces: readonly Uint8Array[],
    length: number,
    frames: number,
  ): void {
    this.#filling!.add(sender?.token, framing, pieces, length, frames);
    if (sender) sender.inFlight += frames;
    for (const count of [this.sent, this.inFlight]) {
      count.frames += frames;
      count.bytes += length;
    }
  }
}

/** How far the frames reach that fit into `room` bytes, and how many they are. */
function fitting(framing: FrameRules, bytes: Uint8Array, start: number, end: number, room: number): [number, number] {
  let to = start;
  let frames = 0;
  while (to < end) {
    const next = framing.end(bytes, to, end, end);
    if (next - start > room) break;
    to = next;
    frames++;
  }
  return [to, frames];
}
