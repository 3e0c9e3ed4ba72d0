/**
 * The shared channel: joins mobs in several threads of one process, over a ring in their shared memory.
 *
 * @module
 */

import type { StreamPosition } from "../contract/bus_stream.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import type { Channel, ChannelBatch, ChannelEvents, ChannelStats } from "./channel.ts";
import { type SharedMemory, type SharedRecord, SharedRing } from "./shared_ring.ts";
import { SharedWake } from "./shared_wake.ts";

/** A batch has at most this part of the ring: so one is written while others are read. */
const SHARE = 8;

/** The largest batch, in bytes: the copy of a larger one would keep the others waiting. */
const LARGEST = 512 * 1024;

/** A batch that is not written to its end, as the ring has no room. */
interface Rest {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** How much of it is written. */
  written: number;
}

/** One thread's place in the ring. */
export class SharedChannel implements Channel {
  readonly name: string;
  readonly batchSize: number;

  readonly #ring: SharedRing;
  readonly #wake: SharedWake;
  readonly #thread: number;
  readonly #epoch: string;
  #events: ChannelEvents | undefined;
  #rest: Rest | undefined;
  /** The parts of batches that are not whole, by thread. */
  readonly #parts: Map<number, Uint8Array[]> = new Map();
  /** Whether the mob knows that there is something to read: `read` had something, or it was woken. */
  #isReadable = false;
  /** Whether the mob knows that there is room. */
  #isWritable = true;
  #isLooking = false;
  #sequence = 0;
  #position = 0;
  #refused = 0;

  /** The channel of the thread with this number, from 0. There can be one for each thread. */
  constructor(memory: SharedMemory, thread: number, name = "threads") {
    this.name = name;
    this.#ring = new SharedRing(memory, thread);
    this.#wake = new SharedWake(memory, thread, () => this.#woken());
    this.#thread = thread;
    this.#epoch = memory.epoch;
    this.batchSize = Math.min(LARGEST, this.#ring.size / SHARE);
  }

  /** All threads begin where the ring begins, so nothing was missed. */
  open(events: ChannelEvents): Promise<StreamPosition> {
    this.#events = events;
    this.#sleep();
    return Promise.resolve({ sequence: 0, epoch: this.#epoch });
  }

  /** How many bytes of batches were read: after the same batch it is the same in all threads. */
  get position(): number {
    return this.#position;
  }

  // --- writing ---

  get writable(): boolean {
    this.#isWritable = this.#hasRoom();
    if (!this.#isWritable) this.#sleep();
    return this.#isWritable;
  }

  #hasRoom(): boolean {
    return this.#rest === undefined && this.#ring.hasRoom(this.batchSize);
  }

  write(number: number, bytes: Uint8Array): void {
    if (this.#rest !== undefined) throw new Error("Cannot write a batch: the one before is not written to its end");
    this.#rest = { number, bytes, written: 0 };
    if (!this.#writeOn()) {
      this.#isWritable = false;
      this.#sleep();
    }
    this.#lookAgain();
  }

  /** No other thread tells this one of its own batch: unless the mob reads it at once, it is woken. */
  #lookAgain(): void {
    if (this.#isReadable || this.#isLooking) return;
    this.#isLooking = true;
    void Promise.resolve().then(() => {
      this.#isLooking = false;
      this.#tell();
    });
  }

  /** Writes what has room. Returns whether all is written. */
  #writeOn(): boolean {
    const rest = this.#rest;
    if (rest === undefined) return true;
    let more = this.#writePart(rest);
    if (more === undefined) return false;
    while (more !== undefined && this.#rest !== undefined) more = this.#writePart(rest);
    this.#wake.wakeOthers();
    return this.#rest === undefined;
  }

  #writePart(rest: Rest): number | undefined {
    const length = this.#ring.write(rest.number, rest.bytes, rest.written, this.batchSize);
    if (length === undefined) return undefined;
    rest.written += length;
    if (rest.written === rest.bytes.length) this.#rest = undefined;
    return length;
  }

  // --- reading ---

  read(): ChannelBatch | undefined {
    for (;;) {
      const record = this.#next();
      if (record === undefined) {
        this.#isReadable = false;
        this.#sleep();
        return undefined;
      }
      const bytes = this.#whole(record);
      if (bytes === undefined) continue;
      this.#isReadable = true;
      this.#sequence++;
      this.#position += bytes.length;
      const own = record.thread === this.#thread ? record.number : undefined;
      return { type: "batch", bytes, own, sequence: this.#sequence };
    }
  }

  /** The next record. The one before is done with, which may make room for others or for what is left here. */
  #next(): SharedRecord | undefined {
    this.#ring.free();
    if (this.#wake.isRoomWanted && this.#ring.hasRoom(this.batchSize)) this.#wake.tellOfRoom();
    this.#writeOn();
    return this.#ring.read();
  }

  /** The bytes of the batch that ends with this record; `undefined`: it has more parts. */
  #whole({ thread, isFirst, isLast, bytes }: SharedRecord): Uint8Array | undefined {
    if (isFirst && isLast) return bytes;
    if (isFirst) this.#parts.set(thread, []);
    const parts = this.#parts.get(thread)!;
    if (isLast) {
      this.#parts.delete(thread);
      parts.push(bytes);
      return concatenate(parts, parts.reduce((sum, part) => sum + part.length, 0));
    }
    // The ring is written over.
    parts.push(bytes.slice());
    return undefined;
  }

  // --- waiting ---

  #sleep(): void {
    if (this.#events === undefined) return;
    this.#wake.sleep(!this.#isWritable);
    this.#tell();
  }

  #woken(): void {
    if (this.#events === undefined) return;
    this.#writeOn();
    this.#tell();
    if (!this.#isReadable || !this.#isWritable) this.#sleep();
  }

  /** Wakes the mob when there is what it waits for. Once: it may have reasons of its own not to read. */
  #tell(): void {
    const isReadable = !this.#isReadable && this.#ring.hasNext;
    const isWritable = !this.#isWritable && this.#hasRoom();
    this.#isReadable ||= isReadable;
    this.#isWritable ||= isWritable;
    if (isReadable || isWritable) this.#events?.wake();
  }

  // --- the rest ---

  refuse(): void {
    this.#refused++;
  }

  stats(): ChannelStats {
    const lossless = { missedBatches: 0, restarts: 0, resent: 0, repeated: 0 };
    return { ...lossless, sequence: this.#sequence, refused: this.#refused };
  }

  /** Leaves the ring: the other threads go on. */
  close(): Promise<void> {
    this.#events = undefined;
    this.#ring.leave();
    this.#wake.tellOfRoom();
    this.#wake.close();
    return Promise.resolve();
  }
}
