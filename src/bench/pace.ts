/**
 * Pace: when the publishers of a load talk.
 *
 * @module
 */

import type { Adapter } from "../adapter.ts";
import type { Crowd } from "./crowd.ts";

/** A window of so many frames is refilled by halves. */
const LARGE_WINDOW = 64;

/** Makes publishers talk; called often, and at each turn. */
export interface Pace {
  /** Sends what is due by now. */
  keepUp(): void;
}

/**
 * Closed loop: so many frames are under way at a time. A large window is refilled by halves: in a trickle, chance would
 * decide how many frames a server finds in a turn, and with that what a delivery costs.
 */
export class ClosedLoop implements Pace {
  readonly #crowd: Crowd;
  readonly #adapter: Adapter;
  readonly #publishers: number;
  readonly #inFlight: number;
  readonly #sentBefore: number;
  readonly #heardBefore: number;
  #next = 0;

  /** Begins with nothing under way. */
  constructor(crowd: Crowd, adapter: Adapter, publishers: number, inFlight: number) {
    this.#crowd = crowd;
    this.#adapter = adapter;
    this.#publishers = publishers;
    this.#inFlight = inFlight;
    this.#sentBefore = crowd.sent;
    this.#heardBefore = crowd.heard;
  }

  /** Sends as much as there is room for, shared out evenly, the frames of one publisher in one write. */
  keepUp(): void {
    const { clients, sent, heard } = this.#crowd;
    const back = Math.floor((heard - this.#heardBefore) / clients.length);
    let room = this.#inFlight - (sent - this.#sentBefore - back);
    if (room <= 0 || (this.#inFlight >= LARGE_WINDOW && room < this.#inFlight / 2)) return;
    const now = this.#adapter.now();
    for (let left = this.#publishers; left > 0 && room > 0; left--) {
      const share = Math.ceil(room / left);
      const publisher = this.#next;
      this.#next = (publisher + 1) % this.#publishers;
      // One that could not send all it had waits, and the others get its share.
      if (!clients[publisher]!.isEven) continue;
      this.#crowd.say(publisher, share, () => now);
      room -= share;
    }
  }
}

/**
 * Open loop: every frame has its time, whatever has become of those before it, and its delay is counted from then. A
 * server that stalls is charged for all who would have spoken meanwhile (no coordinated omission).
 */
export class OpenLoop implements Pace {
  readonly #crowd: Crowd;
  readonly #adapter: Adapter;
  readonly #publishers: number;
  readonly #began: number;
  /** Milliseconds from one frame to the next, of all publishers in turn. */
  readonly #interval: number;
  #sent = 0;

  /** Begins now; `rate` is the frames of each publisher in a second. */
  constructor(crowd: Crowd, adapter: Adapter, publishers: number, rate: number) {
    this.#crowd = crowd;
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
      this.#crowd.say(number % this.#publishers, count, timeOf);
    }
    if (due > first) this.#sent = due;
  }
}
