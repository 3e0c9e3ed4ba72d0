/**
 * The conformance suite on the memory adapter, well behaved and with faults drawn from a few seeds, and what only this
 * adapter promises: seeds that repeat, and a clock that stands still.
 *
 * @module
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { type Link, Recorder } from "../helpers/recording_registry.ts";
import { Stage } from "../helpers/stage.ts";
import { Bell, pause } from "../helpers/wait.ts";
import { overTls, overUnix } from "../helpers/transports.ts";
import { framings } from "./framings.ts";
import { conformance, type Differences } from "./suite.ts";

/** A pipe holds 256 KiB, and has no inbox besides. What happens happens at once. */
const DIFFERENCES: Differences = { network: false, inbox: 256 * 1024, quiet: 5, closed: "a reset" };

conformance({ name: "memory", adapter: () => memoryAdapter(), differences: DIFFERENCES });

for (const transport of [await overTls(), overUnix()]) {
  const name = `memory, ${transport.name}`;
  conformance({ name, adapter: () => memoryAdapter(), transport, differences: DIFFERENCES });
}

for (const seed of [1, 2, 3]) {
  conformance({ name: `memory, seed ${seed}`, adapter: () => memoryAdapter({ seed }), differences: DIFFERENCES });
}

framings("memory", () => memoryAdapter());
framings("memory, seed 4", () => memoryAdapter({ seed: 4 }));

/** How many bytes each of a hundred writes took, and each read until none was left got. */
async function run(seed: number): Promise<number[]> {
  const stage = new Stage(memoryAdapter({ seed }));
  const { server, client } = await stage.pair();
  const counts: number[] = [];
  const count = (link: Link, step: () => unknown): void => {
    const before = link.sent + link.received;
    step();
    counts.push(link.sent + link.received - before);
  };
  for (let index = 0; index < 100; index++) count(client, () => client.write(1000));
  while (server.received < client.sent) {
    count(server, () => server.received += server.socket.read()?.length ?? 0);
  }
  await stage.end();
  return counts;
}

test("memory: the same seed cuts reads and writes in the same places", { timeout: 20_000 }, async () => {
  const first = await run(7);
  assertEquals(await run(7), first);
  assert(String(await run(8)) !== String(first), "two seeds cut in the same places");
  assert(new Set(first).size > 10, `few different cuts: ${first}`);
});

test(
  "memory: manual ticks and timers run when they are driven, in the order of time",
  { timeout: 20_000 },
  async () => {
    const adapter = memoryAdapter({ manual: true });
    const ran: string[] = [];
    adapter.defer(() => {
      ran.push("tick");
      adapter.defer(() => ran.push("tick of a tick"));
    });
    for (const milliseconds of [30, 10, 20]) {
      adapter.after(milliseconds, () => {
        ran.push(`${milliseconds} at ${adapter.now()}`);
        adapter.defer(() => ran.push(`tick at ${adapter.now()}`));
      });
    }
    const cancel = adapter.after(15, () => ran.push("cancelled"));
    await pause(50);
    assertEquals([ran, adapter.now(), adapter.timers], [[], 0, 4]);
    assertEquals(adapter.run(), 2);
    assertEquals(ran.splice(0), ["tick", "tick of a tick"]);
    cancel();
    adapter.advance(20);
    assertEquals(ran.splice(0), ["10 at 10", "tick at 10", "20 at 20", "tick at 20"]);
    assertEquals([adapter.now(), adapter.timers], [20, 1]);
    adapter.advance(100);
    assertEquals(ran, ["30 at 30", "tick at 30"]);
    assertEquals([adapter.now(), adapter.timers], [120, 0]);
  },
);

test("memory: a handshake succeeds, fails, or hangs until its deadline, and is reported once", async () => {
  const fates = [undefined, "fails", "hangs", "hangs"] as const;
  let next = 0;
  const adapter = memoryAdapter({ manual: true, faults: { handshake: () => fates[next++] } });
  const registry = new Recorder(new Bell());
  const address = { transport: "tls", host: "127.0.0.1", port: 1 } as const;
  const listener = await adapter.listen(address, registry, { tls: { cert: "", key: "" } });
  const clients = new Recorder(new Bell());
  const counts =
    (): number[] => [registry.startedHandshakes.length, registry.links.length, registry.failedHandshakes.length];
  for (const expected of [[1, 1, 0], [2, 1, 1], [3, 1, 1]]) {
    await adapter.connect(address, clients);
    assertEquals(counts(), expected);
  }
  adapter.advance(9_999);
  assertEquals(counts(), [3, 1, 1]);
  adapter.advance(1);
  assertEquals(counts(), [3, 1, 2]);
  await adapter.connect(address, clients);
  await listener.close();
  assertEquals([counts(), adapter.timers], [[4, 1, 3], 0]);
  const reported = registry.failedHandshakes.map(({ error }) => (error as { code?: string }).code);
  assertEquals(reported, ["ERR_SSL_BAD_CERTIFICATE", "ETIMEDOUT", "ECONNABORTED"]);
  // The failed clients see the end; the accepted client does not.
  assertEquals(clients.links.map(({ socket }) => socket.read()), [undefined, null, null, null]);
});

test("memory: a client that handshakeStarted refuses is closed, and neither accepted nor reported", async () => {
  const adapter = memoryAdapter({ manual: true });
  const registry = new Recorder(new Bell());
  registry.barring = true;
  const address = { transport: "tls", host: "127.0.0.1", port: 1 } as const;
  await adapter.listen(address, registry, { tls: { cert: "", key: "" } });
  const clients = new Recorder(new Bell());
  await adapter.connect(address, clients);
  assertEquals([registry.startedHandshakes.length, registry.links.length, registry.failedHandshakes.length], [1, 0, 0]);
  assertEquals(clients.links[0]!.socket.read(), null);
});
