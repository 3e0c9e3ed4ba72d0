import { test } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { splitmix32 } from "../../adapters/memory.ts";
import { type LogRange, LogRanges } from "../../src/broadcast/log_ranges.ts";

test("LogRanges gives out the ranges that were added, those that touch as one, whatever their size", () => {
  const random = splitmix32(11);
  for (let run = 0; run < 20; run++) {
    const ranges = new LogRanges();
    const model: LogRange[] = [];
    // Up to the 2^53 bytes that a log can have.
    const size = [2, 100, 1000, 2 ** 20, 2 ** 33, 2 ** 44][run % 6]!;
    let end = 0;
    for (let step = 0; step < 300; step++) {
      if (random() < 0.6) {
        const from = end + (random() < 0.3 ? 0 : 1 + Math.floor(random() * size));
        end = from + 1 + Math.floor(random() * size);
        const frames = 1 + Math.floor(random() * 300);
        ranges.add(from, end, frames);
        const last = model.at(-1);
        if (last?.to === from) {
          last.to = end;
          last.frames += frames;
        } else model.push({ from, to: end, frames });
      } else if (model.length > 0) {
        model.shift();
        ranges.shift();
      }
      assertEquals(ranges.first, model[0]);
    }
    for (; model.length > 0; model.shift(), ranges.shift()) assertEquals(ranges.first, model[0]);
    assertEquals([ranges.first, ranges.retainedBytes], [undefined, 64]);
  }
});

test("LogRanges: a hundred thousand frames of a byte with others between them cost less than they do in the log", () => {
  const ranges = new LogRanges();
  for (let at = 0; at < 100_000; at++) ranges.add(18 * at, 18 * at + 9, 1);
  assertLess(ranges.retainedBytes, 9 * 100_000);
});
