/**
 * Writes in rounds: how much may be written before the runtime has a chance to free what it has encrypted.
 *
 * @module
 */

import { WRITE_STEP } from "../shared/inbox.ts";

/**
 * Bytes of a round. Half of it, and Deno's loop takes more time than the memory saves; twice or four times as much, and the
 * memory no longer fits into the processor's own (measured, 2.9.5).
 */
const ROUND: number = 16 * WRITE_STEP;

/**
 * On Deno a write over TLS is encrypted into new memory, which is freed when the write is answered, in a later round of the
 * loop. When a tick writes to hundreds of connections all of it is taken anew, and none is in the processor's caches: with a
 * thousand connections and 64 KiB for each, twice the time and 100 MB more (measured, 2.9.5). So only a few writes go out at a
 * time; the other connections wait, in the order in which they came, and are told when they may write.
 */
export class WriteRounds {
  readonly #defer: (run: () => void) => void;
  /** What tells each connection that waits, the one that waits the longest first. */
  readonly #waiting: Set<() => void> = new Set();
  /** Bytes taken in this round that are not answered. */
  #taken = 0;
  /** The number of this round. */
  #round = 0;
  #endDue = false;
  /** Whether connections were told since the end of the round became due. */
  #told = false;

  /** `defer` runs a function after the answers to writes that the system has taken at once. */
  constructor(defer: (run: () => void) => void) {
    this.#defer = defer;
  }

  /** Whether a connection may write now. Otherwise `tell` is called when it is time to try again. */
  mayWrite(tell: () => void): boolean {
    if (this.#taken < ROUND) return true;
    this.#waiting.add(tell);
    this.#letEnd();
    return false;
  }

  /** So many bytes are being written. Returns the number of the round, for `answered`. */
  took(bytes: number): number {
    this.#taken += bytes;
    return this.#round;
  }

  /** A write is answered, and its memory free. */
  answered(bytes: number, round: number): void {
    // What a slow client has not taken was written off at the end of its round.
    if (round !== this.#round) return;
    this.#taken -= bytes;
    if (this.#taken <= ROUND / 2) this.#tell();
  }

  /** Tells as many connections as there is room for. */
  #tell(): void {
    let room = Math.ceil((ROUND - this.#taken) / WRITE_STEP);
    for (const tell of this.#waiting) {
      this.#waiting.delete(tell);
      this.#told = true;
      tell();
      if (--room === 0) break;
    }
    this.#letEnd();
  }

  /** While there are connections that wait, every round ends: clients that do not read hold up none but themselves. */
  #letEnd(): void {
    if (this.#endDue || this.#waiting.size === 0) return;
    this.#endDue = true;
    this.#told = false;
    this.#defer(() => this.#end());
  }

  #end(): void {
    this.#endDue = false;
    if (this.#told) return this.#letEnd();
    this.#round++;
    this.#taken = 0;
    this.#tell();
  }
}
