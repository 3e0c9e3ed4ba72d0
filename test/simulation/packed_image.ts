/**
 * The one order as clients of `mobcast.u64` have it: messages of WebSocket, each with some u64 frames.
 *
 * @module
 */

import { concat } from "../helpers/bytes.ts";
import { webHeader, webMessage } from "./feeds.ts";
import { type Author, Image } from "./image.ts";

/** The most bytes of several frames in one message. */
const LONGEST = 65_535;

/**
 * The order in messages. Where one ends, the core says: what it may not do is to end none when a connection comes or goes,
 * to put too much in one, or to mix the frames of an author that does not receive its own with others.
 */
export class PackedImage extends Image {
  /** How many frames each message holds. */
  readonly #counts: number[] = [];
  #total = 0;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #batchAuthor: Author | undefined;
  #isUsed = false;

  /** An empty order. */
  constructor() {
    super("mobcast.u64");
  }

  override get total(): number {
    return this.#total;
  }

  /** Frames that are in no message yet. */
  override get unsealed(): number {
    return this.#batch.length;
  }

  override countOf(unit: number): number {
    return this.#counts[unit]!;
  }

  override append(author: Author, payload: Uint8Array, used: boolean): boolean {
    const frame = this.framing.encode(payload);
    if (this.#batchBytes + frame.length > LONGEST) this.seal();
    if (used) this.count(1, frame.length);
    this.#isUsed = used;
    this.#batchAuthor = author;
    this.#batch.push(frame);
    this.#batchBytes += frame.length;
    if (frame.length > LONGEST) this.seal();
    return true;
  }

  override seal(): void {
    if (this.#batch.length === 0) return;
    const message = webMessage(this.#batch.length === 1 ? this.#batch[0]! : concat(...this.#batch));
    if (this.#isUsed) this.count(0, webHeader(this.#batchBytes));
    this.#counts.push(this.#batch.length);
    this.#total += this.#batch.length;
    this.add(this.#batchAuthor!, message);
    this.#batch = [];
    this.#batchBytes = 0;
  }
}
