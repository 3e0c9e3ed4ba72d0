/** The expected stream: the one stream that every connection receives, as the first one received it. */

import { Buffer } from "node:buffer";
import { frameEnd, HEADER, isIntact, STAMP, stampOf } from "./frames.ts";

/** How many problems are listed; further ones are counted. */
const TOLD = 5;

/** How far apart the offsets are whose time is kept. */
const MARK = 64 * 1024;

/**
 * A copy of the stream, grown by the client that is furthest ahead and compared with what each of the others receives. The
 * frames of each publisher must come whole and in order, none missing, none twice.
 */
export class ExpectedStream {
  /** Where each frame ends. */
  readonly ends: number[] = [];
  /** When each frame was sent. */
  readonly sentAt: number[] = [];
  /** What was wrong, in words; empty when nothing was. */
  readonly problems: string[] = [];

  #bytes: Buffer;
  #length = 0;
  /** Up to here the frames were looked at. */
  #checked = 0;
  #problems = 0;
  /** For each publisher, which frame of the stream each of its frames is. */
  readonly #frames: Map<number, number[]> = new Map();
  readonly #marks: [number, number][] = [];
  #unplaced: (() => boolean)[] = [];

  /** An empty one, with room for so many bytes before it must be copied. */
  constructor(room: number = 2 ** 24) {
    this.#bytes = Buffer.allocUnsafe(room);
  }

  /** Bytes received by the client that is furthest ahead. */
  get length(): number {
    return this.#length;
  }

  /** Whether the stream as it stands ends with a whole frame. */
  get endsAtBoundary(): boolean {
    return this.#checked === this.#length;
  }

  /** Which frame of the stream this frame of a publisher is; `undefined` while no client has received all of it. */
  indexOf(publisher: number, sequence: number): number | undefined {
    return this.#frames.get(publisher)?.[sequence];
  }

  /** A client received `chunk` as the bytes from `offset` on. Returns whether the others received the same. */
  received(offset: number, chunk: Uint8Array): boolean {
    const known = Math.min(chunk.length, this.#length - offset);
    if (known < 0) {
      this.complain(`a gap: bytes at ${offset} of a stream of ${this.#length}`);
      return false;
    }
    const same = this.#bytes.compare(chunk, 0, known, offset, offset + known) === 0;
    if (!same) this.complain(`other bytes than the first receiver got, between ${offset} and ${offset + known}`);
    if (same && known < chunk.length) this.#append(chunk.subarray(known));
    return same;
  }

  /** Calls `place` now and whenever the stream has grown, until it returns that it is done. */
  whenGrown(place: () => boolean): void {
    if (!place()) this.#unplaced.push(place);
  }

  /** When the stream reached an offset, by the clock of this process, to within 64 KiB. */
  timeOf(offset: number): number {
    let time = 0;
    for (const [at, when] of this.#marks) {
      if (at > offset) break;
      time = when;
    }
    return time;
  }

  /** Notes a problem. */
  complain(problem: string): void {
    this.#problems++;
    if (this.#problems <= TOLD) this.problems.push(problem);
    else this.problems[TOLD] = `and ${this.#problems - TOLD} more`;
  }

  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
    const last = this.#marks[this.#marks.length - 1];
    if (last === undefined || length - last[0] >= MARK) this.#marks.push([length, performance.now()]);
    this.#checkFrames();
    if (this.#unplaced.length > 0) this.#unplaced = this.#unplaced.filter((place) => !place());
  }

  #checkFrames(): void {
    for (;;) {
      const from = this.#checked;
      const to = frameEnd(this.#bytes, from, this.#length);
      if (to === undefined || to > this.#length) return;
      this.#checked = to;
      if (to - from < HEADER + STAMP || !isIntact(this.#bytes, from, to)) {
        this.complain(`a frame of ${to - from} bytes at ${from} that nobody sent`);
        continue;
      }
      const { publisher, sequence, sentAt } = stampOf(this.#bytes, from);
      let frames = this.#frames.get(publisher);
      if (frames === undefined) this.#frames.set(publisher, frames = []);
      if (sequence !== frames.length) {
        this.complain(`frame ${sequence} of publisher ${publisher} where ${frames.length} was due`);
      }
      frames[sequence] = this.ends.length;
      this.ends.push(to);
      this.sentAt.push(sentAt);
    }
  }
}
