/**
 * The model: what clients must see, as plainly as possible. A list of frames, and for each connection a place in it. It
 * knows nothing of slabs, segments, heaps or ticks.
 *
 * @module
 */

import type { Echo } from "../../src/broadcast/options.ts";
import { encodeFrame, type Framing, type FramingName, FRAMINGS, overhead } from "../../src/framing/framing.ts";

/** The sender of frames: a client with a stream of bytes, or a member without one. */
export class Author {
  /** How its frames are delimited. */
  readonly framing: Framing;
  /** Every frame it sent, in order. */
  readonly sent: Uint8Array[] = [];
  /** Where each of them ends in its stream of bytes. */
  readonly endsAt: number[] = [];
  /** Where every whole frame ends, pings too. */
  readonly boundaries: Set<number> = new Set([0]);
  /** How many of its frames were published, or withheld. */
  published = 0;
  /** How many of those were withheld. */
  withheld = 0;
  /** How many the application has allowed, or withheld, where it reads messages. */
  allowed = 0;
  /** Bytes it sent in all. */
  length = 0;
  /** From here on its stream is garbage. */
  poisonedAt: number = Infinity;

  constructor(framing: FramingName) {
    this.framing = FRAMINGS[framing];
  }

  /** What one of its frames carries. */
  payloadOf(frame: Uint8Array): Uint8Array {
    return frame.subarray(this.framing.header, frame.length - this.framing.trailer);
  }

