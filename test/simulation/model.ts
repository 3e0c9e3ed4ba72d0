/**
 * The model: what clients must see, as plainly as it can be said. A list of frames, and for each connection a place in
 * it. It knows nothing of slabs, segments, heaps or ticks.
 *
 * @module
 */

import type { Echo } from "../../src/broadcast/options.ts";

/** Whoever says frames: a client with a stream of bytes, or a member without one. */
export class Author {
  /** Every frame it said, in order. */
  readonly said: Uint8Array[] = [];
  /** Where each of them ends in its stream of bytes. */
  readonly endsAt: number[] = [];
  /** Where every whole frame ends, pings too. */
  readonly boundaries: Set<number> = new Set([0]);
  /** How many of its frames were published. */
  published = 0;
  /** Bytes it said in all. */
  length = 0;
  /** From here on its stream is garbage. */
  poisonedAt: number = Infinity;

  /** It said a frame; a ping is not published. */
  say(frame: Uint8Array, isPing: boolean): void {
    this.length += frame.length;
    this.boundaries.add(this.length);
    if (isPing) return;
    this.said.push(frame);
    this.endsAt.push(this.length);
  }

  /** How many of its frames are whole within the first `bytes` of its stream. */
  wholeWithin(bytes: number): number {
    let count = this.published;
    while (count > 0 && this.endsAt[count - 1]! > bytes) count--;
    while (count < this.endsAt.length && this.endsAt[count]! <= bytes) count++;
    return count;
  }
}

/** Every frame that was published, in order. */
export class Model {
  /** The frames back to back. */
  bytes: Uint8Array = new Uint8Array(8192);
  /** How many bytes. */
  end = 0;
  /** Where each frame begins. */
  readonly starts: number[] = [];
  /** Who said it. */
  readonly authors: Author[] = [];

  /** How many frames. */
  get frames(): number {
    return this.starts.length;
  }

  /** Where a frame ends. */
  endOf(frame: number): number {
    return this.starts[frame + 1] ?? this.end;
  }

  /** The first frame that begins at or after `offset`; one that is not there yet, when there is none. */
  frameAt(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The core published a run of frames from `author`. Says what is wrong with that, if anything. */
  publish(author: Author, bytes: Uint8Array, start: number, end: number, count: number): string | undefined {
    let at = start;
    for (let left = count; left > 0; left--) {
      const frame = author.said[author.published];
      if (frame === undefined) return "published a frame that its author has not said, or had published before";
      if (!sameBytes(bytes, at, frame, 0, frame.length) || at + frame.length > end) {
        return `published something else than frame ${author.published} of its author`;
      }
      author.published++;
      this.#append(author, frame);
      at += frame.length;
    }
    return at === end ? undefined : `published ${end - at} bytes that are no frame`;
  }

  #append(author: Author, frame: Uint8Array): void {
    if (this.end + frame.length > this.bytes.length) {
      const grown = new Uint8Array(2 * (this.end + frame.length));
      grown.set(this.bytes.subarray(0, this.end));
      this.bytes = grown;
    }
    this.bytes.set(frame, this.end);
    this.starts.push(this.end);
    this.authors.push(author);
    this.end += frame.length;
  }
}

/** A stretch of the log that a connection missed. */
interface Gap {
  readonly from: number;
  to: number;
}

/** What one connection is given: the log from where it joined, but for its own frames under `echo: "others"`. */
export class Stream {
  /** The next byte of the log that it must be given. */
  at: number;
  /** Bytes and frames that it was given; a frame that is half given is not counted. */
  readonly given: { bytes: number; frames: number } = { bytes: 0, frames: 0 };
  /** Where it ends, once it leaves. */
  until: number = Infinity;
  /** How many frames had been published by then. */
  framesUntil = 0;
  /** What it is about to miss. */
  gap: Gap | undefined;
  /** It was over the limit when it was last at a frame boundary, or since: it may be skipped there. */
  over = false;
  /** Bytes and frames published before it joined. */
  joined: { readonly bytes: number; readonly frames: number };

  readonly #model: Model;
  readonly #author: Author | undefined;
  #frame: number;
  /** What was given and not received yet, as stretches of the log: from, to, from, to, ... */
  readonly #onItsWay: number[] = [];
  #receivedInFirst = 0;
  #mayEnd: { readonly bytes: number; readonly frames: number } | undefined;

