import { test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { PackedDecoder } from "../../src/websocket/packed_decoder.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { clientFrame, decodeAll, type Told } from "../helpers/websocket_client.ts";

const [FIRST, CONTINUED, LAST, PING] = [0x02, 0x00, 0x80, 0x89];

function decode(chunks: readonly Uint8Array[], decoder: PackedDecoder = new PackedDecoder(2 ** 20)) {
  return decodeAll(decoder, chunks, textsOf);
}

function texts(...messages: readonly string[]): Told[] {
  return messages.map((message) => ({ message }));
}

test("PackedDecoder takes frames out of messages, fragments and parts of them, at every split", () => {
  const frames = concat(frameOf("one"), frameOf("two"), frameOf(""), frameOf("x".repeat(90)), frameOf("four"));
  const stream = concat(
    clientFrame({ payload: frames.subarray(0, 5) }),
    clientFrame({ first: FIRST, payload: frames.subarray(5, 30) }),
    clientFrame({ first: CONTINUED, payload: frames.subarray(30, 31), mask: [9, 8, 7, 6] }),
    clientFrame({ first: PING, payload: bytesOf("?") }),
    clientFrame({ first: LAST, payload: frames.subarray(31) }),
    clientFrame(),
    clientFrame({ first: PING }),
  );
  const told = [...texts("one", "two"), { control: 9, payload: "?" }, ...texts("x".repeat(90), "four"), {
    control: 9,
    payload: "",
  }];
  for (let split = 0; split <= stream.length; split++) {
    const decoder = new PackedDecoder(100);
    const result = decode([stream.subarray(0, split), stream.subarray(split)], decoder);
    // Four frames, two pings of mobcast, and the ping at a boundary.
    assertEquals([result.told, result.completed], [told, 7], `split at ${split}`);
    assertEquals([decoder.pings, decoder.pending, decoder.failure], [2, 0, undefined]);
  }
  assertEquals(decode(Array.from(stream, (byte) => Uint8Array.of(byte))).told, told);
});

test("PackedDecoder hands on a chunk as one run, however many messages are in it", () => {
  const stream = concat(...Array.from({ length: 300 }, (_, index) => clientFrame({ payload: frameOf(`${index}`) })));
  const { runs, completed } = decode([stream]);
  assertEquals([runs, completed], [1, 300]);
});

test("PackedDecoder decodes any frames in any messages in any chunks (property)", () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 400 })), { minLength: 1 });
  fc.assert(fc.property(
    fc.array(fc.oneof(fc.nat(10), fc.nat(600)), { maxLength: 20 }),
    sizes,
    sizes,
    (lengths, messages, chunks) => {
      const cut = (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] => {
        const parts: Uint8Array[] = [];
        for (let at = 0, index = 0; at < bytes.length; index++) {
          const size = sizes[index % sizes.length]!;
          parts.push(bytes.subarray(at, at + size));
          at += size;
        }
        return parts;
      };
      const all = lengths.map((length, index) => String.fromCharCode(97 + index % 26).repeat(length));
      const payloads = cut(concat(...all.map((text) => frameOf(text))), messages);
      const stream = concat(
        ...payloads.map((payload, index) => clientFrame({ payload, mask: [index & 255, 1, 2, 3] })),
      );
      const decoder = new PackedDecoder(1000);
      assertEquals(decode(cut(stream, chunks), decoder).told, texts(...all.filter((text) => text !== "")));
      assertEquals([decoder.pending, decoder.pings], [0, all.filter((text) => text === "").length]);
    },
  ));
});

test("PackedDecoder takes frames and messages larger than its scratch", () => {
  const large = Array.from({ length: 5 }, (_, index) => String.fromCharCode(97 + index).repeat(100_000 + index));
  const stream = concat(
    clientFrame({ payload: concat(...large.map((text) => frameOf(text))) }),
    ...large.map((text) => clientFrame({ payload: frameOf(text) })),
  );
  for (const size of [stream.length, 65_536, 65_531, 1000]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
    assertEquals(decode(chunks).told.length, 10);
    assertEquals(decode(chunks).told, texts(...large, ...large));
  }
});

test("PackedDecoder refuses a frame over maxFrame with 1009, and hands on what came before", () => {
  const stream = clientFrame({ payload: concat(frameOf("ok"), frameOf("x".repeat(11))) });
  for (let split = 0; split <= stream.length; split++) {
    const decoder = new PackedDecoder(10);
    const { told } = decode([stream.subarray(0, split), stream.subarray(split), clientFrame()], decoder);
    assertEquals([told, decoder.failure?.code, decoder.pending], [texts("ok"), 1009, 0]);
    assertEquals(decoder.head.subarray(0, 8), frameOf("x".repeat(11)).subarray(0, 8));
  }
});

test("PackedDecoder fails by the rule that was broken first", () => {
  const decoder = new PackedDecoder(10);
  decode([concat(clientFrame({ payload: frameOf("x".repeat(11)) }), clientFrame({ mask: null }))], decoder);
  assertEquals(decoder.failure?.code, 1009);
});

test("an end of a message inside a frame completes nothing, and neither does a ping or an empty message there", () => {
  const decoder = new PackedDecoder(100);
  const frame = frameOf("text");
  for (const part of [clientFrame({ payload: frame.subarray(0, 9) }), clientFrame({ first: PING }), clientFrame()]) {
    assertEquals(decode([part], decoder).completed, 0);
    assert(decoder.pending > 0);
  }
  assertEquals([decode([clientFrame({ payload: frame.subarray(9) })], decoder).completed, decoder.pending], [1, 0]);
});

test("PackedDecoder keeps nothing of a long message but the frame that is not whole", () => {
  const decoder = new PackedDecoder(2 ** 20);
  const frame = frameOf("x".repeat(1000));
  decode([clientFrame({ first: FIRST, payload: frame })], decoder);
  for (let sent = 0; sent < 1000; sent++) decode([clientFrame({ first: CONTINUED, payload: frame })], decoder);
  assert(decoder.pending > 0, "the message goes on");
  assertLess(decoder.retainedBytes, 5000);
});

test("PackedDecoder keeps no more of fragments of one byte than twice their bytes", () => {
  const decoder = new PackedDecoder(2 ** 30);
  const sink = { frames: () => {}, pieces: () => {}, control: () => {} };
  decoder.decode(clientFrame({ first: FIRST, payload: Uint8Array.of(0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff) }), sink);
  const chunk = concat(
    ...Array.from({ length: 10_000 }, () => clientFrame({ first: CONTINUED, payload: bytesOf("x") })),
  );
  for (let sent = 0; sent < 100; sent++) assertEquals(decoder.decode(chunk, sink), 0);
  assertLess(1_000_000, decoder.retainedBytes);
  assertLess(decoder.retainedBytes, 2 * 1_000_000 + 1024);
  decoder.reset();
  assertEquals([decoder.retainedBytes, decoder.pending], [0, 0]);
});
