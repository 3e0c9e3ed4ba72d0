import { test } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { socketPair } from "../../src/contract/socket_pair.ts";

test("socketPair holds single bytes that wait in a few blocks, in order, with larger chunks between them", () => {
  const [one, other] = socketPair("one", "other");
  const sent: number[] = [];
  for (let at = 0; at < 100_000; at++) {
    const chunk = at % 10_000 === 9999 ? new Uint8Array(2000).fill(at % 251) : Uint8Array.of(at % 251);
    assertEquals(one.write(chunk), chunk.length);
    sent.push(...chunk);
  }
  let chunks = 0;
  let at = 0;
  let wrong = 0;
  for (let chunk = other.read(); chunk; chunk = other.read(), chunks++) {
    for (const byte of chunk) if (byte !== sent[at++]) wrong++;
  }
  assertEquals([at, wrong, other.bufferedBytes], [sent.length, 0, 0]);
  // 64 as they came, ten large ones, and blocks of 4 KiB.
  assertLess(chunks, 64 + 10 + 40);
});
