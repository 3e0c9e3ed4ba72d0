/**
 * What a listener promises besides the numbered rules.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { nextTick, pause } from "../helpers/wait.ts";
import { type Cases, portOf, refused, settled } from "./cases.ts";

/** Registers the cases. */
export function listeners({ check, checkNetwork, differences, transport }: Cases): void {
  checkNetwork("a port of 0 becomes a real one, another for each listener", async (stage) => {
    const listeners = [await stage.listener(), await stage.listener()];
    const ports = listeners.map(({ address }) => portOf(address));
    for (const port of ports) assert(Number.isInteger(port) && port > 0 && port < 65536, `port ${port}`);
    assert(ports[0] !== ports[1]);
    assertEquals(listeners[0]!.address, transport.address("127.0.0.1", ports[0]!));
    await stage.connect(listeners[1]!.address);
    await listeners[1]!.registry.accepted();
    assertEquals(listeners[0]!.registry.links.length, 0, "came through the wrong listener");
  });

  checkNetwork("[::1] is a host", async (stage) => {
    const listener = await stage.listener("::1");
    const client = await stage.connect(listener.address);
    const server = await listener.registry.accepted();
    assertEquals(client.socket.remoteAddress, `[::1]:${portOf(listener.address)}`);
    if (differences.network) assertMatch(server.socket.remoteAddress, /^\[::1\]:[1-9][0-9]*$/);
    await Promise.all([client.writePattern(1000), server.readPattern(1000)]);
  });

  check("capacity is unknown, or how many connections fit", (stage) => {
    const { capacity } = stage.adapter;
    assert(capacity === undefined || (Number.isInteger(capacity) && capacity > 0), `capacity ${capacity}`);
    return Promise.resolve();
  });

  checkNetwork("localhost is a host", async (stage) => {
    const listener = await stage.listener("localhost");
    const client = await stage.connect(listener.address);
    const server = await listener.registry.accepted();
    await Promise.all([client.writePattern(1000), server.readPattern(1000)]);
  });

  check("a closed listener accepts no connection, and open connections stay", async (stage) => {
    const { listener, server, client } = await stage.pair();
    await Promise.all([listener.listener.close(), listener.listener.close()]);
    await refused(stage, listener.address);
    assertEquals(listener.registry.links.length, 1);
    await Promise.all([client.writePattern(1000), server.readPattern(1000)]);
    await Promise.all([server.writePattern(1000), client.readPattern(1000)]);
  });

  check("nothing is accepted once a listener is closed", async (stage) => {
    for (let again = 0; again < 20; again++) {
      const { address, listener, registry } = await stage.listener();
      const client = stage.recorder();
      // It may have been accepted just before, or not at all.
      await settled(stage.adapter.connect(address, client));
      const closing = listener.close();
      const accepted = registry.links.length;
      await closing;
      await pause(5);
      assertEquals(registry.links.length, accepted, "connections accepted when the listener closed");
    }
  });

  check("where a listener has closed another can be opened", async (stage) => {
    const { address, listener } = await stage.listener();
    await nextTick();
    for (let again = 0, open = listener; again < 3; again++) {
      await open.close();
      const listener = await stage.listenerAt(address);
      assertEquals(listener.address, address);
      await stage.connect(address);
      await listener.registry.accepted();
      open = listener.listener;
    }
  });

  check("500 connects at once are all accepted, and all talk", async (stage) => {
    const { address, registry } = await stage.listener();
    const clients = await stage.connectAll(address, 500);
    await registry.accepted(500);
    for (const links of [clients, registry.links]) await Promise.all(links.map((link) => link.writePattern(100)));
    for (const links of [clients, registry.links]) await Promise.all(links.map((link) => link.readPattern(100)));
    assertEquals(registry.links.length, 500);
    // A thousand handshakes in one process take seconds of processor time over TLS.
  }, 60_000);
}
