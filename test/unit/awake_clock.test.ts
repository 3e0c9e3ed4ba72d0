/** The clock of deadlines: it stands still while the process is stopped, and goes on in every case. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { AwakeClock, type Clock } from "../../src/reactor/awake_clock.ts";

/** A process that can be stopped, its clock for deadlines. */
function stoppable(): { stop(milliseconds: number): void; pass(milliseconds: number): void; clock: AwakeClock } {
  const adapter = memoryAdapter({ manual: true });
  return {
    clock: new AwakeClock(adapter),
    pass: (milliseconds) => adapter.advance(milliseconds),
    stop(milliseconds) {
      adapter.suspend();
      adapter.advance(milliseconds);
      adapter.resume();
    },
  };
}

test("AwakeClock: while the process runs, a timer is on time", () => {
  const { clock, pass } = stoppable();
  const ran: string[] = [];
  clock.after(10_000, () => ran.push("long"));
  clock.after(30, () => ran.push("short"));
  const cancel = clock.after(40, () => ran.push("cancelled"));
  pass(29);
  assertEquals(ran, []);
  pass(1);
  assertEquals(ran, ["short"]);
  cancel();
  pass(9969);
  assertEquals(ran, ["short"]);
  pass(1);
  assertEquals(ran, ["short", "long"]);
});

test("AwakeClock: an hour in which the process was stopped is not half a second of a deadline", () => {
  const { clock, pass, stop } = stoppable();
  let ran = false;
  clock.after(10_000, () => ran = true);
  pass(1000);
  stop(3_600_000);
  pass(8490);
  assertEquals(ran, false);
  pass(520);
  assertEquals(ran, true);
});

test("AwakeClock: after a stop there is time to look before a timer that is due runs, however short the stop", () => {
  for (const [timeout, before, stopped] of [[1000, 999, 10], [1000, 500, 600], [100, 0, 5000], [40, 39, 60]] as const) {
    const { clock, pass, stop } = stoppable();
    let ran = false;
    clock.after(timeout, () => ran = true);
    pass(before);
    stop(stopped);
    pass(Math.min(stopped, 49));
    assertEquals(ran, false, `${timeout} ms, stopped for ${stopped} after ${before}`);
    pass(1100);
    assertEquals(ran, true);
  }
});

test("AwakeClock: after each of many stops within half a second there is time to look before a timer runs", () => {
  for (const stopped of [700, 5000]) {
    const { clock, pass, stop } = stoppable();
    clock.after(60_000, () => {});
    for (let count = 1; count <= 4; count++) {
      let ran = false;
      const cancel = clock.after(100, () => ran = true);
      pass(50);
      stop(stopped);
      pass(500);
      assertEquals(ran, false, `stop ${count} of ${stopped} ms, the clock shows ${clock.now()}`);
      cancel();
      pass(501);
    }
  }
});

test("AwakeClock: the rest after a stop counts for no deadline", () => {
  const { clock, pass, stop } = stoppable();
  const ran: string[] = [];
  clock.after(1000, () => ran.push("due"));
  clock.after(1500, () => ran.push("not due yet"));
  pass(900);
  stop(3000);
  pass(1000);
  assertEquals(ran, ["due"]);
  pass(500);
  assertEquals(ran, ["due", "not due yet"]);
});

test("AwakeClock: a process that is always late has deadlines, too", () => {
  let now = 0;
  const due: (() => void)[] = [];
  const busy: Clock = { now: () => now, after: (_, run) => (due.push(run), () => due.splice(due.indexOf(run), 1)) };
  let ran = false;
  new AwakeClock(busy).after(10_000, () => ran = true);
  // Whatever is asked for comes two seconds later.
  let rounds = 0;
  for (; !ran && rounds < 100; rounds++) {
    now += 2000;
    for (const run of due.splice(0)) run();
  }
  assertEquals(rounds <= 28, true, `${rounds} rounds`);
});

test("AwakeClock: without timers there is none below it, and a timer that throws stops no other", () => {
  const adapter = memoryAdapter({ manual: true });
  const clock = new AwakeClock(adapter);
  const cancel = clock.after(10_000, () => {});
  cancel();
  assertEquals(adapter.timers, 0);
  clock.after(10, () => {
    throw new Error("a defect");
  });
  let ran = 0;
  clock.after(600, () => clock.after(600, () => ran++));
  for (let count = 0; count < 200; count++) {
    try {
      adapter.advance(10);
    } catch {
      // The runtime would report it.
    }
  }
  assertEquals([ran, adapter.timers], [1, 0]);
});

test("AwakeClock: a stop of long ago, before there were no timers, delays no timer of now", () => {
  let now = 0;
  let due: { at: number; run: () => void }[] = [];
  const clock = new AwakeClock({
    now: () => now,
    after(milliseconds, run) {
      const timer = { at: now + milliseconds, run };
      due.push(timer);
      return () => due = due.filter((each) => each !== timer);
    },
  });
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    for (const timer of due.filter(({ at }) => at <= now)) {
      due = due.filter((each) => each !== timer);
      timer.run();
    }
  };
  const cancel = clock.after(1000, () => {});
  // The process is stopped in the first beat, and the timer is canceled in the second.
  pass(900);
  cancel();
  pass(1000);
  let ran = false;
  clock.after(40, () => ran = true);
  for (let count = 0; count < 6; count++) pass(10);
  assertEquals(ran, true);
});

test("AwakeClock: in a busy process, with deadlines close to one another, none takes three times as long", () => {
  for (const late of [8, 20, 60]) {
    let now = 0;
    const timers = new Set<{ at: number; run: () => void }>();
    const after = (at: number, run: () => void): () => void => {
      const timer = { at, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    };
    // Each timer runs so many milliseconds late.
    const clock = new AwakeClock({
      now: () => now,
      after: (milliseconds, run) => after(now + milliseconds + late, run),
    });
    const took: number[] = [];
    for (let index = 0; index < 300; index++) {
      after(10 * index, () => {
        const set = now;
        clock.after(400, () => took.push(now - set));
      });
    }
    while (timers.size > 0) {
      const next = [...timers].reduce((first, timer) => timer.at < first.at ? timer : first);
      timers.delete(next);
      now = Math.max(now, next.at);
      next.run();
    }
    assertEquals(took.length, 300);
    assert(Math.max(...took) < 1200, `late by ${late}: ${Math.max(...took)} ms`);
  }
});
