/**
 * The schedule: when the publishers of a load send.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import type { LoadClients } from "./clients.ts";

/** A window of at least so many frames is refilled by halves. */
const LARGE_WINDOW = 64;

/** Decides what is sent; called often, and at each tick. */
export interface Schedule {
  /** Sends what is due by now. */
  keepUp(): void;
}

/**
 * Closed loop: so many frames are under way at a time. A large window is refilled by halves. Refilled frame by frame, chance
 * would decide how many frames a server finds in a tick, and so what a delivery costs.
 */
export class ClosedLoop implements Schedule {
  readonly #loadClients: LoadClients;
  readonly #adapter: Adapter;
  readonly #publishers: number;
  readonly #inFlight: number;
  readonly #sentBefore: number;
  readonly #receivedBefore: number;
  #next = 0;

  /** Begins with nothing under way. */
  constructor(loadClients: LoadClients, adapter: Adapter, publishers: number, inFlight: number) {
    this.#loadClients = loadClients;
    this.#adapter = adapter;
    this.#publishers = publishers;
    this.#inFlight = inFlight;
    this.#sentBefore = loadClients.sent;
    this.#receivedBefore = loadClients.received;
  }

  /** Sends as much as there is room for, in equal shares, the frames of one publisher in one write. */
  keepUp(): void {
    const { clients, sent, received } = this.#loadClients;
    const back = Math.floor((received - this.#receivedBefore) / clients.length);
    let room = this.#inFlight - (sent - this.#sentBefore - back);
    if (room <= 0 || (this.#inFlight >= LARGE_WINDOW && room < this.#inFlight / 2)) return;
    const now = this.#adapter.now();
    for (let left = this.#publishers; left > 0 && room > 0; left--) {
      const share = Math.ceil(room / left);
      const publisher = this.#next;
      this.#next = (publisher + 1) % this.#publishers;
      // A publisher with unsent bytes waits, and the others get its share.
      if (!clients[publisher]!.flushed) continue;
      this.#loadClients.publish(publisher, share, () => now);
      room -= share;
    }
  }
}

/**
 * Open loop: every frame has its time, whatever happened to the frames before it, and its delay is counted from then. So a
 * stalled server also has the delays of the frames that were due meanwhile (no coordinated omission).
 */
export class OpenLoop implements Schedule {
  readonly #loadClients: LoadClients;
  readonly #adapter: Adapter;
  readonly #publishers: number;
  readonly #began: number;
  /** Milliseconds from one frame to the next, of all publishers in turn. */
  readonly #interval: number;
  #sent = 0;

  /** Begins now; `rate` is the frames a second of each publisher. */
  constructor(loadClients: LoadClients, adapter: Adapter, publishers: number, rate: number) {
    this.#loadClients = loadClients;
    this.#adapter = adapter;
    this.#publishers = publishers;
    this.#began = adapter.now();
    this.#interval = 1000 / (rate * publishers);
  }

  /** Sends every frame whose time has come, those of one publisher in one write. */
  keepUp(): void {
    const due = Math.floor((this.#adapter.now() - this.#began) / this.#interval) + 1;
    const first = this.#sent;
    for (let number = first; number < Math.min(due, first + this.#publishers); number++) {
      const count = Math.ceil((due - number) / this.#publishers);
      const timeOf = (index: number): number => this.#began + (number + index * this.#publishers) * this.#interval;
      this.#loadClients.publish(number % this.#publishers, count, timeOf);
    }
    if (due > first) this.#sent = due;
  }
}
