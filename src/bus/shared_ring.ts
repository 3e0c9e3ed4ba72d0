/**
 * The shared ring: bytes in memory that several threads share. All threads write into it and all read all of it, in one
 * order; the slowest reader holds the writers.
 *
 * There is no lock. A writer takes room by moving the tail on, fills it, and commits it with a stamp; readers stop at what
 * is not committed yet. So a thread that the system has stopped keeps others waiting in one place alone: between taking
 * room and its stamp, which is the time of a copy.
 *
 * Memory is handed out in units. Positions are numbers of units from the ring's beginning on, and never come back: a stamp
 * is the position behind its own, so what an earlier lap has left there is none.
 *
 * @module
 */

/** The bytes of a unit: each record begins at one. */
export const UNIT = 512;

/** The bytes before those of a record: their length, the thread with its marks, and the number in two halves. */
export const RECORD_HEAD = 16;

/** The least and the most threads of a ring. */
export const THREADS: { readonly min: number; readonly max: number } = { min: 2, max: 64 };

/** The size of a ring, in bytes, when none is given. */
export const RING_SIZE: number = 16 * 2 ** 20;

/** The cursor of a thread that has left. */
const GONE = -1n;

/** Marks of a record: it has the first bytes of its batch, it has the last. */
const FIRST = 1;
const LAST = 2;

/** What all threads share. It can be handed to a thread as it is. */
export interface SharedMemory {
  /** The bytes. */
  readonly buffer: SharedArrayBuffer;
  /** How many threads there are. */
  readonly threads: number;
  /** Names this ring. */
  readonly epoch: string;
}

/** What a thread reads: a part of a batch, or a whole one. */
export interface SharedRecord {
  /** The thread that wrote it. */
  readonly thread: number;
  /** The number of its batch. */
  readonly number: number;
  /** Whether its bytes are the first of the batch. */
  readonly isFirst: boolean;
  /** Whether its bytes are the last of the batch. */
  readonly isLast: boolean;
  /** The bytes, in shared memory: they are written over once {@link SharedRing.free} was called. */
  readonly bytes: Uint8Array;
}

/** Where things are in the memory, in bytes. */
interface Layout {
  /** The units: how many there are. */
  readonly units: number;
  /** A cursor for each thread; before them is the tail. */
  readonly cursors: number;
  /** What threads wake each other by: a word for each, and one more. */
  readonly wakes: number;
  /** A stamp for each unit. */
  readonly stamps: number;
  /** The units. */
  readonly data: number;
}

function layoutOf(threads: number, units: number): Layout {
  const cursors = 8;
  const wakes = cursors + 8 * threads;
  const stamps = wakes + 8 * (threads + 1);
  return { units, cursors, wakes, stamps, data: stamps + 8 * units };
}

/**
 * Makes the memory of a ring of `size` bytes for so many threads. All of them begin at its beginning, so one that opens its
 * end late has missed nothing: it holds the writers until then.
 */
export function shareMemory(threads: number, epoch: string, size: number = RING_SIZE): SharedMemory {
  const { units, data } = layoutOf(threads, Math.floor(size / UNIT));
  return { buffer: new SharedArrayBuffer(data + units * UNIT), threads, epoch };
}

/** The layout of a memory. */
function readLayout({ buffer, threads }: SharedMemory): Layout {
  return layoutOf(threads, (buffer.byteLength - layoutOf(threads, 0).data) / (UNIT + 8));
}

/** The words by which the threads of a memory wake each other: one more than there are threads. */
export function wakeWords(memory: SharedMemory): Int32Array {
  return new Int32Array(memory.buffer, readLayout(memory).wakes, memory.threads + 1);
}

/** The ring, as one of its threads sees it. */
export class SharedRing {
  /** The bytes of the ring. */
  readonly size: number;

  readonly #thread: number;
  readonly #threads: number;
  readonly #units: number;
  readonly #tail: BigInt64Array;
  readonly #cursors: BigInt64Array;
  readonly #stamps: BigInt64Array;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Where this thread reads, in units. */
  #cursor: number;
  /** The units of the record that was read last. */
  #held = 0;
  /** The cursor that was the furthest behind when it was last looked for. It can only have moved on. */
  #furthest = 0;