  /** A stream from the end of the log as it is. Under `others` it does not hold what its author says. */
  constructor(model: Model, author: Author, echo: Echo) {
    this.#model = model;
    this.#author = echo === "others" ? author : undefined;
    this.#frame = model.frames;
    this.at = model.end;
    this.joined = { bytes: model.end, frames: model.frames };
  }

  /** It begins anew at the end of the log: an unauthenticated connection has joined. */
  begin(): void {
    this.#frame = this.#model.frames;
    this.at = this.#model.end;
    this.joined = { bytes: this.at, frames: this.#frame };
  }

  /** Whether the next byte is the first of a frame. */
  get atBoundary(): boolean {
    return this.at === (this.#model.starts[this.#frame] ?? this.#model.end);
  }

  /** How many bytes of the frame at `at` it was given. */
  get into(): number {
    return this.atBoundary ? 0 : this.at - this.#model.starts[this.#frame]!;
  }

  /** Where the frame ends of which it was given a part; where it is, when it is at a boundary. */
  get boundary(): number {
    return this.atBoundary ? this.at : this.#model.endOf(this.#frame);
  }

  /** Bytes that were given and not received. */
  get unreceived(): number {
    let sum = -this.#receivedInFirst;
    for (let index = 0; index < this.#onItsWay.length; index += 2) {
      sum += this.#onItsWay[index + 1]! - this.#onItsWay[index]!;
    }
    return sum;
  }

  /** It leaves: it is given what was published until now. */
  end(): void {
    this.until = this.#model.end;
    this.framesUntil = this.#model.frames;
  }

  /** In the tick in which everybody leaves it may do so by itself, and first. */
  mayEndHere(): void {
    if (this.until === Infinity) this.#mayEnd ??= { bytes: this.#model.end, frames: this.#model.frames };
  }

  /** Everybody leaves: it ends now, or where it may have ended when so much is told of since it joined. */
  endWithAll(told: number): void {
    const early = this.#mayEnd;
    if (this.until !== Infinity) return;
    if (early === undefined || early.bytes - this.joined.bytes !== told) return this.end();
    this.until = early.bytes;
    this.framesUntil = early.frames;
  }

  /** It was given some bytes. Says what is wrong with that, if anything. */
  give(bytes: Uint8Array, taken: number): string | undefined {
    let from = 0;
    while (from < taken) {
      this.hop();
      const end = Math.min(this.#model.endOf(this.#frame), this.until);
      const length = Math.min(taken - from, end - this.at);
      if (length <= 0) return `given ${taken - from} bytes more than it may receive`;
      if (!sameBytes(bytes, from, this.#model.bytes, this.at, length)) {
        return `given other bytes than those of frame ${this.#frame} at offset ${this.at}`;
      }
      this.#onItsWay.push(this.at, this.at + length);
      this.at += length;
      from += length;
      if (this.at === this.#model.endOf(this.#frame)) {
        this.#frame++;
        this.given.frames++;
      }
    }
    this.given.bytes += taken;
    return undefined;
  }

  /** At a boundary: steps over what it misses, and over its own frames. */
  hop(): void {
    if (this.gap !== undefined && this.at === this.gap.from) {
      this.at = this.gap.to;
      this.#frame = this.#model.frameAt(this.at);
      this.gap = undefined;
    }
    if (this.#author === undefined || !this.atBoundary) return;
    while (this.at < Math.min(this.#model.end, this.until) && this.#model.authors[this.#frame] === this.#author) {
      this.at = this.#model.endOf(this.#frame++);
    }
  }

  /** The client received some bytes. Says what is wrong with that, if anything. */
  receive(bytes: Uint8Array): string | undefined {
    let from = 0;
    while (from < bytes.length) {
      const [start, end] = this.#onItsWay;
      if (start === undefined || end === undefined) return "the client received what it was not given";
      const at = start + this.#receivedInFirst;
      const length = Math.min(bytes.length - from, end - at);
      if (!sameBytes(bytes, from, this.#model.bytes, at, length)) {
        return `the client received other bytes at offset ${at} than it was given`;
      }
      from += length;
      this.#receivedInFirst += length;
      if (at + length < end) continue;
      this.#onItsWay.splice(0, 2);
      this.#receivedInFirst = 0;
    }
    return undefined;
  }
}

function sameBytes(one: Uint8Array, oneAt: number, other: Uint8Array, otherAt: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (one[oneAt + index] !== other[otherAt + index]) return false;
  }
  return true;
}
