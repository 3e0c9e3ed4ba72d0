import { test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { PING, PONG } from "../../src/websocket/frame.ts";
import { WebSocketDecoder } from "../../src/websocket/decoder.ts";
import { bytesOf, concat } from "../helpers/bytes.ts";
import { clientFrame, decodeAll, latin1, type Told } from "../helpers/websocket_client.ts";

const [FIRST_TEXT, TEXT, FIRST, CONTINUED, LAST] = [0x01, 0x81, 0x02, 0x00, 0x80];
const [CLOSE_FRAME, PING_FRAME, PONG_FRAME] = [0x88, 0x89, 0x8a];

function message(text: string): Uint8Array {
  return clientFrame({ payload: bytesOf(text) });
}

/** Bytes that do not repeat soon: a word in a wrong place shows. */
function pattern(length: number): Uint8Array {
  return new Uint8Array(length).map((_, index) => (index * 31 + (index >> 8) * 7) & 255);
}

/** All that a decoder shows for chunks. */
function decode(chunks: readonly Uint8Array[], maxFrame = 2 ** 20) {
  const decoder = new WebSocketDecoder(maxFrame);
  const { told, completed } = decodeAll(decoder, chunks);
  const { pings, pending, failure, closed, closeCode } = decoder;
  return { told, completed, pings, pending, failure, closed, closeCode };
}

function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

/** Every kind of frame, fragments of text cut inside a character, and a ping between them. */
const EVERYTHING = concat(
  message("a"),
  clientFrame({ first: TEXT, payload: bytesOf("grün") }),
  clientFrame({ first: PING_FRAME, payload: bytesOf("there?") }),
  clientFrame({ first: FIRST_TEXT, payload: bytesOf("€").subarray(0, 2) }),
  clientFrame({ first: PONG_FRAME }),
  clientFrame({ first: CONTINUED }),
  clientFrame({ first: LAST, payload: bytesOf("€!").subarray(2) }),
  clientFrame(),
  message("b".repeat(130)),
  clientFrame({ payload: bytesOf("zero"), mask: [0, 0, 0, 0] }),
  message("c"),
  clientFrame({ first: CLOSE_FRAME, payload: Uint8Array.of(0x0f, 0xa0, 0x62, 0x79, 0x65) }),
  message("never"),
);

const HEARD = {
  told: [
    { message: "a" },
    { message: latin1(bytesOf("grün")) },
    { control: PING, payload: "there?" },
    { control: PONG, payload: "" },
    { message: latin1(bytesOf("€!")) },
    { message: "b".repeat(130) },
    { message: "zero" },
    { message: "c" },
    { control: 8, payload: "\x0f\xa0bye" },
  ],
  // The pong inside a message does not count.
  completed: 9,
  pings: 1,
  pending: 0,
  failure: undefined,
  closed: true,
  closeCode: 4000,
};

test("WebSocketDecoder gives the same messages and control frames at every two splits of the stream", () => {
  for (let first = 0; first <= EVERYTHING.length; first++) {
    for (let second = first; second <= EVERYTHING.length; second += 1 + first % 5) {
      const [a, b, c] = [
        EVERYTHING.subarray(0, first),
        EVERYTHING.subarray(first, second),
        EVERYTHING.subarray(second),
      ];
      assertEquals(decode([a, b, c]), HEARD, `${first}, ${second}`);
    }
  }
});

test("WebSocketDecoder gives the same one byte at a time", () => {
  assertEquals(decode(byteByByte(EVERYTHING)), HEARD);
});

test("WebSocketDecoder unmasks any length from 1 to 300 wherever the frame begins, also in parts", () => {
  for (let length = 1; length <= 300; length++) {
    const payload = pattern(length);
    const frame = clientFrame({ payload });
    for (let before = 1; before <= 4; before++) {
      const stream = concat(message("x".repeat(before)), frame, message("y"));
      const told = [{ message: "x".repeat(before) }, { message: latin1(payload) }, { message: "y" }];
      assertEquals(decode([stream]).told, told);
      assertEquals(decode([stream.subarray(0, 9 + length), stream.subarray(9 + length)]).told, told);
    }
  }
});

test("WebSocketDecoder carries every size of header, whole and in parts of any size", () => {
  for (const length of [125, 126, 127, 1023, 1024, 1025, 65_535, 65_536, 65_537, 70_000, 200_001]) {
    const payload = pattern(length);
    const stream = concat(message("before"), clientFrame({ payload }), message("behind"));
    const told = [{ message: "before" }, { message: latin1(payload) }, { message: "behind" }];
    for (const size of [1 + (length >> 4), 1024, 1500, 65_536, 65_543, stream.length]) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size));
      assertEquals(decode(chunks).told, told, `${length} in ${size}`);
    }
  }
});

