/** Closing and aborting while listeners are being opened: none is left open, and `closed` resolves only when that is true. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import type { Adapter, ListeningSocket } from "../../src/contract/adapter.ts";
import { Mob } from "../../src/server/mob.ts";
import { serve } from "../../mod.ts";
import { freeUrl } from "../helpers/free_port.ts";

const TIMEOUT = { timeout: 20_000 };

/** Lets everything run that has nothing to wait for. */
async function settle(): Promise<void> {
  for (let round = 0; round < 10; round++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** An adapter whose listeners open, and close, when the test lets them, and the state of each. */
class SlowListeners {
  readonly adapter: Adapter;
  readonly log: string[] = [];
  #go: (() => void)[] = [];

  constructor() {
    const inner = memoryAdapter();
    const listen = async (...args: Parameters<Adapter["listen"]>): Promise<ListeningSocket> => {
      this.log.push("opening");
      await this.#allowed();
      const listener = await inner.listen(...args);
      this.log.push("open");
      const close = async (): Promise<void> => {
        await this.#allowed();
        await listener.close();
        this.log.push("closed");
      };
      return { address: listener.address, close };
    };
    this.adapter = { ...inner, listen };
  }

  #allowed(): Promise<void> {
    return new Promise((resolve) => void this.#go.push(resolve));
  }

  /** Lets what waits go on. */
  async go(): Promise<void> {
    for (const resolve of this.#go.splice(0)) resolve();
    await settle();
  }
}

test("a mob that is closed while a listener is being opened has closed when that listener is", TIMEOUT, async () => {
  const listeners = new SlowListeners();
  const mob = new Mob(listeners.adapter);
  const listening = assertRejects(() => mob.listen("tcp://127.0.0.1:0"), Error, "the mob is closed");
  await settle();
  let closed = false;
  void mob.close({ drain: 0 }).then(() => closed = true);
  await settle();
  assertEquals([listeners.log, closed], [["opening"], false]);
  await listeners.go();
  assertEquals([listeners.log, closed], [["opening", "open"], false]);
  await listeners.go();
  assertEquals([listeners.log, closed], [["opening", "open", "closed"], true]);
  await listening;
  assertEquals(mob.urls, []);
});

test("a mob that is closed while its certificates are being got opens no listener", TIMEOUT, async () => {
  const listeners = new SlowListeners();
  let got = (_tls: { cert: string; key: string }): void => {};
  let asked = (): void => {};
  const asking = new Promise<void>((resolve) => asked = resolve);
  const tls = (): Promise<{ cert: string; key: string }> => {
    asked();
    return new Promise((resolve) => got = resolve);
  };
  const mob = new Mob(listeners.adapter, { tls });
  const listening = assertRejects(() => mob.listen("tls://127.0.0.1:0"), Error, "the mob is closed");
  await asking;
  await mob.close({ drain: 0 });
  got({ cert: "", key: "" });
  await listening;
  assertEquals(listeners.log, []);
});

test(
  "serve that is aborted while a listener is being opened opens no more, and has closed them all when it rejects",
  TIMEOUT,
  async () => {
    const listeners = new SlowListeners();
    const stop = new AbortController();
    let rejected = false;
    const listen = ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://127.0.0.1:0"];
    const serving = serve({ adapter: listeners.adapter, listen, signal: stop.signal }).catch((error) => {
      rejected = true;
      return error;
    });
    await settle();
    await listeners.go();
    stop.abort(new Error("enough"));
    await listeners.go();
    assertEquals([listeners.log, rejected], [["opening", "open", "opening", "open"], false]);
    await listeners.go();
    assertEquals([listeners.log.filter((line) => line === "closed").length, rejected], [2, true]);
    assertEquals(((await serving) as Error).message, "enough");
  },
);

test("a listener that cannot be closed does not keep a mob from having closed", TIMEOUT, async () => {
  const inner = memoryAdapter();
  const listen = async (...args: Parameters<Adapter["listen"]>): Promise<ListeningSocket> => ({
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
    const url = await freeUrl();
    for (let round = 0; round < 5; round++) {
      const mob = await serve({ listen: [] });
      const listening = mob.listen(url).then(() => "open", () => "refused");
      await mob.close({ drain: 0 });
      const next = await serve({ listen: url });
      await next.close({ drain: 0 });
      assert(await listening === "refused");
      const stop = new AbortController();
      const serving = assertRejects(() => serve({ listen: url, signal: stop.signal }), Error);
      stop.abort();
      await serving;
      await (await serve({ listen: url })).close({ drain: 0 });
    }
  },
);
