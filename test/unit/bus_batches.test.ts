/** Batches of a bus: they read as what was written, and what is none is refused. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { readRuns } from "../../src/bus/batch.ts";
import type { Channel } from "../../src/bus/channel.ts";
import { Outgoing } from "../../src/bus/outgoing.ts";
import type { Token } from "../../src/contract/token.ts";
import { type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import { WEBSOCKET } from "../../src/framing/server_frames.ts";
import { concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { batchOf } from "../helpers/scripted_bus.ts";

test("a batch reads as what was written, however its frames came and whatever its size is", () => {
  const frame = fc.record({
    framing: fc.constantFrom<FramingName>("u64", "u32", "line"),
    sender: fc.integer({ min: 0, max: 3 }),
    lengths: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
    pieces: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(frame, { maxLength: 30 }), fc.integer({ min: 20, max: 300 }), (sent, batchSize) => {
    const outgoing = new Outgoing(batchSize);
    const written: Uint8Array[] = [];
    const senders = [1, 2, 3, 4].map((token) => ({
      token: token as Token,
      inFlight: 0,
      feed: { framing: FRAMINGS.u64 },
    }));
    const due: string[] = [];
    let number = 0;
    for (const { framing, sender, lengths, pieces } of sent) {
      for (const group of pieces ? lengths.map((length) => [length]) : [lengths]) {
        const texts = group.map((length) => `${number++}`.padEnd(length, ".").slice(0, length));
        due.push(...texts.map((text) => `${sender} ${text}`));
        const bytes = concat(Uint8Array.of(7), ...texts.map((text) => frameOf(text, framing)));
        if (!pieces) outgoing.add(senders[sender], FRAMINGS[framing], bytes, 1, bytes.length, texts.length);
        else {outgoing.addPieces(
            senders[sender]!,
            FRAMINGS[framing],
            [bytes.subarray(1, 2), bytes.subarray(2)],
            bytes.length - 1,
          );}
      }
    }
    outgoing.offer({ writable: true, write: (_, bytes) => written.push(bytes) } as Partial<Channel> as Channel);
    const back: string[] = [];
    for (const [index, bytes] of written.entries()) {
      const runs = readRuns(bytes, 100)!;
      assert(bytes.length <= batchSize || runs[0]!.frames === 1, `${bytes.length} bytes in a batch`);
      const { shares } = outgoing.settle(index + 1)!;
      assertEquals(
        shares.reduce((sum, { frames }) => sum + frames, 0),
        runs.reduce((sum, { frames }) => sum + frames, 0),
      );
      for (const { token, framing, start, end, frames } of shares) {
        const name = Object.keys(FRAMINGS).find((each) => FRAMINGS[each as FramingName] === framing) as FramingName;
        const texts = textsOf(bytes.slice(start, end), name);
        assertEquals(texts.length, frames);
        back.push(...texts.map((text) => `${token! - 1} ${text}`));
      }
    }
    assertEquals(back, due);
    assertEquals(outgoing.inFlight, { frames: 0, bytes: 0 });
  }));
});

test("a message for browsers with a length over 2^32 is none, wherever the length is too large", () => {
  const head = [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0];
  const batch = (bytes: readonly number[]): Uint8Array =>
    batchOf("u64", concat(Uint8Array.from(bytes), new Uint8Array(65_536)), 1, WEBSOCKET);
  assertEquals(readRuns(batch(head), 2 ** 20)?.length, 1);
  for (let index = 2; index < 6; index++) assertEquals(readRuns(batch(head.with(index, 1)), 2 ** 20), undefined);
});

test("whatever comes over a bus is a batch of whole frames or refused", () => {
  const good = batchOf("u64", concat(frameOf("one"), frameOf("two")), 2);
  const noise = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
  fc.assert(fc.property(fc.array(noise, { maxLength: 4 }), fc.nat(good.length), (changes, length) => {
    const bytes = good.slice(0, length);
    for (const [index, byte] of changes) if (index < length) bytes[index] = byte;
    for (const { framing, start, end, frames } of readRuns(bytes, 100) ?? []) {
      let at = start;
      for (let count = 0; count < frames; count++) at = framing.end(bytes, at, end, 100);
      assertEquals(at, end);
    }
  }));
});
