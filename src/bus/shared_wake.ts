/**
 * Waking: threads that wait for something in shared memory sleep without a spin, and others wake them.
 *
 * A thread has a word. It sets it, looks once more, and sleeps; another changes the memory, then takes the word back. One of
 * the two always sees what the other did, so no wake is lost.
 *
 * @module
 */

import { type SharedMemory, wakeWords } from "./shared_ring.ts";

/** The words of threads. */
const AWAKE = 0;
const ASLEEP = 1;

/** Waits in no thread: the types of ES2023 do not have it, but every runtime does. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(words: Int32Array, index: number, value: number): { readonly async: boolean; readonly value: unknown };
};

/** A thread's way to sleep, and to wake the others. */
export class SharedWake {
  readonly #words: Int32Array;
  readonly #thread: number;
  readonly #threads: number;
  readonly #woken: () => void;
  /** Whether `woken` is still to be called. */
  #isWaiting = false;

  /** `woken` is called after {@link sleep}, when another thread wakes this one; sometimes for nothing. */
  constructor(memory: SharedMemory, thread: number, woken: () => void) {
    this.#words = wakeWords(memory);
    this.#thread = thread;
    this.#threads = memory.threads;
    this.#woken = woken;
  }

  /**
   * Waits to be woken: for something to read, and for room when `forRoom`. What is waited for has to be looked for once more
   * after that.
   */
  sleep(forRoom: boolean): void {
    // In this order: a thread that has seen the want finds the sleeper.
    Atomics.store(this.#words, this.#thread, ASLEEP);
    if (forRoom) Atomics.store(this.#words, this.#threads, 1);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const { async, value } = waitAsync(this.#words, this.#thread, ASLEEP);
    // Otherwise it was woken meanwhile.
    void (async ? (value as Promise<unknown>) : Promise.resolve()).then(() => {
      this.#isWaiting = false;
      this.#woken();
    });
  }

  /** Whether a thread waits for room. */
  get isRoomWanted(): boolean {
    return Atomics.load(this.#words, this.#threads) !== 0;
  }

  /** Wakes those that wait for room, and all others that sleep. */
  tellOfRoom(): void {
    Atomics.store(this.#words, this.#threads, 0);
    this.wakeOthers();
  }

  /** Wakes all other threads that sleep. */
  wakeOthers(): void {
    for (let thread = 0; thread < this.#threads; thread++) if (thread !== this.#thread) this.#wake(thread);
  }

  /** Sleeps no more. */
  close(): void {
    this.#wake(this.#thread);
  }

  #wake(thread: number): void {
    if (Atomics.compareExchange(this.#words, thread, ASLEEP, AWAKE) === ASLEEP) Atomics.notify(this.#words, thread);
  }
}
