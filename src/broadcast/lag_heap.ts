/**
 * The lag heap: blocked connections, the furthest behind first.
 *
 * @module
 */

/** What the heap reads and writes of a connection. */
export interface LagEntry {
  /** The offset up to which the log was delivered. It does not change while the entry is in the heap. */
  cursor: number;
  /** The index in the heap; -1: it is not in the heap. */
  heapIndex: number;
}

/**
 * The connections that wait for WRITABLE, as a binary heap with the furthest behind on top. It answers the two
 * questions that a tick asks in O(1): how far the log may be trimmed, and which connections are over the limit. Adding
 * and removing an entry is O(log n).
 */
export class LagHeap<T extends LagEntry> {
  readonly #heap: T[] = [];

  /** How many entries there are. */
  get size(): number {
    return this.#heap.length;
  }

  /** The entry that is furthest behind; `undefined` when the heap is empty. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Adds an entry that is not in the heap. */
  add(entry: T): void {
    entry.heapIndex = this.#heap.length;
    this.#heap.push(entry);
    this.#rise(entry.heapIndex);
  }

  /** Removes an entry; does nothing when it is not in the heap. */
  remove(entry: T): void {
    const index = entry.heapIndex;
    // It may be in another heap.
    if (index === -1 || this.#heap[index] !== entry) return;
    entry.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last === entry) return;
    this.#put(last, index);
    this.#rise(index);
    this.#sink(last.heapIndex);
  }

  #rise(index: number): void {
    const heap = this.#heap;
    const entry = heap[index]!;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.cursor <= entry.cursor) break;
      this.#put(heap[parent]!, index);
      index = parent;
    }
    this.#put(entry, index);
  }

  #sink(index: number): void {
    const heap = this.#heap;
    const entry = heap[index]!;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.cursor < heap[child]!.cursor) child++;
      if (entry.cursor <= heap[child]!.cursor) break;
      this.#put(heap[child]!, index);
      index = child;
    }
    this.#put(entry, index);
  }

  #put(entry: T, index: number): void {
    this.#heap[index] = entry;
    entry.heapIndex = index;
  }
}
