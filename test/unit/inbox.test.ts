import { test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import { Inbox } from "../../adapters/shared/inbox.ts";

/** What an inbox gives out, and the memory behind it. */
function drain(inbox: Inbox): { bytes: number[]; chunks: number; held: number } {
  const buffers = new Set<ArrayBufferLike>();
  const bytes: number[] = [];
  let chunks = 0;
  for (let chunk = inbox.shift(); chunk; chunk = inbox.shift(), chunks++) {
    buffers.add(chunk.buffer);
    bytes.push(...chunk);
  }
  return { bytes, chunks, held: [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0) };
}

/** Fills an inbox with chunks of these sizes by turns, and checks that all come out in order. Returns what it held. */
function fill(sizes: readonly number[]): { bytes: number[]; chunks: number; held: number } {
  const inbox = new Inbox();
  const sent: number[] = [];
  for (let at = 0; !inbox.full; at++) {
    const chunk = new Uint8Array(sizes[at % sizes.length]!).fill(at);
    sent.push(...chunk);
    inbox.push(chunk);
  }
  const got = drain(inbox);
  assertEquals(got.bytes.length, sent.length);
  assert(got.bytes.every((byte, at) => byte === sent[at]));
  return got;
}

test("Inbox holds a full load of single bytes in a few blocks, in order", () => {
  const { chunks, held } = fill([1]);
  assertLess(chunks, 20);
  assertLess(held, 80 * 1024);
});

test("Inbox holds alternating small and large chunks in no more than their bytes", () => {
  for (const sizes of [[1, 1024], [1, 1, 1500], [1023], [700, 700, 2000], [5, 65_000]]) {
    const { bytes, held } = fill(sizes);
    assertLess(held, 1.5 * bytes.length + 8 * 1024);
  }
});

test("Inbox never writes into a chunk that it gave out", () => {
  const inbox = new Inbox();
  for (const byte of [1, 2, 3]) inbox.push(Uint8Array.of(byte));
  assertEquals([...inbox.shift()!], [1]);
  const given = inbox.shift()!;
  inbox.push(Uint8Array.of(4));
  inbox.push(Uint8Array.of(5));
  assertEquals([...given], [2, 3]);
  assertEquals(drain(inbox).bytes, [4, 5]);
  assertEquals(inbox.shift(), undefined);
  inbox.end();
  assertEquals(inbox.shift(), null);
});
