/** What a client has sent is let go of: the memory of a client does not grow with its life. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { onBun } from "../../adapters/shared/which.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { SocketClient } from "../../src/client/socket_client.ts";
import type { Socket } from "../../src/contract/adapter.ts";

/** Collects garbage, and lets weak references look again. */
async function collectGarbage(): Promise<void> {
  const { Bun: bun } = globalThis as { Bun?: { gc(force: boolean): void } };
  await new Promise<void>((resolve) => void setImmediate(resolve));
  if (bun !== undefined) return bun.gc(true);
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

test("a client lets go of what its socket has taken", async () => {
  const adapter = memoryAdapter({ manual: true });
  const client = new SocketClient(adapter, "the mob");
  const buffers: WeakRef<ArrayBufferLike>[] = [];
  const socket: Socket = {
    remoteAddress: "test:1",
    error: undefined,
    read: () => undefined,
    write(bytes) {
      if (buffers.at(-1)?.deref() !== bytes.buffer) buffers.push(new WeakRef(bytes.buffer));
      return bytes.length;
    },
    shutdown: () => {},
    close: () => {},
  };
  client.registry.accept(socket);
  for (let count = 0; count < 100; count++) {
    await client.send(new Uint8Array(100_000));
    adapter.run();
  }
  assertGreater(buffers.length, 10);
  let held = Infinity;
  for (let round = 0; round < 10 && held > 0; round++) {
    await collectGarbage();
    held = buffers.filter((buffer) => buffer.deref() !== undefined).length;
  }
  // On Bun a number on the stack that looks like the address of one keeps it.
  assertLess(held, onBun ? 2 : 1);
  assertEquals(client.state, "open");
});
