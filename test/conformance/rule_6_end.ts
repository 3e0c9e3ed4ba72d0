/**
 * Rule 6: what was read comes before the end.
 *
 * @module
 */

import { assertEquals, assertLessOrEqual } from "@std/assert";
import { FINAL } from "../helpers/recording_registry.ts";
import { nextTick, pause } from "../helpers/wait.ts";
import { type Cases, KIB, LONG, MIB, READABLE_OR_END } from "./cases.ts";

/** Registers the cases. */
export function rule6({ check, checkRaw, checkReset, differences }: Cases): void {
  for (const length of [1, 1000, MIB]) {
    checkRaw(`rule 6: ${length} bytes and an end at once: all bytes, then null forever`, async (stage) => {
      const { server, client } = await stage.rawPair();
      client.write(0, length);
      client.socket.end();
      assertEquals(await server.readToEnd(), length);
      for (let again = 0; again < 3; again++) assertEquals(server.socket.read(), null);
      await nextTick();
      assertEquals(server.socket.read(), null);
      assertEquals(server.count(FINAL), 0, "our half is still open");
    });
  }

  check("rule 6: bytes, then shutdown: all bytes, then null forever", async (stage) => {
    const { server, client } = await stage.pair();
    await Promise.all([client.writePattern(LONG).then(() => client.socket.shutdown()), server.readPattern(LONG)]);
    assertEquals(await server.readToEnd(), LONG);
    for (let again = 0; again < 3; again++) assertEquals(server.socket.read(), null);
    assertEquals(server.count(FINAL), 0, "our half is still open");
  });

  check("rule 6: an end that comes alone is reported", async (stage) => {
    const { server, client } = await stage.pair();
    const reading = server.readToEnd();
    await pause(20);
    client.socket.shutdown();
    assertEquals(await reading, 0);
    assertEquals(server.count(FINAL), 0, "our half is still open");
  });

  check("rule 6: an end that waits behind unread bytes comes after them", async (stage) => {
    const { server, client } = await stage.pair();
    // Within what the smallest link holds: nothing is read before the end is sent.
    await client.writePattern(200 * KIB);
    client.socket.shutdown();
    await pause(50);
    assertEquals(await server.readToEnd(), 200 * KIB);
    assertEquals(server.socket.read(), null);
  });

  check("rule 6: what was read before the client dropped the connection is delivered before the end", async (stage) => {
    const { server, client } = await stage.pair();
    await client.writePattern(1000);
    await server.toldTimes(1, READABLE_OR_END);
    client.close();
    if (differences.closed === "a reset") await server.final();
    assertEquals(await server.readToEnd(), 1000);
    assertEquals(server.socket.read(), null);
  });

  checkReset("rule 6: what was read before a reset is delivered before the end", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.write(0, 1000);
    await server.toldTimes(1, READABLE_OR_END);
    client.reset();
    if (differences.reset !== "an end") await server.final();
    assertEquals(await server.readToEnd(), 1000);
    assertEquals(server.socket.read(), null);
  });

  for (const length of [1000, MIB]) {
    checkReset(`rule 6: ${length} bytes and a reset at once: a part from the start, then the end`, async (stage) => {
      const { server, client } = await stage.rawPair();
      client.write(0, length);
      client.reset();
      assertLessOrEqual(await server.readToEnd(), length);
      assertEquals(server.socket.read(), null);
      // It may look like an end: then our half has to end as well.
      server.socket.shutdown();
      await server.final();
      assertEquals(server.socket.read(), null);
    });
  }
}
