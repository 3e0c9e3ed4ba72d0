/**
 * A test of an application on the memory adapter: a network inside the process, and a clock driven by hand. A client that
 * takes nothing is removed after thirty seconds, which the test does not wait for.
 *
 * In a clone: `deno test examples/slow_client.test.ts`, `bun test examples/slow_client.test.ts`, or after `npm install`:
 * `node --test examples/slow_client.test.ts` (Node 22.18 and later; before: `node --import tsx --test ...`).
 * In your own project: copy this file, `npm install mobcast`, and run it the same way (Node 20: `npm install tsx` as well;
 * Deno: `npm install @types/node` as well, or `--no-check`).
 */

import { strictEqual } from "node:assert";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { connect, serve } from "mobcast";
import { type MemoryAdapter, memoryAdapter } from "mobcast/memory";

/** Runs all that can run now, promises included. */
async function settle(network: MemoryAdapter): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve)); while (network.run() > 0);
}

test("a client that takes nothing is removed after thirty seconds, and the others receive everything", async () => {
  const network = memoryAdapter({ manual: true });
  const left: string[] = [];
  const mob = await serve({
    adapter: network,
    listen: "tcp://127.0.0.1:8000",
    stallTimeout: 30_000,
    onLeave: ({ reason }) => left.push(reason),
  });
  const stuck = await connect("tcp://127.0.0.1:8000", { adapter: network });
  const reader = await connect("tcp://127.0.0.1:8000", { adapter: network });
  let received = 0;
  const reading = (async () => {
    for await (const message of reader) received += message.length;
  })();

  // More than a client and the network hold, and less than maxLag.
  for (let sent = 0; sent < 64; sent++) {
    mob.publish(new Uint8Array(2 ** 16));
    await settle(network);
  }
  strictEqual(received, 2 ** 22);

  network.advance(29_000);
  await settle(network);
  strictEqual(left.join(), "");
  network.advance(2_000);
  await settle(network);
  strictEqual(left.join(), "stalled");
  strictEqual((await stuck.closed).reason, "lagged");

  void mob.close();
  await settle(network);
  await reading;
  strictEqual((await reader.closed).reason, "ended");
});
