import { createHash } from "node:crypto";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { closeCodeOf, isCloseCode } from "../../src/websocket/close.ts";
import { headerSize, writeHeader } from "../../src/framing/server_frames.ts";
import { BINARY, closeFrame, controlFrame, PING, PONG } from "../../src/websocket/frame.ts";
import { copyUnmasked, unmask } from "../../src/websocket/mask.ts";
import { sha1Base64 } from "../../src/websocket/sha1.ts";
import { readUtf8, WHOLE } from "../../src/websocket/utf8.ts";
import { CLOSE_REASONS } from "../../src/status/stats.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";

test("a header of a server's frame has the shortest length that there is", () => {
  const headers: readonly (readonly [number, readonly number[]])[] = [
    [0, [0x82, 0]],
    [1, [0x82, 1]],
    [125, [0x82, 125]],
    [126, [0x82, 126, 0, 126]],
    [65_535, [0x82, 126, 255, 255]],
    [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
    [0x12345678, [0x82, 127, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78]],
    [2 ** 32 - 1, [0x82, 127, 0, 0, 0, 0, 255, 255, 255, 255]],
  ];
  for (const [length, header] of headers) {
    // What was there before must not shine through.
    const target = new Uint8Array(20).fill(0xaa);
    assertEquals(writeHeader(length, target, 3), 3 + header.length);
    assertEquals(headerSize(length), header.length);
    assertEquals([...target.subarray(0, 3 + header.length + 1)], [0xaa, 0xaa, 0xaa, ...header, 0xaa]);
  }
  assertEquals(BINARY, 2);
});

test("a control frame is whole and not masked", () => {
  assertEquals(controlFrame(PING, bytesOf("hi")), Uint8Array.of(0x89, 2, 104, 105));
  assertEquals(controlFrame(PONG, new Uint8Array(125)).length, 127);
});

test("a close frame holds its code and its reason, cut behind a whole character", () => {
  assertEquals(closeFrame(1001, ""), Uint8Array.of(0x88, 2, 3, 233));
  assertEquals(textOf(closeFrame(1001, "bye").subarray(4)), "bye");
  for (const character of ["x", "é", "€", "😀"]) {
    for (let before = 115; before <= 124; before++) {
      const reason = "-".repeat(before) + character.repeat(40);
      const frame = closeFrame(1008, reason);
      const length = frame[1]! - 2;
      const size = bytesOf(character).length;
      assertEquals(frame.length, 4 + length);
      assert(length <= 123 && length > 123 - size, `${before} and ${character}: ${length}`);
      assert(reason.startsWith(textOf(frame.subarray(4))));
    }
  }
  assertEquals(closeFrame(1000, "x".repeat(123))[1], 125);
});

test("sha1Base64 is SHA-1", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = new Uint8Array(length).map((_, index) => (index * 37 + length) & 255);
    assertEquals(sha1Base64(bytes), createHash("sha1").update(bytes).digest("base64"), `${length} bytes`);
  }
});

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

test("readUtf8 agrees with TextDecoder around every border", () => {
  const borders = [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
  for (let lead = 0x7f; lead < 256; lead++) {
    for (const second of borders) {
      for (const rest of [[], [0x41], [0x80], [0xbf], [0xc0], [0x80, 0x80], [0xbf, 0xbf], [0x80, 0xc0]]) {
        const bytes = Uint8Array.of(lead, second, ...rest);
        const isText = readUtf8(WHOLE, bytes, 0, bytes.length) === WHOLE;
        assertEquals(isText, isUtf8(bytes), [...bytes].join(" "));
      }
    }
  }
});

test("readUtf8 judges pieces as it judges the whole (property)", () => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0xc3, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80));
  const text = fc.array(fc.constantFrom("a", "\0", "é", "€", "\uffff", "😀"), { maxLength: 6 });
  const bytes = fc.oneof(
    text.map((characters) => bytesOf(characters.join(""))),
    fc.array(byte, { maxLength: 20 }).map((values) => Uint8Array.from(values)),
  );
  fc.assert(fc.property(bytes, fc.nat(20), (bytes, at) => {
    const split = Math.min(at, bytes.length);
    const state = readUtf8(readUtf8(WHOLE, bytes, 0, split), bytes, split, bytes.length);
    assertEquals(state === WHOLE, isUtf8(bytes));
    assertEquals(state, readUtf8(WHOLE, bytes, 0, bytes.length));
  }));
});

test("unmask and copyUnmasked XOR every byte with its part of the mask, wherever it lies (property)", () => {
  const mask = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(fc.property(
    fc.uint8Array({ minLength: 1, maxLength: 150 }),
    mask,
    fc.nat(15),
    fc.nat(3),
    fc.nat(7),
    fc.boolean(),
    (payload, mask, target, words, phase, isAscii) => {
      const plain = isAscii ? payload.map((byte) => byte & 127) : payload;
      const masked = plain.map((byte, index) => byte ^ mask[2 + ((phase + index) & 3)]!);
      const source = target + 4 * words;
      const [memory, copy] = [new Uint8Array(200).fill(0xaa), new Uint8Array(200).fill(0xaa)];
      memory.set(masked, source);
      const views = [memory, copy].map(({ buffer }) => new Int32Array(buffer));
      const ascii = unmask(memory, views[0]!, source, source + plain.length, target, mask, 2, phase);
      assertEquals(memory.slice(target, target + plain.length), plain);
      assertEquals(ascii, plain.every((byte) => byte < 128));
      for (const view of [undefined, views[1]!]) {
        assertEquals(copyUnmasked(masked, 0, masked.length, copy, view, target, mask, 2, phase), ascii);
        assertEquals(copy.slice(target, target + plain.length), plain);
      }
      // Nothing is written around it.
      assert(copy.every((byte, at) => byte === 0xaa || (at >= target && at < target + plain.length)));
    },
  ));
});

test("each reason to close has the code of the table, or none", () => {
  const codes = Object.keys(CLOSE_REASONS).filter((reason) => reason !== "protocol-error").map((reason) =>
    [reason, closeCodeOf(reason)] as const
  );
  assertEquals(Object.fromEntries(codes), {
    "end": 1000,
    "reset": undefined,
    "truncated": undefined,
    "frame-too-large": 1009,
    "frame-timeout": 1008,
    "receive-memory": 1008,
    "lagged": undefined,
    "stalled": undefined,
    "idle": 1008,
    "refused": 1008,
    "handshake-failed": undefined,
    "unauthorized": 1008,
    "disconnected": 1008,
    "shutdown": 1001,
    "internal": 1011,
    "gap": 1013,
  });
  assertEquals(closeCodeOf("toString"), undefined);
});

test("a close echoes the client's code, and says which rule was broken", () => {
  const none = { closeCode: undefined, failure: undefined };
  assertEquals([closeCodeOf("end", none), closeCodeOf("end", { ...none, closeCode: 4001 })], [1000, 4001]);
  assertEquals(closeCodeOf("shutdown", { ...none, closeCode: 4001 }), 1001);
  assertEquals(closeCodeOf("protocol-error", { ...none, failure: { code: 1007 } }), 1007);
  assertEquals([closeCodeOf("protocol-error", none), closeCodeOf("protocol-error")], [1002, 1002]);
});

test("isCloseCode knows the codes that a frame may hold", () => {
  const allowed: number[] = [];
  for (let code = 0; code <= 65_535; code++) if (isCloseCode(code)) allowed.push(code);
  assertEquals(allowed.slice(0, 12), [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);
  assertEquals([allowed[12], allowed.at(-1), allowed.length], [3000, 4999, 12 + 2000]);
});
