/** The delay of the event loop, on a clock that is moved by hand. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { LoopDelay } from "../../src/status/loop_delay.ts";

function clockByHand() {
  let now = 1000;
  const timers = new Map<object, { at: number; run: () => void }>();
  return {
    now: () => now,
    after(milliseconds: number, run: () => void) {
      const key = {};
      timers.set(key, { at: now + milliseconds, run });
      return () => void timers.delete(key);
    },
    /** The process is busy until then, and runs its timers afterwards. */
    pass(milliseconds: number) {
      now += milliseconds;
      for (const [key, { at, run }] of [...timers]) if (at <= now && timers.delete(key)) run();
    },
    timers,
  };
}

test("a timer in time counts as no delay, a late one as what it is late", () => {
  const clock = clockByHand();
  const delay = new LoopDelay(clock);
  clock.pass(500);
  assertEquals(delay.histogram.count, 0);
  delay.start();
  delay.start();
  clock.pass(100);
  clock.pass(340);
  const { bounds, counts, count, sum } = delay.histogram;
  assertEquals([count, sum], [2, 240]);
  assertEquals(counts[bounds.indexOf(0.05)], 1);
  assertEquals(counts[bounds.indexOf(250)], 1);
  assertEquals(clock.timers.size, 1);
  delay.stop();
  delay.stop();
  assertEquals(clock.timers.size, 0);
});
