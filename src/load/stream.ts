/**
 * The stream: what all clients of a load must receive, as the client that is furthest ahead has received it.
 *
 * @module
 */

import { FrameTable, type StreamFrame } from "./frame_table.ts";
import { type Equal, equalBytes, frameLength, isIntact, type Run, stampOf } from "./message.ts";

/** So many problems are told one by one; the others are counted. */
const TOLD = 5;

/**
 * One copy of the stream, with which the bytes of every client are compared: so one comparison proves, for all the frames in
 * a chunk, that they are the same ones in the same order. The frames themselves are looked at once, when the copy grows:
 * each publisher's must be whole and in order, none missing, none twice.
 */
export class Stream {
  readonly run: Run;
  /** What was wrong, in words; empty when nothing was. */
  readonly problems: string[] = [];
  /** Frames that came after a later one of their publisher, or again. */
  late = 0;
  /** Frames of the run with other bytes than were sent. */
  garbled = 0;
  /** Frames that are not of the run. */
  foreign = 0;
  /** Counts the delay of a frame at a client, given when it was due; not given: delays are not counted. */
  countDelay: ((sentAt: number) => void) | undefined;
  /** The delay of one frame in so many is counted; a power of two. */
  sample = 1;
  /** Called when the stream has grown, with its length. */
  onGrown: (length: number) => void = () => {};

  readonly #equal: Equal;
  /** The bytes from offset `#base` on. */
  #bytes: Uint8Array;
  #base = 0;
  #length = 0;
  /** Up to here the frames were looked at. */
  #checked = 0;
  #problems = 0;
  readonly #frames: FrameTable = new FrameTable();
  /** For each publisher, the number in the stream of each of its frames, by sequence. */
  readonly #numbers: Map<number, Map<number, number>> = new Map();
  /** For each publisher, the sequence number that is due. */
  readonly #due: Map<number, number> = new Map();
  /** The same before the first frame that is held. */
  readonly #dueBefore: Map<number, number> = new Map();
  #waiting: (() => boolean)[] = [];

  /** An empty one, with room for so many bytes before it is copied. */
  constructor(run: Run, equal: Equal = equalBytes, room: number = 2 ** 20) {
    this.run = run;
    this.#equal = equal;
    this.#bytes = new Uint8Array(room);
  }

  /** Bytes received by the client that is furthest ahead. */
  get length(): number {
    return this.#length;
  }

  /** Frames of the run in it. */
  get count(): number {
    return this.#frames.count;
  }

  /** Bytes that are still held. */
  get held(): number {
    return this.#length - this.#base;
  }

  /** Whether it ends with a whole frame. */
  get endsAtBoundary(): boolean {
    return this.#checked === this.#length;
  }

  /** A frame by its number in the stream. */
  frame(number: number): StreamFrame | undefined {
    return this.#frames.get(number);
  }

  /** The number in the stream of a publisher's frame; `undefined` while no client has received all of it. */
  numberOf(publisher: number, sequence: number): number | undefined {
    return this.#numbers.get(publisher)?.get(sequence);
  }

  /** The publishers of which a frame has come. */
  get publishers(): number[] {
    return [...this.#due.keys()];
  }

  /** How many frames of a publisher have come, none left out. */
  dueOf(publisher: number): number {
    return this.#due.get(publisher) ?? 0;
  }

  /** For each publisher, the sequence number that is due after the frames before this one. */
  dueAt(number: number): Map<number, number> {
    const due = new Map(this.#dueBefore);
    for (let each = this.#frames.first; each < number; each++) {
      const { publisher, sequence } = this.#frames.get(each)!;
      due.set(publisher, Math.max(sequence + 1, due.get(publisher) ?? 0));
    }
    return due;
  }

  /** The number of the first frame from `number` on that ends behind `offset`; counts the delays of those before it. */
  pass(number: number, offset: number): number {
    return this.#frames.pass(number, offset, this.sample, this.countDelay);
  }

  /** The bytes between two offsets. A view, which lasts until the stream changes. */
  bytes(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from - this.#base, to - this.#base);
  }

  /** Whether `chunk` is what comes at `offset`: it is compared with what is there, and the rest is appended. */
  follows(offset: number, chunk: Uint8Array): boolean {
    const known = Math.min(chunk.length, this.#length - offset);
    if (known < 0 || offset < this.#base) return false;
    if (!this.#equal(this.bytes(offset, offset + known), known < chunk.length ? chunk.subarray(0, known) : chunk)) {
      return false;
    }
    if (known < chunk.length) this.#append(chunk.subarray(known));
    return true;
  }

  /** Calls `place` now and whenever the stream has grown, until it returns true. */
  whenGrown(place: () => boolean): void {
    if (!place()) this.#waiting.push(place);
  }

  /** Where the first frame that a client after this many frames may not have had begins, at the latest. */
  boundary(number: number): number {
    return this.frame(number - 1)?.end ?? this.#base;
  }

  /** Lets go of what is before a boundary, where that is most of it. */
  trim(offset: number): void {
    if (offset - this.#base < this.held / 2) return;
    this.#bytes.copyWithin(0, offset - this.#base, this.#length - this.#base);
    this.#base = offset;
    const kept = this.#frames.pass(this.#frames.first, offset, 1);
    for (let gone = this.#frames.first; gone < kept; gone++) {
      const { publisher, sequence } = this.#frames.get(gone)!;
      this.#numbers.get(publisher)?.delete(sequence);
      this.#dueBefore.set(publisher, Math.max(sequence + 1, this.#dueBefore.get(publisher) ?? 0));
    }
    this.#frames.drop(kept);
  }

  /** Notes a problem. */
  complain(problem: string): void {
    this.#problems++;
    if (this.#problems <= TOLD) this.problems.push(problem);
    else this.problems[TOLD] = `and ${this.#problems - TOLD} more`;
  }

  #append(bytes: Uint8Array): void {
    const held = this.held + bytes.length;
    if (held > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(held, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.held));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.held);
    this.#length += bytes.length;
    this.onGrown(this.#length);
    this.#checkFrames();
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((place) => !place());
  }

  #checkFrames(): void {
    const held = this.#bytes.subarray(0, this.held);
    const view = new DataView(held.buffer, held.byteOffset, held.length);
    for (;;) {
      const at = this.#checked - this.#base;
      const length = frameLength(this.run, view, at);
      if (length === undefined || at + length > held.length) return;
      this.#checkFrame(held, view, at, length);
      this.#checked += length;
    }
  }

  #checkFrame(held: Uint8Array, view: DataView, at: number, length: number): void {
    const stamp = stampOf(this.run, view, at, length);
    const start = this.#base + at;
    if (stamp === undefined) {
      this.foreign++;
      return;
    }
    const { publisher, sequence } = stamp;
    if (!isIntact(this.run, held.subarray(at, at + length), sequence, this.#equal)) {
      this.garbled++;
      this.complain(`a frame of ${length} bytes at ${start} is garbled`);
    }
    const due = this.dueOf(publisher);
    if (sequence !== due) this.complain(`frame ${sequence} of publisher ${publisher} where ${due} was due`);
    if (sequence < due) this.late++;
    else this.#due.set(publisher, sequence + 1);
    let numbers = this.#numbers.get(publisher);
    if (numbers === undefined) this.#numbers.set(publisher, numbers = new Map());
    if (!numbers.has(sequence)) numbers.set(sequence, this.count);
    this.#frames.push({ ...stamp, start, end: start + length });
  }
}
