/**
 * The one order of frames, as one feed has it, and the authors of those frames.
 *
 * @module
 */

import { type Encoding, ENCODINGS, type FeedName } from "./feeds.ts";

/** What no line can carry. */
const NEWLINE = 10;

/** The sender of frames: a client with a stream of bytes, or a member without one. */
export class Author {
  /** How its frames are delimited. */
  readonly framing: Encoding;
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

  constructor(feed: FeedName) {
    this.framing = ENCODINGS[feed];
  }

  /** What one of its frames carries. */
  payloadOf(frame: Uint8Array): Uint8Array {
    return this.framing.payloadOf(frame);
  }

  /** Its frame is whole with the byte before `at` of its stream: WebSocket clients send it in other bytes. */
  complete(frame: Uint8Array, at: number): void {
    this.sent.push(frame);
    this.endsAt.push(at);
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
  readonly framing: Encoding;
  /** The frames, or messages of several frames, back to back. */
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

  constructor(feed: FeedName) {
    this.framing = ENCODINGS[feed];
  }

  /** How many frames, or messages of several frames. */
  get frames(): number {
    return this.starts.length;
  }

  /** How many frames, also where a message holds several. */
  get total(): number {
    return this.starts.length;
  }

  /** Frames that have no place in the bytes yet. */
  get unsealed(): number {
    return 0;
  }

  /** How many frames one of the {@link frames} stands for. */
  countOf(_unit: number): number {
    return 1;
  }

  /** The message under way ends. */
  seal(): void {}

  /** Where the order ends now. */
  get place(): Place {
    const uncarried = this.#uncarriedBytes;
    return { at: this.end, bytes: this.end + uncarried, frames: this.total + this.#uncarriedFrames, uncarried };
  }

  /** Where a stream begins that holds the last bytes of the order, in whole frames: its first frame, and the place. */
  beginning(history: number): { frame: number; place: Place } {
    const frame = this.frameAt(this.end - history);
    const { at: end, bytes, frames, uncarried } = this.place;
    const at = this.starts[frame] ?? end;
    let count = 0;
    for (let each = frame; each < this.frames; each++) count += this.countOf(each);
    return { frame, place: { at, bytes: bytes - (end - at), frames: frames - count, uncarried } };
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
    const length = this.framing.size(payload.length);
    if (used) this.count(1, length);
    if (this.framing.endsInNewline && payload.includes(NEWLINE)) {
      this.#uncarriedFrames++;
      this.#uncarriedBytes += length;
      return false;
    }
    this.add(author, this.framing.encode(payload));
    return true;
  }

  /** Counts what was published while its feed had connections. */
  protected count(frames: number, bytes: number): void {
    this.published.frames += frames;
    this.published.bytes += bytes;
  }

  /** Puts a frame at the end. */
  protected add(author: Author, frame: Uint8Array): void {
    const end = this.end + frame.length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(2 * end);
      grown.set(this.bytes.subarray(0, this.end));
      this.bytes = grown;
    }
    this.bytes.set(frame, this.end);
    this.starts.push(this.end);
    this.authors.push(author);
    this.end = end;
  }
}
