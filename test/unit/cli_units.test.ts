/** Parts of the command line: units, lines, and what may act on a terminal. */

import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { splitLines } from "../../src/cli/lines.ts";
import { formatDuration, formatSize, parseCount, parseDuration, parseSize } from "../../src/cli/units.ts";
import { roundSize } from "../../src/status/figures.ts";
import { sanitize } from "../../src/cli/sanitize.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";

// --- units ---

test("sizes: what people write, in any case, and nothing else", () => {
  for (
    const [text, bytes] of [
      ["0", 0],
      ["1048576", 1048576],
      ["64KiB", 65536],
      ["64kib", 65536],
      ["2MB", 2_000_000],
      ["1.5MiB", 1572864],
      ["1.1KB", 1100],
      ["3B", 3],
      ["64GiB", 2 ** 36],
    ] as const
  ) assertEquals(parseSize(text), bytes, text);
  const wrong = ["", "-1", "1e9", "10mbs", "1.5", " 1", "1 KB", "0x50", "∞", "NaN", "K", "1K", ".5MB", "9".repeat(20)];
  for (const text of [...wrong, "9999999999999999", "9007199254740993", "constructor", "1toString"]) {
    assertEquals(parseSize(text), undefined, text);
  }
});

test("durations need a unit, counts have none", () => {
  for (
    const [text, milliseconds] of [["0", 0], ["500ms", 500], ["10s", 10_000], ["1.5s", 1500], ["2m", 120_000], [
      "1H",
      3_600_000,
    ]] as const
  ) assertEquals(parseDuration(text), milliseconds, text);
  for (const text of ["", "60", "-1s", "1.5ms", "1d", "s", "1e3s", "10 s"]) {
    assertEquals(parseDuration(text), undefined, text);
  }
  assertEquals(parseCount("1024"), 1024);
  for (const text of ["", "1.5", "-1", "1e3", "0x10", "10KB", "∞"]) assertEquals(parseCount(text), undefined, text);
});

test("what is formatted reads back as the same", () => {
  for (const bytes of [0, 1, 1000, 1024, 1 << 20, 3 << 20, 2 ** 36, 2 ** 40]) {
    assertEquals(parseSize(formatSize(bytes)), bytes);
  }
  for (const ms of [0, 1, 999, 1000, 60_000, 90_000, 3_600_000, 2 ** 31 - 1]) {
    assertEquals(parseDuration(formatDuration(ms)), ms);
  }
  assertEquals([0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 50].map(roundSize), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 MiB",
    "1048576.0 GiB",
  ]);
});

// --- lines and terminals ---

test("splitLines: the same lines wherever the chunks are split", async () => {
  const text = bytesOf("one\n\ntwo\r\n\xff three");
  async function* chunks(...ends: number[]): AsyncGenerator<Uint8Array> {
    let start = 0;
    for (const end of [...ends, text.length]) {
      yield await Promise.resolve(text.subarray(start, end));
      start = end;
    }
  }
  const split = async (...ends: number[]): Promise<string[]> => {
    const lines: string[] = [];
    for await (const batch of splitLines(chunks(...ends), 100)) lines.push(...batch.map(textOf));
    return lines;
  };
  const expected = ["one", "", "two\r", "\xff three"];
  assertEquals(await split(), expected);
  for (let first = 0; first <= text.length; first++) {
    for (let second = first; second <= text.length; second++) assertEquals(await split(first, second), expected);
  }
  const collect = async (limit: number): Promise<void> => {
    for await (const _ of splitLines(chunks(2, 12), limit));
  };
  await collect(8);
  await assertRejects(() => collect(7), RangeError, "Cannot send line 4: it is over 7 bytes");
});

test("sanitize: nothing that others send can act on a terminal", () => {
  assertEquals(sanitize(bytesOf("plain text, tab\t, ünïcödé 🙂")), "plain text, tab\t, ünïcödé 🙂");
  assertEquals(
    sanitize(bytesOf("\x1b]0;title\x07\r\n\x00\x7f\x9b31m")),
    "\\x1b]0;title\\x07\\x0d\\x0a\\x00\\x7f\\x9b31m",
  );
  assertEquals(sanitize(bytesOf("a\u202eb\u2028c\ufeffd\u2066e")), "a\\u202eb\\u2028c\\ufeffd\\u2066e");
  assertEquals(sanitize(new Uint8Array([0xff, 0x1b])), "\ufffd\\x1b");
});
