/**
 * The rules of RFC 6455 for what a client sends, by the numbers of Autobahn's cases: each broken rule has its close code,
 * wherever the stream is split, and what came before it is still handed on.
 */

import { test } from "node:test";
import { assert, assertEquals, assertLess } from "@std/assert";
import { WebSocketDecoder } from "../../src/websocket/decoder.ts";
import { PackedDecoder } from "../../src/websocket/packed_decoder.ts";
import { bytesOf, concat, frameOf } from "../helpers/bytes.ts";
import { clientFrame, decodeAll, latin1, type Told } from "../helpers/websocket_client.ts";

const [TEXT, CLOSE, PING, PONG] = [0x81, 0x88, 0x89, 0x8a];
const FIN = 0x80;

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function text(payload: string | Uint8Array, first = TEXT): Uint8Array {
  return clientFrame({ first, payload: typeof payload === "string" ? bytesOf(payload) : payload });
}

function close(code: number, reason: Uint8Array = bytes()): Uint8Array {
  return clientFrame({ first: CLOSE, payload: concat(bytes(code >> 8, code & 255), reason) });
}

/** A first fragment, so that a message is under way. */
const BEGUN = text("frag", 0x01);
const OVER_125 = bytesOf("x".repeat(126));

/** What breaks a rule: the number of the case, the frames, the close code. */
const BROKEN: readonly (readonly [string, Uint8Array, number])[] = [
  ["2.5, a ping over 125 bytes", clientFrame({ first: PING, payload: OVER_125 }), 1002],
  ["a pong over 125 bytes", clientFrame({ first: PONG, payload: OVER_125 }), 1002],
  ["3.1, reserved bit 3", clientFrame({ first: 0x90 | 1, payload: bytesOf("a") }), 1002],
  ["3.2, reserved bit 2", clientFrame({ first: 0xa0 | 1, payload: bytesOf("a") }), 1002],
  ["3.4, reserved bit 1, as if compressed", clientFrame({ first: 0xc0 | 2, payload: bytesOf("a") }), 1002],
  ["3.5, reserved bits of a ping", clientFrame({ first: 0xf0 | 9 }), 1002],
  ["3.6, reserved bits of a close", clientFrame({ first: 0xf0 | 8 }), 1002],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    [`4, opcode ${opcode}`, clientFrame({ first: FIN | opcode }), 1002] as const
  ),
  ["5.1, a ping in fragments", clientFrame({ first: 0x09 }), 1002],
  ["5.2, a pong in fragments", clientFrame({ first: 0x0a }), 1002],
  ["a close in fragments", clientFrame({ first: 0x08 }), 1002],
  ["5.9, a continuation of nothing", text("a", FIN), 1002],
  ["5.11, a continuation of nothing that goes on", text("a", 0x00), 1002],
  ["5.12, a second continuation after the last", concat(text("a", 0x01), text("b", FIN), text("c", FIN)), 1002],
  ["5.18, a message inside another", concat(BEGUN, text("a")), 1002],
  ["a binary message inside another, in fragments", concat(BEGUN, text("a", 0x02)), 1002],
  ["5.1 of the RFC, a frame without a mask", clientFrame({ mask: null, payload: bytesOf("abcdef") }), 1002],
  ["a ping without a mask", clientFrame({ first: PING, mask: null }), 1002],
  ["7.3.2, a close of one byte", clientFrame({ first: CLOSE, payload: bytes(3) }), 1002],
  ["7.3.6, a close reason of 124 bytes", close(1000, OVER_125.subarray(2)), 1002],
  ["7.5.1, a close reason that is not UTF-8", close(1000, bytes(0xce, 0xba, 0xe1, 0xbd)), 1007],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code) =>
    [`7.9 and 7.13, close code ${code}`, close(code), 1002] as const
  ),
  ["a length of 125 in two bytes", clientFrame({ length: [126, 0, 125], payload: bytesOf("x".repeat(125)) }), 1002],
  ["a length of 0 in two bytes", clientFrame({ length: [126, 0, 0] }), 1002],
  ["a length of 65,535 in eight bytes", clientFrame({ length: [127, 0, 0, 0, 0, 0, 0, 255, 255] }), 1002],
  ["a length whose highest bit is set", clientFrame({ length: [127, 128, 0, 0, 0, 0, 0, 255, 255] }), 1002],
  ["a length over maxFrame", clientFrame({ length: [126, 0x10, 1] }), 1009],
  ["a length of 2^32", clientFrame({ length: [127, 0, 0, 0, 1, 0, 0, 0, 0] }), 1009],
  ["the largest length there is", clientFrame({ length: [127, 127, 255, 255, 255, 255, 255, 255, 255] }), 1009],
  ["6.3.1, text that is not UTF-8", text(bytes(0xce, 0xba, 0xed, 0xa0, 0x80, 0x65)), 1007],
  ["6.3.2, the same in fragments of one byte", fragments(bytes(0xce, 0xba, 0xed, 0xa0, 0x80, 0x65)), 1007],
  [
    "text with a letter inside a character, in fragments",
    concat(text(bytes(0xe2, 0x82), 0x01), text("a", 0x00), text(bytes(0xac), FIN)),
    1007,
  ],
  ["6.4, text whose first fragment is wrong", text(bytes(0xf4, 0x90), 0x01), 1007],
  ...[
    [0xc0, 0xaf],
    [0xe0, 0x80, 0xaf],
    [0xf0, 0x80, 0x80, 0xaf],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
    [0xed, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
    [0xfe],
    [0xff],
  ].map((wrong) =>
    [`6.11 to 6.23, ${wrong.map((byte) => byte.toString(16)).join(" ")}`, text(bytes(...wrong)), 1007] as const
  ),
  ...["é", "€", "😀"].flatMap((character) => {
    const whole = bytesOf(character);
    return Array.from({ length: whole.length - 1 }, (_, index) =>
      [
        `text that ends ${index + 1} bytes into ${character}`,
        text(concat(bytesOf("text, "), whole.subarray(0, index + 1))),
        1007,
      ] as const);
  }),
];

