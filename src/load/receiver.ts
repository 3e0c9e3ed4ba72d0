/**
 * The receiver: the checker of one client of a load.
 *
 * @module
 */

import { FRAMINGS } from "../framing/framing.ts";
import { FrameCutter, frameLength, joined, STAMP, type Stamp, stampOf } from "./message.ts";
import type { Stream } from "./stream.ts";

/**
 * Holds what one client receives against the stream. It *follows* the stream while its bytes are the same, which costs one
 * comparison a chunk. From the first difference on it *walks*: it looks at every frame, and counts what is missing or late.
 */
export class LoadReceiver {
  /** Frames of the run that were received. */
  received = 0;
  /** Where in the stream the client came in; `undefined` until that is known. */
  start: number | undefined;
  /** Up to where it has received the stream, at most up to the first difference. */
  offset = 0;
  /** Whether something else came than other clients have received. */
  diverged = false;
  /** Called when more of the stream was received. */
  onReceived: () => void = () => {};

  readonly #stream: Stream;
  /** Frames of the stream up to here, those before it came in included. */
  #number = 0;
  /** What came before its place in the stream was known. */
  #early: Uint8Array = new Uint8Array(0);
  /** While it walks: the frames, how many came late, and the sequence number that is due, of each publisher. */
  readonly #cutter: FrameCutter;
  #late = 0;
  #due: Map<number, number> = new Map();
  #lateBefore = 0;

  /** The receiver of a client; with `founds` the stream begins with what this one receives. */
  constructor(stream: Stream, founds: boolean) {
    this.#stream = stream;
    this.#cutter = new FrameCutter(stream.run);
    if (founds) this.start = 0;
  }

  /** Frames that came after a later one of the same publisher, or again. */
  get late(): number {
    return this.diverged ? this.#late : this.#stream.late - this.#lateBefore;
  }

  /** Whether everything that any client has received has come. */
  get isLevel(): boolean {
    if (this.start === undefined) return false;
    return this.diverged ? this.#walkedAll() : this.offset === this.#stream.length;
  }

  /** The first offset of the stream that is needed; `undefined` when none is. */
  get needs(): number | undefined {
    if (this.start === undefined) return 0;
    return this.diverged ? undefined : this.#stream.boundary(this.#number);
  }

  /** Takes the next bytes of the client. */
  receive(chunk: Uint8Array): void {
    if (this.start === undefined) this.#wait(chunk);
    else if (this.diverged) this.#walk(chunk);
    else this.#follow(chunk);
  }

  // --- before its place is known ---

  #wait(chunk: Uint8Array): void {
    const isFirst = this.#early.length === 0;
    this.#early = joined(this.#early, chunk);
    if (isFirst) this.#stream.whenGrown(() => this.#place());
    else this.#place();
  }

  /** The first frame of the run says where in the stream the client came in. */
  #place(): boolean {
    if (this.start !== undefined) return true;
    const rest = this.#early;
    const { run } = this.#stream;
    const view = new DataView(rest.buffer, rest.byteOffset, rest.length);
    for (let at = 0; at + FRAMINGS[run.framing].header + STAMP <= rest.length;) {
      const length = frameLength(run, view, at)!;
      const stamp = stampOf(run, view, at, length);
      if (stamp === undefined) {
        at += length;
        continue;
      }
      const number = this.#stream.numberOf(stamp.publisher, stamp.sequence);
      if (number === undefined) return false;
      this.#number = number;
      this.#lateBefore = this.#stream.late;
      this.offset = this.start = this.#stream.frame(number)!.start;
      this.#early = new Uint8Array(0);
      this.#follow(rest.subarray(at));
      return true;
    }
    return false;
  }

  // --- as long as it receives what others receive ---

  #follow(chunk: Uint8Array): void {
    const stream = this.#stream;
    if (!stream.follows(this.offset, chunk)) return this.#diverge(chunk);
    this.offset += chunk.length;
    const before = this.#number;
    this.#number = stream.pass(before, this.offset);
    this.received += this.#number - before;
    this.onReceived();
  }

  // --- afterwards ---

  #diverge(chunk: Uint8Array): void {
    const stream = this.#stream;
    stream.complain(
      `other bytes than the first receiver got, between ${this.offset} and ${this.offset + chunk.length}`,
    );
    this.#late = this.late;
    this.diverged = true;
    this.#due = stream.dueAt(this.#number);
    // From the start of the frame under way on.
    this.#walk(joined(stream.bytes(stream.boundary(this.#number), this.offset), chunk));
  }

  #walk(chunk: Uint8Array): void {
    const { run } = this.#stream;
    this.#cutter.cut(chunk, (_bytes, view, at, length) => {
      const stamp = stampOf(run, view, at, length);
      if (stamp !== undefined) this.#count(stamp);
    });
    this.onReceived();
  }

  #count({ publisher, sequence, sentAt }: Stamp): void {
    if (sequence < (this.#due.get(publisher) ?? 0)) this.#late++;
    else this.#due.set(publisher, sequence + 1);
    this.received++;
    const { countDelay, sample } = this.#stream;
    if (((sequence + publisher) & (sample - 1)) === 0) countDelay?.(sentAt);
  }

  #walkedAll(): boolean {
    return this.#stream.publishers.every((publisher) =>
      (this.#due.get(publisher) ?? 0) >= this.#stream.dueOf(publisher)
    );
  }
}
