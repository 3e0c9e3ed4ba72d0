/** Closing and aborting while doors are being opened: none is left open, and `closed` says so not before it is true. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryAdapter } from "../adapters/memory.ts";
import type { Adapter, Listener } from "../src/adapter.ts";
import { Mob } from "../src/mob.ts";
import { serve } from "../src/serve.ts";

const TIMEOUT = { timeout: 20_000 };

/** Lets everything run that has nothing to wait for. */
async function settle(): Promise<void> {
  for (let round = 0; round < 10; round++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** An adapter whose doors open, and close, when they are told to; and what became of each. */
class SlowDoors {
  readonly adapter: Adapter;
  readonly log: string[] = [];
  #go: (() => void)[] = [];

  constructor() {
    const inner = memoryAdapter();
    const listen = async (...args: Parameters<Adapter["listen"]>): Promise<Listener> => {
      this.log.push("opening");
      await this.#told();
      const door = await inner.listen(...args);
      this.log.push("open");
      const close = async (): Promise<void> => {
        await this.#told();
        await door.close();
        this.log.push("closed");
      };
      return { address: door.address, close };
    };
    this.adapter = { ...inner, listen };
  }

  #told(): Promise<void> {
    return new Promise((resolve) => void this.#go.push(resolve));
  }

  /** Lets what waits go on. */
  async go(): Promise<void> {
    for (const resolve of this.#go.splice(0)) resolve();
    await settle();
  }
}

test("a mob that is closed while a door is being opened has closed when that door is", TIMEOUT, async () => {
  const doors = new SlowDoors();
  const mob = new Mob(doors.adapter);
  const listening = assertRejects(() => mob.listen("tcp://127.0.0.1:0"), Error, "the mob is closed");
  await settle();
  let closed = false;
  void mob.close({ drain: 0 }).then(() => closed = true);
  await settle();
  assertEquals([doors.log, closed], [["opening"], false]);
  await doors.go();
  assertEquals([doors.log, closed], [["opening", "open"], false]);
  await doors.go();
  assertEquals([doors.log, closed], [["opening", "open", "closed"], true]);
  await listening;
  assertEquals(mob.urls, []);
});

test("a mob that is closed while its certificates are being got opens no door", TIMEOUT, async () => {
  const doors = new SlowDoors();
  let got = (_tls: { cert: string; key: string }): void => {};
  const mob = new Mob(doors.adapter, { tls: () => new Promise((resolve) => got = resolve) });
  const listening = assertRejects(() => mob.listen("tls://127.0.0.1:0"), Error, "the mob is closed");
  await settle();
  await mob.close({ drain: 0 });
  got({ cert: "", key: "" });
  await listening;
  assertEquals(doors.log, []);
});

test(
  "serve that is aborted while a door is being opened opens no more, and has closed them all when it rejects",
  TIMEOUT,
  async () => {
    const doors = new SlowDoors();
    const stop = new AbortController();
    let rejected = false;
    const listen = ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://127.0.0.1:0"];
    const serving = serve({ adapter: doors.adapter, listen, signal: stop.signal }).catch((error) => {
      rejected = true;
      return error;
    });
    await settle();
    await doors.go();
    stop.abort(new Error("enough"));
    await doors.go();
    assertEquals([doors.log, rejected], [["opening", "open", "opening", "open"], false]);
    await doors.go();
    assertEquals([doors.log.filter((line) => line === "closed").length, rejected], [2, true]);
    assertEquals(((await serving) as Error).message, "enough");
  },
);

test("a door that cannot be closed does not keep a mob from having closed", TIMEOUT, async () => {
  const inner = memoryAdapter();
  const listen = async (...args: Parameters<Adapter["listen"]>): Promise<Listener> => ({
    ...await inner.listen(...args),
    close: () => Promise.reject(new Error("it is stuck")),
  });
  const mob = new Mob({ ...inner, listen });
  await mob.listen("tcp://127.0.0.1:0");
  await mob.close();
});

test(
  "an address is free when a mob has closed that was closed while opening it, on this runtime",
  TIMEOUT,
  async () => {
    const first = await serve({ listen: "tcp://127.0.0.1:0" });
    const url = first.urls[0]!;
    await first.close({ drain: 0 });
    for (let round = 0; round < 5; round++) {
      const mob = await serve({ listen: [] });
      const listening = mob.listen(url).then(() => "open", () => "refused");
      await mob.close({ drain: 0 });
      const next = await serve({ listen: url });
      await next.close({ drain: 0 });
      assert(await listening === "refused");
      const stop = new AbortController();
      const serving = assertRejects(() => serve({ listen: url, signal: stop.signal }));
      stop.abort();
      await serving;
      await (await serve({ listen: url })).close({ drain: 0 });
    }
  },
);
