/**
 * The model: what clients must see, as plainly as possible. A list of frames, and for each connection a place in it. It
 * knows nothing of slabs, segments, heaps or ticks.
 *
 * @module
 */

import type { Echo } from "../../src/broadcast/options.ts";
import type { FeedName } from "./feeds.ts";
import { type Author, Image, type Place } from "./image.ts";
import { PackedImage } from "./packed_image.ts";

/** Every frame that was published, in one order, and its image in each framing of the world. */
export class Model {
  /** The order as each framing has it, that of the mob first. */
  readonly images: readonly Image[];
  /** How many frames were published. */
  frames = 0;
  /** Their bytes in the framing of the mob. */
  bytes = 0;
  readonly #echo: Echo;

  constructor(feeds: readonly FeedName[], echo: Echo = "all") {
    this.images = [...new Set(feeds)].map((feed) => feed === "mobcast.u64" ? new PackedImage() : new Image(feed));
    this.#echo = echo;
  }

  /** The order as a feed has it. */
  image<Feed extends string>(feed: Feed): Feed extends FeedName ? Image : Image | undefined {
    return this.images.find((image) => image.framing.name === feed)!;
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
    isUsed: (feed: FeedName) => boolean,
    reframed: (carried: boolean) => void,
  ): string | undefined {
    // What its author does not receive is in messages of its own.
    const own = this.#echo === "others" ? this.image(author.framing.name) : undefined;
    own?.seal();
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
      this.bytes += this.images[0]!.framing.size(payload.length);
      for (const image of this.images) {
        const own = image.framing === author.framing;
        const used = isUsed(image.framing.name);
        const carried = image.append(author, payload, used);
        if (used && !own) reframed(carried);
      }
      at += frame.length;
    }
    own?.seal();
    return at === end ? undefined : `published ${end - at} bytes that are no frame`;
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
  at = 0;
  /** Bytes and frames that it was given; a frame that is half given is not counted. */
  readonly given: { bytes: number; frames: number } = { bytes: 0, frames: 0 };
  /** Where it ends, once it leaves. */
  ended: Place | undefined;
  /** What it is about to miss. */
  gap: Gap | undefined;
  /** It was over the limit when it was last at a frame boundary, or since: it may be skipped there. */
  over = false;
  /** Where it begins. */
  joined!: Place;
  /** The order in the framing of its connection. */
  readonly image: Image;
  /** Whether it knows what is on its way: where other bytes come in between, it does not. */
  keepsTrack = true;

  /** What of it was published before it joined. */
  replayed!: { bytes: number; frames: number };
  /** Whether something is replayed to it, and no tick has written to it yet. */
  isUnserved = false;

  readonly #author: Author | undefined;
  readonly #history: number;
  #frame = 0;
  /** What was given and not received yet, as stretches of the log: from, to, from, to, ... */
  readonly #onItsWay: number[] = [];
  #receivedInFirst = 0;
  #mayEnd: Place | undefined;

  /**
   * A stream from the current end of the log, with so many bytes of what was published before. Under `others` it does not hold
   * what its author sends.
   */
  constructor(image: Image, author: Author, echo: Echo, history = 0) {
    this.image = image;
    this.#author = echo === "others" ? author : undefined;
    this.#history = history;
    this.#start();
  }

  /** The offset where it ends; `Infinity` while it does not leave. */
  get until(): number {
    return this.ended?.at ?? Infinity;
  }

  /** Bytes that the log holds behind it, pending for it or not. */
  get behind(): number {
    return this.image.end - this.at;
  }

  /** It begins anew: an unauthenticated connection has joined. */
  begin(): void {
    this.image.seal();
    this.#start();
  }

  #start(): void {
    const { frame, place } = this.image.beginning(this.#history);
    const { at, bytes, frames } = this.image.place;
    this.#frame = frame;
    this.at = place.at;
    this.joined = place;
    this.replayed = { bytes: bytes - place.bytes, frames: frames - place.frames };
    this.isUnserved = place.at < at;
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
    this.image.seal();
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
    // What is offered is behind what it misses, even when nothing of it is taken.
    this.hop();
    let from = 0;
    while (from < taken) {
      this.hop();
      const end = Math.min(this.image.endOf(this.#frame), this.until);
      const length = Math.min(taken - from, end - this.at);
      if (length <= 0) return `given ${taken - from} bytes more than it may receive`;
      if (!sameBytes(bytes, from, this.image.bytes, this.at, length)) {
        return `given other bytes than those of frame ${this.#frame} at offset ${this.at}`;
      }
      if (this.keepsTrack) this.#onItsWay.push(this.at, this.at + length);
      this.at += length;
      from += length;
      if (this.at === this.image.endOf(this.#frame)) {
        this.given.frames += this.image.countOf(this.#frame++);
      }
    }
    this.given.bytes += taken;
    return undefined;
  }

  /**
   * It goes on at its end, if it is about to miss something: what was published since the last tick it misses, too. With
   * `maySkip` that may be all it misses: it was skipped inside a frame when nothing was behind that, which no count shows.
   */
  resumeAtEnd(maySkip = false): void {
    if (maySkip && this.over && this.atBoundary) this.gap ??= { from: this.at, to: this.at };
    if (this.gap !== undefined && this.at === this.gap.from) this.gap.to = this.until;
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