test("WebSocketDecoder decodes any messages, fragments and control frames in any chunks (property)", () => {
  const mask = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
  const fragment = fc.record({ size: fc.oneof(fc.nat(20), fc.nat(300)), mask, ping: fc.boolean() });
  const kinds = fc.record({ fragments: fc.array(fragment, { minLength: 1, maxLength: 4 }), isText: fc.boolean() });
  fc.assert(fc.property(
    fc.array(kinds, { maxLength: 12 }),
    fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 900 })), {
      minLength: 1,
      maxLength: 9,
    }),
    (messages, sizes) => {
      const sent: Uint8Array[] = [];
      const told: Told[] = [];
      let [pings, between] = [0, 0];
      for (const { fragments, isText } of messages) {
        let whole = "";
        fragments.forEach(({ size, mask, ping }, index) => {
          if (ping) {
            sent.push(clientFrame({ first: PING_FRAME, payload: bytesOf(`${size}`), mask }));
            told.push({ control: PING, payload: `${size}` });
            if (index === 0) between++;
          }
          const payload = isText ? bytesOf("é".repeat(size)) : pattern(size);
          whole += latin1(payload);
          const opcode = index === 0 ? (isText ? 1 : 2) : 0;
          sent.push(clientFrame({ first: opcode | (index === fragments.length - 1 ? 128 : 0), payload, mask }));
        });
        if (whole === "") pings++;
        else told.push({ message: whole });
      }
      const stream = concat(...sent);
      const chunks: Uint8Array[] = [];
      for (let at = 0, index = 0; at < stream.length; index++) {
        const size = sizes[index % sizes.length]!;
        chunks.push(stream.subarray(at, at + size));
        at += size;
      }
      const rest = { pings, pending: 0, failure: undefined, closed: false, closeCode: undefined };
      assertEquals(decode(chunks), { told, completed: messages.length + between, ...rest });
    },
  ));
});

test("WebSocketDecoder never throws, whatever bytes come, and ends with a code or within its limit (property)", () => {
  const header = fc.tuple(
    fc.constantFrom(0, 1, 2, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0xc2, 0x8b),
    fc.uint8Array({ maxLength: 20 }),
  )
    .map(([first, payload]) => clientFrame({ first, payload }));
  fc.assert(fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 30 }), header), { maxLength: 30 }), (chunks) => {
    const decoder = new WebSocketDecoder(16);
    decodeAll(decoder, chunks);
    assert(!decoder.failed || [1002, 1007, 1009].includes(decoder.failure!.code));
    assert(decoder.pending <= 14 + 1 + 16);
    assertEquals(decodeAll(decoder, decoder.failed || decoder.closed ? [message("more")] : []).told, []);
  }));
});

test("WebSocketDecoder hands on a chunk of small messages as one run", () => {
  const decoder = new WebSocketDecoder(1000);
  const texts = Array.from({ length: 500 }, (_, index) => `${index}`);
  const { runs, told, completed } = decodeAll(decoder, [concat(...texts.map(message))]);
  assertEquals([runs, completed, told.length], [1, 500, 500]);
});

test("WebSocketDecoder hands on a large chunk of messages in one run for each 64 KiB", () => {
  const stream = concat(...Array.from({ length: 10_000 }, () => message("x".repeat(20))));
  const runs: number[] = [];
  const take = (count: number): number => runs.push(count);
  new WebSocketDecoder(1000).decode(stream, {
    frames: (_bytes, _start, _end, count) => take(count),
    pieces: () => take(1),
    control: () => {},
  });
  assertEquals(runs, [2520, 2520, 2520, 2440]);
});

test("WebSocketDecoder is in a message from its first byte to its last, and control frames inside do not complete it", () => {
  const decoder = new WebSocketDecoder(1000);
  const pendingBehind = (bytes: Uint8Array): boolean => {
    assertEquals(decodeAll(decoder, [bytes]).completed, 0);
    return decoder.pending > 0;
  };
  assertEquals(decoder.pending, 0);
  assert(pendingBehind(clientFrame({ first: FIRST })), "an empty first fragment");
  assert(pendingBehind(clientFrame({ first: PING_FRAME })), "a ping");
  assert(pendingBehind(clientFrame({ first: CONTINUED, payload: bytesOf("a") })), "a fragment");
  assert(pendingBehind(clientFrame({ first: PONG_FRAME, payload: bytesOf("b") }).subarray(0, 6)), "half a pong");
  assert(pendingBehind(Uint8Array.of(0x62 ^ 0x12)), "the other half");
  const long = clientFrame({ first: PING_FRAME, payload: pattern(100) });
  assert(pendingBehind(long.subarray(0, 6)), "a ping without its payload");
  assert(pendingBehind(long.subarray(6)), "its payload");
  assertEquals(decodeAll(decoder, [clientFrame({ first: LAST })]), { told: [{ message: "a" }], runs: 1, completed: 1 });
  assertEquals(decoder.pending, 0);
  const ping = clientFrame({ first: PING_FRAME, payload: bytesOf("p") });
  for (let split = 1; split < ping.length; split++) {
    assert(pendingBehind(ping.subarray(0, split)), `${split} bytes of a ping`);
    assertEquals([decodeAll(decoder, [ping.subarray(split)]).completed, decoder.pending], [1, 0]);
  }
});