  /** It sent a frame; a ping is not published. */
  say(frame: Uint8Array, isPing: boolean): void {
    this.length += frame.length;
    this.boundaries.add(this.length);
    if (isPing) return;
    this.sent.push(frame);
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

/** A place in the one order, as a framing has it. */
export interface Place {
  /** Where it is in the log of the framing. */
  readonly at: number;
  /** Bytes published before it, also of what the framing cannot carry. */
  readonly bytes: number;
  /** Frames published before it, also those. */
  readonly frames: number;
  /** Bytes of what the framing cannot carry. */
  readonly uncarried: number;
}

/** The one order in one framing: the frames that it can carry, back to back. */
export class Image {
  readonly framing: Framing;
  /** The frames back to back. */
  bytes: Uint8Array = new Uint8Array(8192);
  /** How many bytes. */
  end = 0;
  /** Where each frame begins. */
  readonly starts: number[] = [];
  /** Which author it is of. */
  readonly authors: Author[] = [];
  /** What was published while its feed had connections. */
  readonly published: { bytes: number; frames: number } = { bytes: 0, frames: 0 };
  #uncarriedFrames = 0;
  #uncarriedBytes = 0;

  constructor(framing: FramingName) {
    this.framing = FRAMINGS[framing];
  }

  /** How many frames. */
  get frames(): number {
    return this.starts.length;
  }

  /** Where the order ends now. */
  get place(): Place {
    const uncarried = this.#uncarriedBytes;
    return { at: this.end, bytes: this.end + uncarried, frames: this.frames + this.#uncarriedFrames, uncarried };
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

  /** The next frame of the order. `used`: its feed has connections. Returns whether the framing can carry it. */
  append(author: Author, payload: Uint8Array, used: boolean): boolean {
    const length = this.framing.header + payload.length + this.framing.trailer;
    if (used) {
      this.published.frames++;
      this.published.bytes += length;
    }
    if (this.framing.trailer > 0 && payload.includes(NEWLINE)) {
      this.#uncarriedFrames++;
      this.#uncarriedBytes += length;
      return false;
    }
    if (this.end + length > this.bytes.length) {
      const grown = new Uint8Array(2 * (this.end + length));
      grown.set(this.bytes.subarray(0, this.end));
      this.bytes = grown;
    }
    this.bytes.set(encodeFrame(this.framing.name, payload), this.end);
    this.starts.push(this.end);
    this.authors.push(author);
    this.end += length;
    return true;
  }
}

/** Every frame that was published, in one order, and its image in each framing of the world. */
export class Model {
  /** The order as each framing has it, that of the mob first. */
  readonly images: readonly Image[];
  /** How many frames were published. */
  frames = 0;
  /** Their bytes in the framing of the mob. */
  bytes = 0;

  constructor(framings: readonly FramingName[]) {
    this.images = [...new Set(framings)].map((framing) => new Image(framing));
  }

  /** The order as a framing has it. */
  image(framing: FramingName): Image {
    return this.images.find((image) => image.framing.name === framing)!;
  }

  /**
   * The core published a run of frames from `author`. Returns what is wrong with that, if anything. `reframed` is called for
   * each framing with connections that is not the author's own, with whether it can carry the frame. `isUsed`: a framing
   * has connections.
   */
  publish(
    author: Author,
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
    isUsed: (framing: FramingName) => boolean,
    reframed: (carried: boolean) => void,
  ): string | undefined {
    let at = start;
    for (let left = count; left > 0; left--) {
      const frame = author.sent[author.published];
      if (frame === undefined) return "published a frame that its author has not sent, or had published before";
      if (!sameBytes(bytes, at, frame, 0, frame.length) || at + frame.length > end) {
        return `published something else than frame ${author.published} of its author`;
      }
      author.published++;
      this.frames++;
      const payload = author.payloadOf(frame);
      this.bytes += payload.length + overhead(this.images[0]!.framing);
      for (const image of this.images) {
        const own = image.framing === author.framing;
        const used = isUsed(image.framing.name);
        const carried = image.append(author, payload, used);
        if (used && !own) reframed(carried);
      }
      at += frame.length;
    }
    return at === end ? undefined : `published ${end - at} bytes that are no frame`;
  }
}

/** What no line can carry. */
const NEWLINE = 10;

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
  ended: Place | undefined;
  /** What it is about to miss. */
  gap: Gap | undefined;
  /** It was over the limit when it was last at a frame boundary, or since: it may be skipped there. */
  over = false;
  /** Where it joined. */
  joined: Place;
  /** The order in the framing of its connection. */
  readonly image: Image;

  readonly #author: Author | undefined;
  #frame: number;
  /** What was given and not received yet, as stretches of the log: from, to, from, to, ... */
  readonly #onItsWay: number[] = [];
  #receivedInFirst = 0;
  #mayEnd: Place | undefined;

  /** A stream from the current end of the log. Under `others` it does not hold what its author sends. */
  constructor(image: Image, author: Author, echo: Echo) {
    this.image = image;
    this.#author = echo === "others" ? author : undefined;
    this.#frame = image.frames;
    this.at = image.end;
    this.joined = image.place;
  }

  /** The offset where it ends; `Infinity` while it does not leave. */
  get until(): number {
    return this.ended?.at ?? Infinity;
  }

  /** Bytes that the log holds behind it, pending for it or not. */
  get behind(): number {
    return this.image.end - this.at;
  }

  /** It begins anew at the end of the log: an unauthenticated connection has joined. */
  begin(): void {
    this.#frame = this.image.frames;
    this.at = this.image.end;
    this.joined = this.image.place;
  }

  /** Whether the next byte is the first of a frame. */
  get atBoundary(): boolean {
    return this.at === (this.image.starts[this.#frame] ?? this.image.end);
  }

  /** How many bytes of the frame at `at` it was given. */
  get into(): number {
    return this.atBoundary ? 0 : this.at - this.image.starts[this.#frame]!;
  }

  /** The end of the frame of which it received a part; its own place when that is a boundary. */
  get boundary(): number {
    return this.atBoundary ? this.at : this.image.endOf(this.#frame);
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
    this.ended = this.image.place;
  }

  /** In the tick in which all connections leave it may do so by itself, and first. */
  mayEndHere(): void {
    if (this.ended === undefined) this.#mayEnd ??= this.image.place;
  }

  /** All connections leave: its stream ends now, or where it may have ended by the count of frames since it joined. */
  endWithAll(reported: number): void {
    const early = this.#mayEnd;
    if (this.ended !== undefined) return;
    if (early === undefined || early.bytes - this.joined.bytes !== reported) return this.end();
    this.ended = early;
  }

  /** Bytes were written to it. Returns what is wrong with that, if anything. */
  give(bytes: Uint8Array, taken: number): string | undefined {
    let from = 0;
    while (from < taken) {
      this.hop();
      const end = Math.min(this.image.endOf(this.#frame), this.until);
      const length = Math.min(taken - from, end - this.at);
      if (length <= 0) return `given ${taken - from} bytes more than it may receive`;
      if (!sameBytes(bytes, from, this.image.bytes, this.at, length)) {
        return `given other bytes than those of frame ${this.#frame} at offset ${this.at}`;
      }
      this.#onItsWay.push(this.at, this.at + length);
      this.at += length;
      from += length;
      if (this.at === this.image.endOf(this.#frame)) {
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
      this.#frame = this.image.frameAt(this.at);
      this.gap = undefined;
    }
    if (this.#author === undefined || !this.atBoundary) return;
    while (this.at < Math.min(this.image.end, this.until) && this.image.authors[this.#frame] === this.#author) {
      this.at = this.image.endOf(this.#frame++);
    }
  }

  /** The client received some bytes. Returns what is wrong with that, if anything. */
  receive(bytes: Uint8Array): string | undefined {
    let from = 0;
    while (from < bytes.length) {
      const [start, end] = this.#onItsWay;
      if (start === undefined || end === undefined) return "the client received what it was not given";
      const at = start + this.#receivedInFirst;
      const length = Math.min(bytes.length - from, end - at);
      if (!sameBytes(bytes, from, this.image.bytes, at, length)) {
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
