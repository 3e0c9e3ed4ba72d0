/**
 * The receiver: follows the stream of one client, and compares every frame of the load with the expected one.
 *
 * @module
 */

import { FRAMINGS } from "../framing/framing.ts";
import { type BenchFraming, STAMP } from "./stamp.ts";

/** What all receivers of a run share. */
export interface Run {
  readonly framing: BenchFraming;
  /** Bytes of each payload. */
  readonly size: number;
  /** Marks the frames of this run. */
  readonly id: number;
  readonly publishers: number;
  /** One frame in so many has its delay counted; a power of two. */
  sample: number;
  /** Counts the delay of a frame that was sent at this time. */
  delayed(sentAt: number): void;
}

/** Counts and checks frames without allocating. */
export class LoadReceiver {
  /** Frames of this run that were received. */
  received = 0;
  /** Frames received after a later frame of the same publisher. */
  late = 0;
  /** Frames of other senders. */
  foreign = 0;
  /** The number of the next frame of each publisher. */
  readonly next: Uint32Array;

  readonly #run: Run;
  readonly #header: number;
  /** Header and stamp of a frame that comes in pieces. */
  readonly #head: Uint8Array;
  readonly #headView: DataView;
  /** Bytes received of the current frame. */
  #have = 0;

  /** Follows a stream from the start of a frame. */
  constructor(run: Run) {
    this.#run = run;
    this.#header = FRAMINGS[run.framing].header;
    this.next = new Uint32Array(run.publishers);
    this.#head = new Uint8Array(this.#header + STAMP);
    this.#headView = new DataView(this.#head.buffer);
  }

  /** Takes the next bytes of the stream. */
  receive(chunk: Uint8Array): void {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    const to = chunk.length;
    const header = this.#header;
    let at = this.#have > 0 ? this.#finish(chunk) : 0;
    while (at < to) {
      if (to - at < header) break;
      const length = view.getUint32(at + header - 4);
      const end = at + header + length;
      if (end > to) break;
      this.#frame(view, at, length);
      at = end;
    }
    if (at < to) this.#finish(chunk.subarray(at));
  }

  /** Continues or begins a frame that comes in pieces. Returns where the next frame starts. */
  #finish(chunk: Uint8Array): number {
    const header = this.#header;
    let at = 0;
    while (at < chunk.length) {
      const goal = this.#have < header ? header : header + this.#headView.getUint32(header - 4);
      const taken = Math.min(goal - this.#have, chunk.length - at);
      for (let index = 0; index < taken && this.#have + index < this.#head.length; index++) {
        this.#head[this.#have + index] = chunk[at + index]!;
      }
      at += taken;
      this.#have += taken;
      if (this.#have < header) break;
      const length = this.#headView.getUint32(header - 4);
      if (this.#have < header + length) continue;
      this.#frame(this.#headView, 0, length);
      this.#have = 0;
      break;
    }
    return at;
  }

  /** A whole frame was received; its header is at `at`. */
  #frame(view: DataView, at: number, length: number): void {
    const run = this.#run;
    const stamp = at + this.#header;
    if (length !== run.size || view.getUint32(stamp) !== run.id) {
      this.foreign++;
      return;
    }
    const publisher = view.getUint32(stamp + 4);
    const number = view.getUint32(stamp + 8);
    if (publisher >= run.publishers) {
      this.foreign++;
      return;
    }
    if (number < this.next[publisher]!) this.late++;
    else this.next[publisher] = number + 1;
    this.received++;
    if (((number + publisher) & (run.sample - 1)) === 0) run.delayed(view.getFloat64(stamp + 12));
  }
}