/** A text in fragments of one byte. */
function fragments(payload: Uint8Array): Uint8Array {
  const last = payload.length - 1;
  return concat(...Array.from(payload, (byte, at) => text(bytes(byte), (at === 0 ? 1 : 0) | (at === last ? FIN : 0))));
}

const MAX_FRAME = 4096;

for (const [what, frames, code] of BROKEN) {
  test(`WebSocketDecoder fails with ${code}: ${what}`, () => {
    const stream = concat(text("before"), frames);
    for (let split = 0; split <= stream.length; split++) {
      const decoder = new WebSocketDecoder(MAX_FRAME);
      const { told } = decodeAll(decoder, [stream.subarray(0, split), stream.subarray(split), text("behind")]);
      const complete = what.startsWith("5.12") ? ["before", "ab"] : ["before"];
      assertEquals([decoder.failure?.code, decoder.failed, decoder.closed], [code, true, false], `split at ${split}`);
      assertEquals(told, complete.map((message) => ({ message })));
      assertEquals([decoder.pending, decoder.retainedBytes, decoder.closeCode], [0, 0, undefined]);
      assert(decoder.failure!.why.length > 10);
      assert(decoder.head.length > 0 && decoder.head.length <= 14);
    }
  });
}

/** What is allowed: what comes out of it. */
const ALLOWED: readonly (readonly [string, Uint8Array, readonly Told[]])[] = [
  ["1.1.2, text of 125 bytes", text("x".repeat(125)), [{ message: "x".repeat(125) }]],
  ["2.4, a ping of 125 bytes", text("x".repeat(125), PING), [{ control: 9, payload: "x".repeat(125) }]],
  ["2.7, a pong that nothing asked for", text("", PONG), [{ control: 10, payload: "" }]],
  ["5.6, a ping between fragments", concat(BEGUN, text("?", PING), text("ment", FIN)), [
    { control: 9, payload: "?" },
    { message: "fragment" },
  ]],
  ["6.2.3, text in fragments of one byte", fragments(bytesOf("Hello-µ@ßöäüàá-UTF-8!!")), [
    { message: latin1(bytesOf("Hello-µ@ßöäüàá-UTF-8!!")) },
  ]],
  ...["\0", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}", "\ufeff"]
    .map(
      (character) =>
        [
          `6.6 to 6.9, U+${character.codePointAt(0)!.toString(16)}`,
          text(`a${character}`),
          [{ message: latin1(bytesOf(`a${character}`)) }],
        ] as const,
    ),
  ["bytes that are not UTF-8, as binary", text(bytes(0xff, 0xc0), 0x82), [{ message: "\xff\xc0" }]],
  ["7.3.1, a close without a code", text("", CLOSE), [{ control: 8, payload: "" }]],
  ["7.3.5, a close with a reason of 123 bytes", close(1000, OVER_125.subarray(3)), [
    { control: 8, payload: `\x03\xe8${"x".repeat(123)}` },
  ]],
  ["a close inside a message", concat(BEGUN, close(1001)), [{ control: 8, payload: "\x03\xe9" }]],
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code) =>
    [`7.7, close code ${code}`, close(code), [{
      control: 8,
      payload: String.fromCharCode(code >> 8, code & 255),
    }]] as const
  ),
];

