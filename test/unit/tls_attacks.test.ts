/** Listeners over TLS, on the runtime at hand: what garbage, silence and clients that leave cost. */

import { connect as netConnect, createServer, type Socket as NetSocket } from "node:net";
import process from "node:process";
import { connect as tlsConnect } from "node:tls";
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { serve } from "../../mod.ts";
import { Recorder } from "../helpers/recording_registry.ts";
import { asked, Bell, pause, within } from "../helpers/wait.ts";
import { adapter, ANYWHERE, ca, case_, closed, plain, server, withListener } from "../helpers/tls_listener.ts";

case_("100 connections of garbage and 500 handshakes that never end cost nothing that lasts", async () => {
  await withListener(server, { handshakeTimeout: 3000 }, async ({ registry, listener, port }) => {
    const mine = new Recorder(new Bell());
    await adapter.connect(listener.address, mine, { tls: { ca } });
    const [there, here] = [await registry.accepted(), mine.links[0]!];
    const before = process.memoryUsage().rss;
    const sockets: NetSocket[] = [];
    for (let index = 0; index < 600; index++) {
      const socket = await plain(port);
      socket.on("error", () => {});
      // The first bytes of a ClientHello, or of anything else.
      socket.write(index < 100 ? new Uint8Array(1000).fill(index) : new Uint8Array([0x16, 3, 1, 2, 0]));
      sockets.push(socket);
    }
    // Meanwhile the open connections do not notice.
    const started = performance.now();
    await Promise.all([here.writePattern(1_000_000), there.readPattern(1_000_000)]);
    assertLess(performance.now() - started, 2000, "ms for a megabyte");
    await Promise.all(sockets.map(closed));
    await registry.failed(600);
    await pause(100);
    assertEquals([registry.failedHandshakes.length, registry.links.length], [600, 1]);
    assertEquals(new Set(registry.failedHandshakes.map(({ client }) => client)).size, 600);
    assertLessOrEqual(process.memoryUsage().rss - before, 100 * 2 ** 20, "bytes more");
    here.close();
  });
});

case_("a handshake in pieces of one byte succeeds", async () => {
  await withListener(server, {}, async ({ registry, port }) => {
    const relay = createServer({ noDelay: true }, (from) => {
      const to = netConnect({ host: "127.0.0.1", port, noDelay: true });
      to.on("error", () => {}).on("data", (chunk) => from.write(chunk)).on("close", () => from.destroy());
      from.on("error", () => {}).on("close", () => to.destroy());
      let pieces: Promise<void> = Promise.resolve();
      from.on("data", (chunk: Uint8Array) => {
        pieces = pieces.then(async () => {
          for (const byte of chunk) {
            to.write(new Uint8Array([byte]));
            await pause(0);
          }
        });
      });
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", () => resolve()));
    const mine = new Recorder(new Bell());
    const address = { ...ANYWHERE, port: (relay.address() as { port: number }).port };
    await within(adapter.connect(address, mine, { tls: { ca } }), "connect", 20_000);
    const [there, here] = [await registry.accepted(), mine.links[0]!];
    await Promise.all([here.writePattern(100), there.readPattern(100)]);
    here.close();
    relay.close();
  });
});

case_("a client that stops after 5 bytes is closed at the deadline, and counted", async () => {
  await withListener(server, { handshakeTimeout: 500 }, async ({ registry, port }) => {
    const socket = await plain(port);
    socket.on("error", () => {});
    const started = performance.now();
    socket.write(new Uint8Array([0x16, 3, 1, 2, 0]));
    await within(closed(socket), "the end of it");
    const took = performance.now() - started;
    assert(took > 450 && took < 7000, `${took} ms`);
    await registry.failed(1);
    assertEquals((registry.failedHandshakes[0]!.error as { code?: string }).code, "ETIMEDOUT");
  });
});

case_("a handshake that is under way while the process is stopped for longer is done when it goes on", async () => {
  await withListener(server, { handshakeTimeout: 300 }, async ({ registry, port }) => {
    const socket = tlsConnect({ port, host: "127.0.0.1", ca, checkServerIdentity: () => undefined });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));
    // The listener has taken the connection, at the latest, when a few timers have passed.
    await pause(1);
    const until = performance.now() + 800;
    while (performance.now() < until);
    await within(registry.accepted(), "the end of the handshake");
    assertEquals(registry.failedHandshakes, []);
    socket.destroy();
  });
});

case_("a client that leaves during the handshake is counted", async () => {
  await withListener(server, {}, async ({ registry, port }) => {
    const socket = await plain(port);
    socket.on("error", () => {});
    socket.write(new Uint8Array([0x16, 3, 1, 2, 0]));
    await pause(50);
    socket.destroy();
    await registry.failed(1);
    assertEquals([registry.failedHandshakes.length, registry.links.length], [1, 0]);
  });
});

case_("a listener that closes ends the handshakes that are on their way", async () => {
  await withListener(server, {}, async ({ registry, listener, port }) => {
    const socket = await plain(port);
    socket.on("error", () => {});
    await pause(50);
    await listener.close();
    await within(closed(socket), "the end of it");
    assertEquals(registry.failedHandshakes.length, 1);
  });
});

case_("an end without close_notify inside a frame is reported as truncated, or as a reset", async () => {
  const reasons: string[] = [];
  await using mob = await serve({
    listen: "tls://127.0.0.1:0",
    tls: server,
    onLeave: ({ reason }) => reasons.push(reason),
  });
  const below = await plain(Number(mob.urls[0]!.split(":").at(-1)));
  const socket = tlsConnect({ socket: below, ca, servername: "localhost" });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("secureConnect", () => resolve()));
  // The header of a frame of 100 bytes, and 3 of them.
  socket.write(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 100, 1, 2, 3]));
  await pause(100);
  below.destroy();
  await asked(() => reasons.length, (count) => count > 0);
  assert(["truncated", "reset"].includes(reasons.join()), `left: ${reasons}`);
});