  /** The ring in `memory` for the thread with this number, from 0. */
  constructor(memory: SharedMemory, thread: number) {
    const { buffer, threads } = memory;
    const { units, cursors, stamps, data } = readLayout(memory);
    this.#thread = thread;
    this.#threads = threads;
    this.#units = units;
    this.size = units * UNIT;
    this.#tail = new BigInt64Array(buffer, 0, 1);
    this.#cursors = new BigInt64Array(buffer, cursors, threads);
    this.#stamps = new BigInt64Array(buffer, stamps, units);
    this.#bytes = new Uint8Array(buffer, data, this.size);
    this.#words = new Uint32Array(buffer, data, this.size / 4);
    this.#cursor = Number(Atomics.load(this.#cursors, thread));
  }

  // --- writing ---

  /** Whether so many bytes fit in now, wherever the ring ends. */
  hasRoom(length: number): boolean {
    // One unit more, for the head of a second part behind the end of the ring.
    return this.#fits(Number(Atomics.load(this.#tail, 0)), unitsOf(length) + 1);
  }

  /**
   * Writes bytes of a batch from `start` on, `most` of them at most, and up to the end of the ring. Returns how many;
   * `undefined`: there is no room.
   */
  write(number: number, bytes: Uint8Array, start: number, most: number): number | undefined {
    for (;;) {
      const tail = Number(Atomics.load(this.#tail, 0));
      const index = tail % this.#units;
      const length = Math.min(bytes.length - start, most, (this.#units - index) * UNIT - RECORD_HEAD);
      const next = tail + unitsOf(length);
      if (!this.#fits(tail, next - tail)) return undefined;
      if (Atomics.compareExchange(this.#tail, 0, BigInt(tail), BigInt(next)) !== BigInt(tail)) continue;
      const end = start + length;
      const marks = (start === 0 ? FIRST : 0) | (end === bytes.length ? LAST : 0);
      this.#fill(index, number, marks, bytes.subarray(start, end));
      Atomics.store(this.#stamps, index, BigInt(tail + 1));
      return length;
    }
  }

  #fill(index: number, number: number, marks: number, bytes: Uint8Array): void {
    const at = index * UNIT;
    const word = at / 4;
    this.#words[word] = bytes.length;
    this.#words[word + 1] = this.#thread * 4 + marks;
    this.#words[word + 2] = Math.floor(number / 2 ** 32);
    this.#words[word + 3] = number >>> 0;
    this.#bytes.set(bytes, at + RECORD_HEAD);
  }

  #fits(tail: number, units: number): boolean {
    if (tail + units - this.#furthest <= this.#units) return true;
    this.#furthest = this.#furthestOf(tail);
    return tail + units - this.#furthest <= this.#units;
  }

  #furthestOf(tail: number): number {
    let furthest = tail;
    for (let thread = 0; thread < this.#threads; thread++) {
      const cursor = Atomics.load(this.#cursors, thread);
      if (cursor !== GONE) furthest = Math.min(furthest, Number(cursor));
    }
    return furthest;
  }

  // --- reading ---

  /** Whether there is a record to read. */
  get hasNext(): boolean {
    return this.#isThere(this.#cursor + this.#held);
  }

  #isThere(position: number): boolean {
    return Atomics.load(this.#stamps, position % this.#units) === BigInt(position + 1);
  }

  /** The next record; `undefined`: there is none yet. Frees the one before. */
  read(): SharedRecord | undefined {
    this.free();
    if (!this.#isThere(this.#cursor)) return undefined;
    const at = (this.#cursor % this.#units) * UNIT;
    const word = at / 4;
    const length = this.#words[word]!;
    const origin = this.#words[word + 1]!;
    this.#held = unitsOf(length);
    return {
      thread: origin >>> 2,
      number: this.#words[word + 2]! * 2 ** 32 + this.#words[word + 3]!,
      isFirst: (origin & FIRST) !== 0,
      isLast: (origin & LAST) !== 0,
      bytes: this.#bytes.subarray(at + RECORD_HEAD, at + RECORD_HEAD + length),
    };
  }

  /** The record that was read last is done with. */
  free(): void {
    if (this.#held === 0) return;
    this.#cursor += this.#held;
    this.#held = 0;
    Atomics.store(this.#cursors, this.#thread, BigInt(this.#cursor));
  }

  /** Leaves: this thread reads no more, and holds no writer. */
  leave(): void {
    this.#held = 0;
    Atomics.store(this.#cursors, this.#thread, GONE);
  }
}

function unitsOf(length: number): number {
  return Math.ceil((length + RECORD_HEAD) / UNIT);
}
