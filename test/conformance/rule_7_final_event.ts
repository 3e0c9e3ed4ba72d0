/**
 * Rule 7: one final event.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { ERROR } from "../../src/contract/adapter.ts";
import { assertNoMoreDescriptors, descriptors, MOMENTS } from "../helpers/descriptors.ts";
import type { Link } from "../helpers/recording_registry.ts";
import { pause } from "../helpers/wait.ts";
import { type Cases, LONG, MIB, READABLE_OR_END } from "./cases.ts";

/** Registers the cases. */
export function rule7({ assertOneFinal, check, checkRaw, checkReset, differences, fill, quiet }: Cases): void {
  check("rule 7: one HUP when the client ends first and then we do", async (stage) => {
    const { server, client } = await stage.pair();
    await client.writePattern(1000);
    client.socket.shutdown();
    assertEquals(await server.readToEnd(), 1000);
    await server.writePattern(1000);
    server.socket.shutdown();
    assertEquals(await client.readToEnd(), 1000);
    await assertOneFinal(server, client);
  });

  check("rule 7: one HUP when both ends end at once", async (stage) => {
    const { server, client } = await stage.pair();
    server.socket.shutdown();
    client.socket.shutdown();
    assertEquals([await server.readToEnd(), await client.readToEnd()], [0, 0]);
    await assertOneFinal(server, client);
  });

  check("rule 7: one final event at each end when one drops the connection", async (stage) => {
    const { server, client } = await stage.pair();
    await Promise.all([client.writePattern(1000), server.readPattern(1000)]);
    client.close();
    await server.readToEnd();
    if (differences.closed === "a reset") await server.final();
    // An end only: HUP needs ours too.
    server.socket.shutdown();
    await assertOneFinal(server);
  });

  checkReset("rule 7: one final event after a reset, with an error or like an end", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.reset();
    if (differences.reset === "an end") {
      await server.readToEnd();
      server.socket.shutdown();
    }
    await assertOneFinal(server);
    assertEquals(await server.readToEnd(), 0);
    assertEquals(server.count(ERROR) === 1, server.socket.error instanceof Error, "ERROR, and socket.error");
  });

  checkReset("rule 7: one final event after a reset behind unread bytes", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.write(0, LONG);
    await server.toldTimes(1, READABLE_OR_END);
    await pause(50);
    client.reset();
    await pause(50);
    // With a full inbox an adapter may learn of it only now. To Node 20 it looks like an end
    // (https://github.com/libuv/libuv/pull/4997), and what is done at an end brings the final event.
    await server.readToEnd();
    server.socket.shutdown();
    await assertOneFinal(server);
  });

  checkReset("rule 7: one final event when the client goes while we write", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.listen();
    const writing = server.writePattern(1024 * MIB);
    await client.got(MIB);
    client.reset();
    await writing;
    await assertOneFinal(server);
  });

  check("rule 7: no event is reported after close, which may be called twice", async (stage) => {
    const { server, client } = await stage.pair();
    await fill(server);
    client.write(1000);
    // The stage counts every event that is reported from here on.
    server.close();
    server.close();
    client.socket.shutdown();
    await client.readToEnd();
    await quiet();
    assertEquals(server.socket.read() ?? null, null);
  });

  checkRaw("rule 7: no event is reported for a socket closed in the tick in which it became ready", async (stage) => {
    const listener = await stage.listener();
    const clients = [await stage.raw(listener.address), await stage.raw(listener.address)];
    await listener.registry.accepted(2);
    // The first that is ready closes the other, in the tick that both belong to.
    let survivor: Link | undefined;
    listener.registry.onReady = (link) => {
      if (survivor !== undefined) return;
      survivor = link;
      stage.adapter.defer(() => {
        for (const other of listener.registry.links) if (other !== survivor) other.close();
      });
    };
    for (const client of clients) client.write(0, 1000);
    await stage.bell.until(() => survivor !== undefined, "one to be ready");
    await quiet();
    await survivor!.readPattern(1000);
  });

  checkRaw("rule 7: close at any moment of a shutdown leaves no descriptor open", async (stage) => {
    const { address, registry } = await stage.listener();
    const before = descriptors();
    let count = 0;
    for (const [when, moment] of Object.entries(MOMENTS)) {
      const client = await stage.raw(address);
      client.listen();
      const server = await registry.accepted(++count);
      await server.writePattern(1000);
      server.socket.shutdown();
      await moment();
      server.close();
      await client.over();
      client.socket.destroy();
      await assertNoMoreDescriptors(before, when);
    }
  });

  check("rule 7: close in the tick of accept leaves nothing behind", async (stage) => {
    const { address, registry } = await stage.listener();
    registry.onAccept = (link) => stage.adapter.defer(() => link.close());
    const client = await stage.connect(address);
    client.write(1000);
    assertEquals(await client.readToEnd(), 0);
  });
}
