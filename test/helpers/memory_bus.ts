/** A bus in memory: what any mob writes is read by all, in one order, when the test says so. */

import type { StreamPosition, StreamTerms } from "../../src/contract/bus_stream.ts";
import type { Channel, ChannelEvents, ChannelItem, ChannelStats } from "../../src/bus/channel.ts";

/** What was written. */
interface Written {
  readonly bytes: Uint8Array;
  readonly from: MemoryChannel | undefined;
  readonly number: number;
}

/** The order. */
export class MemoryBus {
  readonly channels: MemoryChannel[] = [];
  /** Whether what is written is in the order at once. */
  isOpen = true;
  /** The terms of the last mob that joined. */
  terms: StreamTerms | undefined;
  readonly #waiting: Written[] = [];

  /** A place on the bus. */
  channel(batchSize: number = 512 * 1024): MemoryChannel {
    const channel = new MemoryChannel(this, batchSize);
    this.channels.push(channel);
    return channel;
  }

  /** Takes what a channel has written, or what comes from none. */
  put(bytes: Uint8Array, from?: MemoryChannel, number = 0): void {
    this.#waiting.push({ bytes, from, number });
    if (this.isOpen) this.release();
  }

  /** Puts the first so many of what waits into the order. */
  release(count: number = Infinity): void {
    for (const { bytes, from, number } of this.#waiting.splice(0, count)) {
      for (const channel of this.channels) {
        channel.push({ type: "batch", bytes, own: channel === from ? number : undefined });
      }
    }
  }

  /** A batch that waits. */
  waitingBatch(index: number): Uint8Array {
    return this.#waiting[index]!.bytes;
  }

  /** How many batches wait. */
  get waiting(): number {
    return this.#waiting.length;
  }
}

/** One mob's place. */
export class MemoryChannel implements Channel {
  readonly name = "memory";
  readonly batchSize: number;
  writable = true;
  refused = 0;
  closed = false;
  /** What `open` rejects with. */
  failure: Error | undefined;
  events: ChannelEvents | undefined;
  readonly #bus: MemoryBus;
  readonly #items: ChannelItem[] = [];
  #sequence = 0;

  constructor(bus: MemoryBus, batchSize: number) {
    this.#bus = bus;
    this.batchSize = batchSize;
  }

  open(events: ChannelEvents, terms: StreamTerms): Promise<StreamPosition> {
    if (this.failure) return Promise.reject(this.failure);
    this.events = events;
    this.#bus.terms = terms;
    return Promise.resolve({ sequence: 0, epoch: "memory" });
  }

  write(number: number, bytes: Uint8Array): void {
    if (!this.closed) this.#bus.put(bytes, this, number);
  }

  /** Something comes in the order, for this mob alone. */
  push(item: ChannelItem): void {
    this.#items.push(item);
    this.events?.wake();
  }

  read(): ChannelItem | undefined {
    const item = this.#items.shift();
    if (item) this.#sequence++;
    return item;
  }

  refuse(): void {
    this.refused++;
  }

  stats(): ChannelStats {
    return {
      sequence: this.#sequence,
      missedBatches: 0,
      restarts: 0,
      resent: 0,
      repeated: 0,
      refused: this.refused,
    };
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}
