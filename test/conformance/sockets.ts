/**
 * What a socket promises besides the numbered rules.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { formatHostPort } from "../../src/contract/address.ts";
import type { Link } from "../helpers/recording_registry.ts";
import { nextTick, pause } from "../helpers/wait.ts";
import { type Cases, KIB, LONG, portOf } from "./cases.ts";

/** Registers the cases. */
export function sockets(
  { assertOneFinal, check, checkNetwork, checkRaw, checkRawNetwork, differences, fill }: Cases,
): void {
  check("read of a connection without bytes is undefined, not null", async (stage) => {
    const { server, client } = await stage.pair();
    for (let again = 0; again < 3; again++) {
      assertEquals([server.socket.read(), client.socket.read()], [undefined, undefined]);
      await nextTick();
    }
    assertEquals([server.reported, client.reported], [[], []]);
  });

  check("a connection read to the last byte would block, and the next bytes are reported", async (stage) => {
    const { server, client } = await stage.pair();
    for (let total = 100; total <= 2000; total += 100) {
      await Promise.all([client.writePattern(total), server.readPattern(total)]);
      assertEquals(server.socket.read(), undefined);
    }
  });

  check("after shutdown everything that was taken arrives, then the end", async (stage) => {
    const { server, client } = await stage.pair();
    await fill(server);
    server.socket.shutdown();
    assertEquals(await client.readToEnd(), server.sent);
  });

  check("after shutdown reading goes on", async (stage) => {
    const { server, client } = await stage.pair();
    await server.writePattern(1000);
    server.socket.shutdown();
    assertEquals(await client.readToEnd(), 1000);
    const sending = client.writePattern(LONG).then(() => client.socket.shutdown());
    assertEquals(await server.readToEnd(), LONG);
    await sending;
    await assertOneFinal(server, client);
  });

  check("both ends write 8 MiB and shut down, and both get everything", async (stage) => {
    const { server, client } = await stage.pair();
    const exchange = async (link: Link): Promise<number> => {
      const writing = link.writePattern(LONG).then(() => link.socket.shutdown());
      const received = await link.readToEnd();
      await writing;
      return received;
    };
    assertEquals(await Promise.all([exchange(server), exchange(client)]), [LONG, LONG]);
    await assertOneFinal(server, client);
  });

  checkRaw("close after a shutdown that went out loses nothing", async (stage) => {
    const { server, client } = await stage.rawPair();
    await server.writePattern(200 * KIB);
    server.socket.shutdown();
    await pause(50);
    server.close();
    client.listen();
    await client.over();
    assertEquals([client.received, client.error], [200 * KIB, undefined]);
  });

  checkRaw("close is seen by the client", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.listen();
    server.close();
    await client.over();
    assertEquals(client.error !== undefined, differences.closed === "a reset", `the raw client got ${client.error}`);
  });

  check("two small writes in two ticks are not held together, at either end", async (stage) => {
    const { server, client } = await stage.pair();
    for (const [writer, reader] of [[server, client], [client, server]] as const) {
      const took: number[] = [];
      for (let round = 0; round < 21; round++) {
        const started = performance.now();
        await writer.writePattern(writer.sent + 10);
        await nextTick();
        await writer.writePattern(writer.sent + 10);
        await reader.readPattern(writer.sent);
        took.push(performance.now() - started);
        // With an answer now and then the kernel delays acknowledgements, which is what Nagle's algorithm waits for.
        await reader.writePattern(reader.sent + 1);
        await writer.readPattern(reader.sent);
      }
      took.sort((one, other) => one - other);
      assertLess(took[10]!, 20, `the middle one of ${took.map(Math.round)} ms`);
    }
  });

  checkNetwork("client is the address and the port of the other end", async (stage) => {
    const { listener, server, client } = await stage.pair();
    assertEquals(client.socket.remoteAddress, formatHostPort("127.0.0.1", portOf(listener.address)));
    assertMatch(server.socket.remoteAddress, /^127\.0\.0\.1:[1-9][0-9]*$/);
    const another = await stage.connect(listener.address);
    assert((await listener.registry.accepted(2)).socket.remoteAddress !== server.socket.remoteAddress);
    another.close();
  });

  checkRawNetwork("client is the port that the other end has", async (stage) => {
    const { server, client } = await stage.rawPair();
    assertEquals(server.socket.remoteAddress, formatHostPort("127.0.0.1", client.port));
  });
}