for (const [what, stream, expected] of ALLOWED) {
  test(`WebSocketDecoder takes ${what}`, () => {
    for (let split = 0; split <= stream.length; split++) {
      const decoder = new WebSocketDecoder(MAX_FRAME);
      const { told } = decodeAll(decoder, [stream.subarray(0, split), stream.subarray(split)]);
      assertEquals([decoder.failure, told, decoder.pending], [undefined, expected, 0], `split at ${split}`);
      const closed = expected.at(-1)!;
      assertEquals(decoder.closed, "control" in closed && closed.control === 8);
    }
  });
}

test("a frame that breaks a rule in its first two bytes is refused before the rest comes", () => {
  for (const [first, second] of [[0xc2, 0x85], [0x83, 0x85], [0x82, 0x05], [0x89, 0xfe], [0x09, 0x80], [0x80, 0x80]]) {
    const decoder = new WebSocketDecoder(MAX_FRAME);
    decodeAll(decoder, [bytes(first!), bytes(second!)]);
    assertEquals([decoder.failure?.code, decoder.head], [1002, bytes(first!, second!)]);
  }
});

test("nothing after a close frame counts, not even what breaks a rule", () => {
  const decoder = new WebSocketDecoder(MAX_FRAME);
  const { told } = decodeAll(decoder, [concat(BEGUN, close(1001), bytes(0xff, 0xff)), bytes(0xff)]);
  assertEquals([told.length, decoder.closed, decoder.closeCode, decoder.failed], [1, true, 1001, false]);
  assertEquals([decoder.pending, decoder.retainedBytes], [0, 0]);
});

test("in mobcast.u64 each rule holds as well, and text is refused with 1003", () => {
  const frame = frameOf("before");
  for (const [what, frames, code] of BROKEN) {
    // What is text there is wrong for another reason, and a message may have any length.
    if (code === 1007 || code === 1009 || /text|5\.1[28]|another/.test(what)) continue;
    const stream = concat(clientFrame({ payload: frame }), frames);
    for (let split = 0; split <= stream.length; split++) {
      const decoder = new PackedDecoder(MAX_FRAME);
      const { told } = decodeAll(decoder, [stream.subarray(0, split), stream.subarray(split)], (run) => [latin1(run)]);
      assertEquals([decoder.failure?.code, told], [code, [{ message: latin1(frame) }]], `${what}, split at ${split}`);
      assertEquals([decoder.pending, decoder.retainedBytes], [0, 0]);
    }
  }
  for (const first of [TEXT, 0x01]) {
    const decoder = new PackedDecoder(MAX_FRAME);
    decodeAll(decoder, [text("hi", first)]);
    assertEquals(decoder.failure?.code, 1003);
  }
});

test("what is refused holds no memory", () => {
  for (const [, frames] of BROKEN) {
    const decoder = new WebSocketDecoder(MAX_FRAME);
    decodeAll(decoder, Array.from(frames, (byte) => bytes(byte)));
    assertLess(decoder.retainedBytes, 1);
  }
});
