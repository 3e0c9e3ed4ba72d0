/** What the first bytes of a stream look like, and where the log and a client say so. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { READABLE } from "../../src/contract/adapter.ts";
import { looksLike } from "../../src/framing/looks_like.ts";
import { encodeFrame, type FramingName } from "../../src/framing/framing.ts";
import { bytesOf } from "../helpers/bytes.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { World } from "../helpers/scripted_server.ts";

const HELLO = bytesOf("hello");
/** The beginning of a ClientHello. */
const TLS = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x1b, 0x9d, 0x02, 0xee, 0x71];

test("first bytes: HTTP, TLS, lines, lengths of another framing, and nothing known", () => {
  for (
    const [given, u64, u32, line] of [
      ["GET / HTTP/1.1\r\n", "HTTP", "HTTP", "HTTP"],
      ["OPTIONS * HTTP/1", "HTTP", "HTTP", "HTTP"],
      ["CONNECT h:80 HTT", "HTTP", "HTTP", "HTTP"],
      ["HTTP/1.1 400 Bad", "HTTP", "HTTP", "HTTP"],
      ["PRI * HTTP/2.0\r\n", "HTTP", "HTTP", "HTTP"],
      [TLS, "TLS", "TLS", "TLS"],
      ["hi\n", "lines", "lines", undefined],
      ["SSH-2.0-OpenSSH_", "lines", "lines", undefined],
      ['{"temp": 21}\r\n\t ', "lines", "lines", undefined],
      // The sixteenth byte is the first of two.
      ["grüße, später. é", "lines", "lines", undefined],
      [encodeFrame("u64", HELLO), undefined, "u64 frames", "u64 frames"],
      [encodeFrame("u32", HELLO), "u32 frames", undefined, "u32 frames"],
      [[5, 0, 0, 0, 0, 0, 0, 0, 1], "little-endian lengths", "little-endian lengths", undefined],
      [[5, 0, 0, 0, 104, 105], undefined, "little-endian lengths", undefined],
      [[0, 0], undefined, undefined, undefined],
      [[], undefined, undefined, undefined],
      [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], undefined, undefined, undefined],
      [[104, 105, 0xff, 0xfe, 104, 105, 104, 105], undefined, undefined, undefined],
    ] as const
  ) {
    const bytes = typeof given === "string" ? bytesOf(given).subarray(0, 16) : Uint8Array.from(given);
    const guesses = (["u64", "u32", "line"] as const).map((framing) => looksLike(bytes, framing));
    assertEquals(guesses, [u64, u32, line].map((what) => what && `looks like ${what}`), String(given));
  }
});

/** The lines about a client that sends these chunks, and what `onLeave` is told. */
async function removed(framing: FramingName, later: number, ...chunks: Uint8Array[]): Promise<(string | undefined)[]> {
  const details: (string | undefined)[] = [];
  const lines = await logged("info", async () => {
    const onLeave = ({ detail }: { detail: string | undefined }): void => void details.push(detail);
    const world = await World.open({ framing, maxFrame: 20, frameTimeout: 1000, onLeave });
    const client = world.join();
    for (const chunk of chunks) {
      client.socket.incoming.push(chunk);
      world.ready(client.token, READABLE);
      world.run();
    }
    world.adapter.advance(later);
    world.run();
  });
  return [lines.map(lineOf).at(-1), ...details];
}

test("the log and onLeave say what a client speaks that is removed for a frame over the limit, wherever it is split", async () => {
  const request = bytesOf("GET / HTTP/1.1\r\n");
  for (let at = 1; at <= request.length; at++) {
    assertEquals(await removed("u64", 0, request.subarray(0, at), request.subarray(at)), [
      "Removed: 10.0.0.1:1, frame-too-large: looks like HTTP (lag 0 bytes)",
      "looks like HTTP",
    ]);
  }
  assertEquals(await removed("line", 0, encodeFrame("u64", bytesOf("x".repeat(30)))), [
    "Removed: 10.0.0.1:1, frame-too-large: looks like u64 frames (lag 0 bytes)",
    "looks like u64 frames",
  ]);
});

test("a few letters and nothing more are a frame that takes too long, and look like lines", async () => {
  assertEquals(await removed("u64", 5000, bytesOf("hi\n")), [
    "Removed: 10.0.0.1:1, frame-timeout: looks like lines (lag 0 bytes)",
    "looks like lines",
  ]);
});

test("nothing is guessed once a client has sent a whole frame, or what is its framing", async () => {
  const [first] = await removed("u64", 0, encodeFrame("u64", HELLO), bytesOf("GET / HTTP/1.1"));
  assertEquals(first, "Removed: 10.0.0.1:1, frame-too-large (lag 0 bytes)");
  const [second] = await removed("u64", 0, encodeFrame("u64", bytesOf("x".repeat(21))));
  assertEquals(second, "Removed: 10.0.0.1:1, frame-too-large (lag 0 bytes)");
});
