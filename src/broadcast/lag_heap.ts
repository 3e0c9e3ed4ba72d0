/**
 * Blocked connections: who is furthest behind.
 *
 * @module
 */

/** What the heap needs of a connection: its place in the log, and a field where the heap notes its own place. */
export interface LagEntry {
  /** The offset up to which it was given the log. It stays while it is in the heap. */
  cursor: number;
  /** Where it stands in the heap; -1 when it does not. */
  heapIndex: number;
}

/**
 * The connections that wait for WRITABLE, as a binary heap with the furthest behind on top. It answers the two
 * questions that a tick asks, how far the log may be trimmed and who is over the limit, in O(1); adding and removing
 * one is O(log n); nobody walks.
 */
export class LagHeap<T extends LagEntry> {
  readonly #heap: T[] = [];

  /** How many wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** The furthest behind. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Adds one that is not in the heap. */
  add(entry: T): void {
    entry.heapIndex = this.#heap.length;
    this.#heap.push(entry);
    this.#rise(entry.heapIndex);
  }

  /** Removes one that is in the heap; nothing happens when it is not. */
  remove(entry: T): void {
    const index = entry.heapIndex;
    if (index === -1) return;
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
