/** The send buffer: what a client has to send, byte by byte, whatever is taken of it at a time. */

import { Buffer } from "node:buffer";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { SendBuffer } from "../../src/client/send_buffer.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { splitmix32 } from "../../adapters/memory.ts";
import { concat, frameOf } from "../helpers/bytes.ts";

test("a send buffer gives every frame once, in order, and never an empty run while bytes are unsent", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = splitmix32(seed);
    const buffer = new SendBuffer(FRAMINGS.u64);
    const expected: Uint8Array[] = [];
    const taken: Uint8Array[] = [];
    let cursor = 0;
    const take = (all: boolean): void => {
      while (cursor < buffer.end) {
        const run = buffer.read(cursor);
        assert(run.length > 0, `seed ${seed}: nothing at ${cursor} of ${buffer.end}`);
        const length = all || random() < 0.5 ? run.length : Math.floor(random() * run.length);
        taken.push(run.slice(0, length));
        cursor += length;
        if (random() < 0.5) buffer.trim(cursor);
        if (!all && random() < 0.5) return;
      }
    };
    for (let step = 0; step < 40; step++) {
      const size = random() < 0.1 ? 200_000 : random() < 0.3 ? 65_536 - 8 : Math.floor(random() * 30_000);
      const text = String.fromCharCode(97 + step % 26).repeat(size);
      buffer.appendPayload(new TextEncoder().encode(text));
      expected.push(frameOf(text));
      if (random() < 0.6) take(false);
    }
    take(true);
    assertEquals(buffer.read(cursor).length, 0);
    assert(Buffer.compare(concat(...taken), concat(...expected)) === 0, `seed ${seed}`);
  }
});

test("a run does not change when more is appended", () => {
  const buffer = new SendBuffer(FRAMINGS.u64);
  buffer.appendPayload(new Uint8Array([1]));
  const run = buffer.read(0);
  const before = run.slice();
  for (let count = 0; count < 10_000; count++) buffer.appendPayload(new Uint8Array([2, 3]));
  assertEquals(run, before);
});
