/** Several listeners at one port: what can share one, and what refuses by name. */

import { test } from "node:test";
import { connect } from "node:net";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { whyNotShared } from "../../adapters/shared/share_port.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import type { Registry } from "../../src/contract/adapter.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { rejection, within } from "../helpers/wait.ts";

/** Refuses every connection, and counts it. */
class Counter implements Registry {
  count = 0;

  accept(): undefined {
    this.count++;
  }

  ready(): void {}

  acceptFailed(): Promise<void> {
    return Promise.resolve();
  }
}

test("a port is shared by Bun, by Node from 22.12 on, and by Deno with its flag", () => {
  const on = (node: string | undefined, flag?: boolean) => whyNotShared({ system: "linux", node, flag });
  for (const version of ["22.12.0", "22.23.3", "23.1.0", "24.0.0", "100.0.1"]) assertEquals(on(version), undefined);
  for (const version of ["20.20.2", "22.11.9", "23.0.0", "9.9.9"]) {
    assertEquals(on(version), `Node ${version} cannot share a port, use Node 22.12 or later, or Bun`);
  }
  assertEquals([on(undefined), on(undefined, true)], [undefined, undefined]);
  assertEquals(on(undefined, false), "Deno shares a port only with --unstable-net");
  assertMatch(whyNotShared({ system: "darwin", node: "24.0.0", flag: undefined })!, /on Linux alone$/);
});

test("a Unix socket and a memory adapter refuse it by name", async () => {
  const adapter = await runtimeAdapter();
  const unix = adapter.listen({ transport: "unix", path: "/tmp/never.sock" }, new Counter(), {
    sharePort: "open",
  });
  assertEquals(
    (await rejection(unix, "a Unix socket")).message,
    "a Unix socket cannot be shared between threads, use a port",
  );
  const address: NetworkAddress = { transport: "tcp", host: "127.0.0.1", port: 0 };
  const inMemory = memoryAdapter().listen(address, new Counter(), { sharePort: "open" });
  assertEquals((await rejection(inMemory, "memory")).message, "a memory adapter is in one thread");
});

for (const transport of ["tcp", "tls"] as const) {
  test(`${transport}: listeners share a port, another server is kept out, or the runtime says what it needs`, async () => {
    const adapter = await runtimeAdapter();
    const tls = transport === "tls" ? await (await makeAuthority("the test's authority")).issue() : undefined;
    const listen = (port: number, sharePort?: "open" | "join") => {
      const address: NetworkAddress = { transport, host: "127.0.0.1", port };
      const registry = new Counter();
      return adapter.listen(address, registry, { tls, sharePort }).then((listener) => ({ listener, registry }));
    };
    const why = whyNotShared();
    if (why !== undefined) {
      assertEquals((await rejection(listen(0, "open"), "sharing")).message, why);
      return;
    }
    const first = await listen(0, "open");
    const { port } = first.listener.address as NetworkAddress;
    const second = await listen(port, "join");
    const both = [first, second];
    try {
      assertEquals((await rejection(listen(port, "open"), "a second server that shares")).code, "EADDRINUSE");
      assertEquals((await rejection(listen(port), "a second server")).code, "EADDRINUSE");
      if (transport === "tls") return;
      const counts = () => both.map(({ registry }) => registry.count);
      for (let count = 0; count < 64; count++) {
        const socket = connect(port, "127.0.0.1");
        await within(
          new Promise((resolve, reject) => socket.on("connect", resolve).on("error", reject)),
          "a connection",
        );
        socket.on("error", () => {}).destroy();
      }
      await within(
        (async () => {
          while (counts()[0]! + counts()[1]! < 64) await new Promise((resolve) => setTimeout(resolve, 1));
        })(),
        "64 connections",
      );
      assert(counts().every((count) => count >= 10), `connections ${counts()}`);
    } finally {
      for (const { listener } of both) await listener.close();
    }
    const again = await listen(port, "open");
    await again.listener.close();
  });
}
