/**
 * The chunk queue of pages, in place of that of src/contract: it copies nothing together, since what comes through a
 * WebSocket comes in messages of many frames.
 *
 * @module
 */

import { Queue } from "../../src/contract/queue.ts";

/** Bytes that a chunk costs beside its bytes. */
const CHUNK_COST = 256;

/** A queue of chunks that do not change. */
export class ChunkQueue extends Queue<Uint8Array> {
  /** How many bytes wait. */
  bytes = 0;

  /** Bytes of memory that the queue holds. */
  get retainedBytes(): number {
    return this.bytes + this.length * CHUNK_COST;
  }

  /** See {@link Queue.push}. */
  override push(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    super.push(chunk);
  }

  /** See {@link Queue.shift}. */
  override shift(): Uint8Array | undefined {
    const first = super.shift();
    this.bytes -= first?.length ?? 0;
    return first;
  }

  /** See {@link Queue.clear}. */
  override clear(): void {
    super.clear();
    this.bytes = 0;
  }
}
