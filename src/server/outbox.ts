/**
 * The outbox: frames that the application publishes, within a budget for each tick.
 *
 * @module
 */

import type { Uplink } from "../bus/uplink.ts";
import { Queue } from "../contract/queue.ts";

/** Publishes the application's frames at once, while the tick's budget and the uplink allow it; the others wait in order. */
export class Outbox {
  /** Bytes that wait. */
  bufferedAmount = 0;
  readonly #uplink: Uplink<never>;
  readonly #budget: number;
  readonly #frames: Queue<Uint8Array> = new Queue();
  #left: number;

  /** An empty outbox. `budget` is how many bytes a tick publishes, give or take a frame. */
  constructor(uplink: Uplink<never>, budget: number) {
    this.#uplink = uplink;
    this.#budget = this.#left = budget;
  }

  /** Whether a frame waits that can be published in the next tick. */
  get ready(): boolean {
    return this.#frames.length > 0 && !this.#uplink.backpressure;
  }

  /** Publishes a frame in the mob's framing, or makes it wait. Returns whether it is published. */
  push(frame: Uint8Array): boolean {
    if (this.#frames.length === 0 && this.#hasRoom) {
      this.#publish(frame);
      return true;
    }
    this.#frames.push(frame);
    this.bufferedAmount += frame.length;
    return false;
  }

  /** A tick begins: its budget is whole, and frames that wait are published within it. */
  beginTick(): void {
    this.#left = this.#budget;
    while (this.#frames.length > 0 && this.#hasRoom) this.#next();
  }

  /** Publishes everything that waits: nothing comes after it. */
  flush(): void {
    while (this.#frames.length > 0) this.#next();
  }

  /** Drops everything that waits. */
  clear(): void {
    this.#frames.clear();
    this.bufferedAmount = 0;
  }

  get #hasRoom(): boolean {
    return this.#left > 0 && !this.#uplink.backpressure;
  }

  #next(): void {
    const frame = this.#frames.shift()!;
    this.bufferedAmount -= frame.length;
    this.#publish(frame);
  }

  #publish(frame: Uint8Array): void {
    this.#left -= frame.length + this.#uplink.publish(undefined, frame, 0, frame.length, 1);
  }
}
