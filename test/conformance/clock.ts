/**
 * What the clock of an adapter promises.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { pause } from "../helpers/wait.ts";
import type { Cases } from "./cases.ts";

/** Registers the cases. */
export function clock({ check }: Cases): void {
  check("the clock never goes back, and counts milliseconds", async (stage) => {
    const { adapter } = stage;
    let last = adapter.now();
    for (let again = 0; again < 10_000; again++) {
      const now = adapter.now();
      assertLessOrEqual(last, now);
      last = now;
    }
    const started = performance.now();
    await pause(50);
    const passed = performance.now() - started;
    assert(Math.abs(adapter.now() - last - passed) < 20, `${adapter.now() - last} ms in ${passed} ms`);
  });

  check("after runs once, later, not too early, and in the order of time", async (stage) => {
    const { adapter, bell } = stage;
    const run = async (): Promise<number[]> => {
      const ran: number[] = [];
      const started = adapter.now();
      for (const milliseconds of [60, 0, 20, 40]) {
        adapter.after(milliseconds, () => {
          // Timers count whole milliseconds, and some runtimes round them down.
          assertLessOrEqual(milliseconds - 2, adapter.now() - started);
          ran.push(milliseconds);
          bell.ring();
        });
      }
      assertEquals(ran, [], "ran inside the call of after");
      await bell.until(() => ran.length >= 4, "four timers");
      await pause(80);
      assertEquals(ran.toSorted(), [0, 20, 40, 60]);
      return ran;
    };
    // When the loop was held up until all are due, Bun runs them in the order in which they were set.
    const inOrder = async (): Promise<boolean> => (await run()).join() === "0,20,40,60";
    assert(await inOrder() || await inOrder() || await inOrder(), "never in the order of time");
  });

  check("after runs nothing that was cancelled, and takes the longest time there is", async (stage) => {
    const { adapter, bell } = stage;
    let ran = 0;
    const run = (): void => {
      ran++;
      bell.ring();
    };
    const cancels = [adapter.after(0, run), adapter.after(20, run), adapter.after(2 ** 31 - 1, run)];
    cancels[0]!();
    cancels[1]!();
    cancels[1]!();
    await pause(60);
    assertEquals(ran, 0);
    cancels[2]!();
    const cancel = adapter.after(0, run);
    await bell.until(() => ran === 1, "the timer");
    cancel();
    await pause(20);
    assertEquals(ran, 1);
  });
}
