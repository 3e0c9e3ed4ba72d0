/** Certificates that are got again: each listener gets its own, all of them or none. */

import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import type { Adapter } from "../../src/contract/adapter.ts";
import { Mob } from "../../src/server/mob.ts";

test("a reload asks each source once, and gives every TLS listener its own certificates, or none any", async () => {
  const inner = memoryAdapter();
  /** What each listener shows, in the order in which they opened. */
  const shown: string[] = [];
  const adapter: Adapter = {
    ...inner,
    listen: async (address, registry, options) => {
      const index = shown.push(options?.tls?.cert ?? "none") - 1;
      const reload = (tls: { cert: string }): Promise<void> => Promise.resolve(void (shown[index] = tls.cert));
      return { ...await inner.listen(address, registry, options), ...(options?.tls && { reload }) };
    },
  };
  let asked = 0;
  const shared = () => ({ cert: `shared ${asked++}`, key: "" });
  let own = "own 0";
  const mob = new Mob(adapter, { tls: shared });
  await mob.listen("tls://127.0.0.1:0");
  await mob.listen("tls://127.0.0.1:0", {
    tls: () => {
      if (own === "") throw new Error("it cannot be read");
      return { cert: own, key: "" };
    },
  });
  await mob.listen("tcp://127.0.0.1:0");
  await mob.listen("tls://127.0.0.1:0");
  assertEquals([shown, asked], [["shared 0", "own 0", "none", "shared 1"], 2]);
  own = "own 1";
  await mob.reload();
  assertEquals([shown, asked], [["shared 2", "own 1", "none", "shared 2"], 3]);
  own = "";
  await assertRejects(() => mob.reload(), Error, "Cannot reload the certificates: it cannot be read");
  assertEquals(shown, ["shared 2", "own 1", "none", "shared 2"]);
  await mob.close({ drain: 0 });
  await mob.reload();
  assertEquals([shown, asked], [["shared 2", "own 1", "none", "shared 2"], 4]);
});
