/**
 * A mob's stand-in at a channel: it writes what it has when there is room, reads when it is woken, and checks every byte.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { assert, assertEquals } from "@std/assert";
import type { SharedChannel } from "../../src/bus/shared_channel.ts";
import { isPattern, LONGEST, pattern } from "./pattern.ts";

/** The bytes before the pattern: the thread, the number and the length. */
const HEAD = 12;

/** A batch of at least {@link HEAD} bytes that tells which it is. */
export function batchOf(thread: number, number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(HEAD, length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, thread);
  view.setUint32(4, number);
  view.setUint32(8, bytes.length);
  for (let at = HEAD; at < bytes.length; at += LONGEST) {
    bytes.set(pattern(thread * 7919 + number * 31 + at, Math.min(LONGEST, bytes.length - at)), at);
  }
  return bytes;
}

/** Checks every byte of a batch. Returns its name: thread, number, length. */
export function nameOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [thread, number, length] = [view.getUint32(0), view.getUint32(4), view.getUint32(8)];
  assertEquals(length, bytes.length);
  for (let at = HEAD; at < bytes.length; at += LONGEST) {
    const part = bytes.subarray(at, at + LONGEST);
    assert(isPattern(part, thread * 7919 + number * 31 + at), `wrong bytes in batch ${number} of ${thread}`);
  }
  return `${thread}.${number}.${length}`;
}

/** The stand-in. */
export class RingMob {
  /** The names of the batches that came, in order. */
  readonly heard: string[] = [];
  /** How many ticks it had. */
  ticks = 0;
  /** How many batches it reads in a tick: it asks for another one when that was not all. */
  budget: number = Infinity;
  /** Whether it reads at all. */
  isHeld = false;

  readonly #channel: SharedChannel;
  readonly #thread: number;
  readonly #changed: () => void;
  readonly #queue: Uint8Array[] = [];
  #number = 0;
  #own = 0;
  #isDue = false;

  /** Opens the channel of this thread. `changed` is called at the end of each tick. */
  constructor(channel: SharedChannel, thread: number, changed: () => void = () => {}) {
    this.#channel = channel;
    this.#thread = thread;
    this.#changed = changed;
    void channel.open({ wake: () => this.wake(), away: () => {} });
  }

  /** Batches of these lengths are to be written. */
  say(...lengths: number[]): void {
    for (const length of lengths) this.#queue.push(batchOf(this.#thread, ++this.#number, length));
    this.wake();
  }

  /** How many batches wait to be written. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Asks for a tick. */
  wake(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.tick();
    });
  }

  /** Writes what has room, and reads. */
  tick(): void {
    this.ticks++;
    // In both orders: what it reads makes room, and what it writes may be read at once or later.
    if (this.ticks % 2 === 0) this.#write();
    if (!this.isHeld) this.#read();
    if (this.ticks % 2 === 1) this.#write();
    this.#changed();
  }

  #write(): void {
    while (this.#queue.length > 0 && this.#channel.writable) {
      this.#channel.write(this.#number - this.#queue.length + 1, this.#queue.shift()!);
    }
  }

  #read(): void {
    for (let left = this.budget; left > 0; left--) {
      const batch = this.#channel.read();
      if (batch === undefined) return;
      const name = nameOf(batch.bytes);
      if (name.startsWith(`${this.#thread}.`)) assertEquals(batch.own, ++this.#own);
      else assertEquals(batch.own, undefined);
      this.heard.push(name);
    }
    this.wake();
  }
}
