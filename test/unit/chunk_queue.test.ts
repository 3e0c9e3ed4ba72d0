/** The chunk queue: what waits costs what it is, whatever the sizes of the chunks and of the buffers behind them. */

import { test } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { splitmix32 } from "../../adapters/memory.ts";
import { ChunkQueue } from "../../src/contract/chunk_queue.ts";

const KiB = 1024;

/** What a queue may hold beside twice its bytes: an open block, and what its loose chunks cost and pin. */
const room = (looseChunks: number): number => 8 * KiB + looseChunks * 17 * KiB;

/** Takes everything out. `held`: the memory that was behind it. */
function drain(queue: ChunkQueue): { bytes: number[]; chunks: number; held: number } {
  const buffers = new Set<ArrayBufferLike>();
  const bytes: number[] = [];
  let chunks = 0;
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift(), chunks++) {
    buffers.add(chunk.buffer);
    for (const byte of chunk) bytes.push(byte);
  }
  return { bytes, chunks, held: [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0) };
}

test("ChunkQueue holds 64 KiB of single bytes in 17 chunks, and says what it holds", () => {
  for (const loose of [1, 64]) {
    const queue = new ChunkQueue(loose, true);
    for (let at = 0; at < 64 * KiB; at++) queue.push(Uint8Array.of(at));
    assertEquals(queue.bytes, 64 * KiB);
    const { retainedBytes } = queue;
    assertLess(retainedBytes, 70 * KiB + loose * 257);
    const { bytes, chunks, held } = drain(queue);
    assertEquals([bytes.length, bytes.every((byte, at) => byte === at % 256)], [64 * KiB, true]);
    assertLess(chunks, loose + 17);
    assertEquals(retainedBytes, held + 256 * chunks);
    assertEquals([queue.bytes, queue.retainedBytes, queue.shift()], [0, 0, undefined]);
  }
});

/** Chunks of a stream of bytes that count up: each alone, or views of large segments as those of a log. */
class Source {
  sent = 0;
  #segment: Uint8Array;
  #at = 0;

  constructor(segmentSize: number) {
    this.#segment = new Uint8Array(segmentSize);
  }

  /** The next chunk. With `far` it lies in another segment than the one before it. */
  next(size: number, far: boolean): Uint8Array {
    if (far || this.#at + size > this.#segment.length) {
      this.#segment = new Uint8Array(Math.max(size, this.#segment.length));
      this.#at = 0;
    }
    const chunk = this.#segment.subarray(this.#at, this.#at += size);
    for (let at = 0; at < size; at++) chunk[at] = this.sent++ % 251;
    return chunk;
  }
}

test("ChunkQueue holds no more than twice what has waited at most, and counts no less than it holds, whatever comes and goes", () => {
  const random = splitmix32(7);
  for (let run = 0; run < 28; run++) {
    const loose = run % 2 === 0 ? 1 : 64;
    const queue = new ChunkQueue(loose, true);
    const source = new Source([0, 4, 64, 512][run % 4]! * KiB);
    const sizes = [1, 20, 1000, 1023, 1024, 1500, 20_000].slice(0, 1 + run % 7);
    let received = 0;
    let most = 0;
    const check = (bytes: Iterable<number> = []): void => {
      for (const byte of bytes) {
        if (byte !== received++ % 251) throw new Error(`byte ${received} of run ${run} is ${byte}`);
      }
    };
    for (let step = 0; step < 300; step++) {
      const what = random();
      if (what < 0.6) queue.push(source.next(sizes[Math.floor(random() * sizes.length)]!, random() < 0.5));
      else if (what < 0.7 && queue.first !== undefined && queue.first.length > 1) check(queue.shiftPart(1));
      else check(queue.shift());
      assertEquals(queue.bytes, source.sent - received);
      most = queue.bytes === 0 ? 0 : Math.max(most, queue.bytes);
      const overhead = 256 * queue.length + room(loose);
      assertLess(queue.retainedBytes, 2 * most + overhead);
    }
    const { retainedBytes } = queue;
    const { bytes, held } = drain(queue);
    assertLess(held, retainedBytes + 1);
    check(bytes);
    assertEquals([received, queue.bytes, queue.retainedBytes], [source.sent, 0, 0]);
  }
});

test("ChunkQueue copies no views of one large buffer in a row: the stream of a log is passed on as it is", () => {
  const queue = new ChunkQueue(64, true);
  const source = new Source(512 * KiB);
  const chunks = Array.from({ length: 200 }, () => source.next(4 * KiB, false));
  for (const chunk of chunks) queue.push(chunk);
  assertEquals(chunks.every((chunk) => queue.shift() === chunk), true);
});

test("ChunkQueue gives out each chunk that waits alone as it is, and holds nothing when it is cleared", () => {
  const queue = new ChunkQueue(1, true);
  for (let at = 0; at < 3; at++) {
    const chunk = Uint8Array.of(at);
    queue.push(chunk);
    assertEquals(queue.shift() === chunk, true);
  }
  for (let at = 0; at < 3; at++) queue.push(Uint8Array.of(at));
  queue.clear();
  assertEquals([queue.bytes, queue.retainedBytes, queue.shift()], [0, 0, undefined]);
  queue.push(Uint8Array.of(9));
  assertEquals([...queue.shift()!], [9]);
});

test("ChunkQueue gives back what a block of small chunks did not need", () => {
  const queue = new ChunkQueue(1, true);
  for (let at = 0; at < 100; at++) {
    queue.push(new Uint8Array(KiB));
    queue.push(Uint8Array.of(at));
  }
  assertLess(queue.retainedBytes, queue.bytes + 200 * 256 + 4 * KiB);
});
