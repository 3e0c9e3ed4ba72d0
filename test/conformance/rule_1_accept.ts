/**
 * Rule 1: accept comes before any event of a connection.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Link } from "../helpers/recording_registry.ts";
import { pause } from "../helpers/wait.ts";
import { type Cases, settled } from "./cases.ts";

/** Registers the cases. */
export function rule1({ assertOneFinal, check, checkRaw }: Cases): void {
  check("rule 1: accept comes before any event, also when bytes come with the connection", async (stage) => {
    const { address, registry } = await stage.listener();
    const client = await stage.connect(address);
    await client.writePattern(1000);
    const server = await registry.accepted();
    await server.readPattern(1000);
    assertEquals(registry.links.length, 1);
  });

  check("rule 1: nothing is accepted before a client connects", async (stage) => {
    const { registry } = await stage.listener();
    await pause(50);
    assertEquals(registry.links.length, 0);
  });

  check("rule 1: connect resolves after accept", async (stage) => {
    const { address } = await stage.listener();
    const registry = stage.recorder();
    let resolved = false;
    registry.onAccept = () => assert(!resolved, "connect resolved first");
    await stage.adapter.connect(address, registry).then(() => resolved = true);
    assertEquals(registry.links.length, 1);
  });

  check("rule 1: a socket may be written to and shut down inside accept", async (stage) => {
    const { address, registry } = await stage.listener();
    const client = stage.recorder();
    for (const recorder of [registry, client]) {
      recorder.onAccept = (link) => {
        link.write(100);
        link.socket.shutdown();
      };
    }
    await stage.adapter.connect(address, client);
    const links = [await client.accepted(), await registry.accepted()];
    const [one, other] = links as [Link, Link];
    assertEquals([await one.readToEnd(), await other.readToEnd()], [other.sent, one.sent]);
    await assertOneFinal(one, other);
  });

  check("rule 1: a socket may be closed inside accept", async (stage) => {
    const { address, registry } = await stage.listener();
    registry.onAccept = (link) => link.close();
    const client = stage.recorder();
    // It may be over before it was open at the other end.
    await settled(stage.adapter.connect(address, client));
    for (const link of client.links) assertEquals(await link.readToEnd(), 0);
    await pause(50);
  });

  check("rule 1: a refused connection sees the end, and no event is reported for it", async (stage) => {
    const { address, registry } = await stage.listener();
    registry.refusing = true;
    const client = await stage.connect(address);
    client.write(1000);
    assertEquals(await client.readToEnd(), 0);
    await pause(50);
    // An event would be for a token that was never issued: the stage counts that as a violation.
    assertEquals(registry.refused.length, 1);
  });

  checkRaw("rule 1: a refused raw client sees the end", async (stage) => {
    const { address, registry } = await stage.listener();
    registry.refusing = true;
    const client = await stage.raw(address);
    client.listen();
    client.write(0, 1000);
    await client.over();
    assertEquals(client.received, 0);
  });

  check("rule 1: a connection that its own side refuses is closed, and connect settles", async (stage) => {
    const { address, registry } = await stage.listener();
    const refusing = stage.recorder();
    refusing.refusing = true;
    await settled(stage.adapter.connect(address, refusing));
    // Whether the listener has seen it come is the adapter's affair; it must not stay.
    await pause(50);
    for (const server of registry.links) assertEquals(await server.readToEnd(), 0);
  });
}
