/** The rests of a listener on Deno: a storm is accepted at once, a stream without an end lets others come to be served. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { restsInStream } from "../../adapters/shared/accept_rests.ts";

test("4,096 connections are accepted without a rest, and then 32 at a time, until none has come for a second", async () => {
  let time = 0;
  const rest = restsInStream(() => time);
  const rests: number[] = [];
  const waits: Promise<void>[] = [];
  const accept = (from: number, to: number): void => {
    for (let count = from; count <= to; count++) {
      const wait = rest();
      if (wait === undefined) continue;
      rests.push(count);
      waits.push(wait);
    }
  };
  accept(1, 4096 + 100);
  assertEquals(rests, [4128, 4160, 4192]);
  time += 900;
  accept(4197, 4224);
  assertEquals(rests.length, 4, "a second has not passed");
  time += 1001;
  accept(1, 4000);
  assertEquals(rests.length, 4, "another storm");
  assert(waits.length === 4);
  await Promise.all(waits);
});