test("WebSocketDecoder takes a message of maxFrame bytes and refuses one more from its header, in fragments, too", () => {
  const largest = clientFrame({ payload: bytesOf("x".repeat(200)) });
  assertEquals(decode([largest], 200).failure, undefined);
  assertEquals(decode(byteByByte(largest), 200).told.length, 1);
  const larger = clientFrame({ payload: bytesOf("x".repeat(201)) });
  const inFragments = concat(
    clientFrame({ first: FIRST, payload: bytesOf("x".repeat(150)) }),
    clientFrame({ first: LAST, payload: bytesOf("x".repeat(51)) }),
  );
  for (const [stream, header] of [[larger, 8], [inFragments, 156 + 2 + 6]] as const) {
    for (const chunks of [[message("ok"), stream], byteByByte(concat(message("ok"), stream.subarray(0, header)))]) {
      const { failure, told, pending } = decode(chunks, 200);
      assertEquals([failure?.code, told, pending], [1009, [{ message: "ok" }], 0]);
    }
  }
});

test("WebSocketDecoder holds no memory for a length that was only declared", () => {
  const decoder = new WebSocketDecoder(2 ** 30);
  const header = clientFrame({ length: [127, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff] });
  decodeAll(decoder, [header, pattern(100)]);
  assert(decoder.pending > 100);
  assertLess(decoder.retainedBytes, 2 * 100 + 200);
});

const FRAGMENTS = 1_000_000;

for (const size of [0, 1]) {
  test(`WebSocketDecoder keeps no more of a million fragments of ${size} bytes than twice their bytes`, () => {
    const decoder = new WebSocketDecoder(2 ** 30);
    const sink = { frames: () => {}, pieces: () => {}, control: () => {} };
    decoder.decode(clientFrame({ first: FIRST }), sink);
    const fragment = clientFrame({ first: CONTINUED, payload: pattern(size) });
    const chunk = concat(...Array.from({ length: 10_000 }, () => fragment));
    for (let sent = 0; sent < FRAGMENTS; sent += 10_000) assertEquals(decoder.decode(chunk, sink), 0);
    assert(decoder.pending > size * FRAGMENTS);
    assertLess(decoder.retainedBytes, 2 * size * FRAGMENTS + 1024);
    decoder.reset();
    assertEquals(decoder.retainedBytes, 0);
  });
}

test("WebSocketDecoder holds what its pieces take, whatever their sizes (property)", () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.nat(40), fc.nat(3000)), { maxLength: 60 }), (sizes) => {
    const decoder = new WebSocketDecoder(2 ** 30);
    decodeAll(decoder, [clientFrame({ first: FIRST })]);
    for (const size of sizes) decodeAll(decoder, [clientFrame({ first: CONTINUED, payload: pattern(size) })]);
    const sum = sizes.reduce((all, size) => all + size, 0);
    assert(decoder.retainedBytes >= sum);
    assertLess(decoder.retainedBytes, 2 * sum + 1024);
  }));
});

test("a chunk of messages and pings by turns takes time by its length alone", () => {
  // Each run must not copy the rest of the chunk again.
  const pair = concat(message("x"), clientFrame({ first: PING_FRAME }));
  let loads = 0;
  class Counted extends Uint8Array {
    override subarray(from?: number, to?: number): Uint8Array<ArrayBuffer> {
      loads++;
      return super.subarray(from, to) as Uint8Array<ArrayBuffer>;
    }
  }
  const chunk = new Counted(concat(...Array.from({ length: 10_000 }, () => pair)));
  let told = 0;
  const decoder = new WebSocketDecoder(1000);
  decoder.decode(chunk, { frames: () => told++, pieces: () => told++, control: () => told++ });
  assertEquals(told, 20_000);
  assertLess(loads, 10);
});

test("WebSocketDecoder decodes each chunk anew, also when it comes in the same memory as the one before", () => {
  const memory = new Uint8Array(message("a").length);
  const decoder = new WebSocketDecoder(1000);
  const told: number[] = [];
  for (const text of ["a", "b", "c"]) {
    memory.set(message(text));
    decoder.decode(memory, {
      frames: (bytes, start) => told.push(bytes[start + 2]!),
      pieces: () => {},
      control: () => {},
    });
  }
  assertEquals(told, [97, 98, 99]);
});
