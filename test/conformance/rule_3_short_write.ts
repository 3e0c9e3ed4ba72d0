/**
 * Rule 3: a short write is answered.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { WRITABLE } from "../../src/contract/adapter.ts";
import { LONGEST } from "../helpers/pattern.ts";
import { pause } from "../helpers/wait.ts";
import { assertTakesNothing, type Cases, KERNEL_LIMIT, KIB, LONG, MIB, READABLE_OR_END } from "./cases.ts";

/** More than may write at a time where writes go in rounds. */
const STUCK = 17;

/** Registers the cases. */
export function rule3({ assertOneFinal, check, checkRaw, checkReset, differences, fill, quiet }: Cases): void {
  check("rule 3: a short write is followed by one WRITABLE, and only when there is room", async (stage) => {
    const { server, client } = await stage.pair();
    await fill(server);
    const before = server.count(WRITABLE);
    // Taken or not, it is still one WRITABLE that is due.
    server.write(1);
    await quiet();
    assertEquals(server.count(WRITABLE) - before, 0, "WRITABLE before the client has read");
    await client.readPattern(server.sent);
    await server.toldTimes(before + 1, WRITABLE);
    await pause(50);
    assertEquals(server.count(WRITABLE) - before, 1, "WRITABLE for one short write");
    const total = server.sent + LONG;
    await Promise.all([server.writePattern(total), client.readPattern(total)]);
    const reported = server.count(WRITABLE);
    if (server.write(1)) return;
    await client.readPattern(total + 1);
    await pause(20);
    assertEquals(server.count(WRITABLE), reported, "WRITABLE for a write that was not short");
  });

  check("rule 3: a short write among small ones is followed by WRITABLE", async (stage) => {
    const { server, client } = await stage.pair();
    assert(
      await server.fill(KERNEL_LIMIT, differences.quiet, 4 * KIB),
      "all was taken, though the other end does not read",
    );
    const seen = server.count(WRITABLE);
    await client.readPattern(server.sent);
    await server.toldTimes(seen + 1, WRITABLE);
    const total = server.sent + MIB;
    await Promise.all([server.writePattern(total), client.readPattern(total)]);
  });

  checkRaw("rule 3: a raw client that reads late gets everything in order", async (stage) => {
    const { server, client } = await stage.rawPair();
    await fill(server);
    client.listen();
    const total = server.sent + LONG;
    await server.writePattern(total);
    await client.got(total);
  });

  checkRaw(
    "rule 3: each short write of many bytes is followed by WRITABLE, with a raw client that reads little at a time",
    async (stage) => {
      const { server, client } = await stage.rawPair();
      // What is given goes into the kernel while there is room, so the first megabytes are never short.
      await fill(server);
      client.sip();
      const total = server.sent + 4 * MIB;
      // Nothing is written before WRITABLE: it must not take a second write to get it.
      await server.writePattern(total, LONGEST);
      await client.got(total);
    },
  );

  check("rule 3: clients that read nothing, however many, hold up none of the others", async (stage) => {
    const listener = await stage.listener();
    await stage.connectAll(listener.address, STUCK);
    await listener.registry.accepted(STUCK);
    const stuck = [...listener.registry.links];
    await Promise.all(stuck.map((link) => link.fill(KERNEL_LIMIT, differences.quiet)));
    const client = await stage.connect(listener.address);
    const server = await listener.registry.accepted(STUCK + 1);
    await Promise.all([server.writePattern(LONG), client.readPattern(LONG)]);
  });

  check("rule 3: a write to a client that is gone is answered by a final event", async (stage) => {
    const { server, client } = await stage.pair();
    client.close();
    await server.writePattern(KERNEL_LIMIT);
    await assertOneFinal(server);
    assertTakesNothing(server);
  });

  checkReset("rule 3: a write that finds a reset is answered by a final event", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.reset();
    // Whether this write is taken depends on timing: only the answer to it counts.
    server.write(1000);
    server.write(1000);
    await assertOneFinal(server);
    assertTakesNothing(server);
  });

  checkReset("rule 3: a write that finds a reset behind unread bytes is answered by a final event", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.write(0, LONG);
    await server.toldTimes(1, READABLE_OR_END);
    await pause(50);
    client.reset();
    server.write(1000);
    server.write(1000);
    // A writer need not read: a core that waits for WRITABLE has nothing else to wake it.
    await assertOneFinal(server);
    await server.readToEnd();
    assertTakesNothing(server);
  });

  checkReset("rule 3: a short write whose client resets is followed by a final event", async (stage) => {
    const { server, client } = await stage.rawPair();
    await fill(server);
    client.reset();
    await assertOneFinal(server);
    assertTakesNothing(server);
  });

  check("rule 3: a short write whose client shuts down and closes is followed by a final event", async (stage) => {
    const { server, client } = await stage.pair();
    await fill(server);
    client.socket.shutdown();
    await pause(20);
    client.close();
    await assertOneFinal(server);
    assertTakesNothing(server);
  });

  checkRaw("rule 3: writes to a client that has closed end in a final event", async (stage) => {
    const { server, client } = await stage.rawPair();
    client.socket.destroy();
    await server.writePattern(KERNEL_LIMIT);
    await assertOneFinal(server);
  });

  check("rule 3: no method throws, whatever the connection's state", async (stage) => {
    const { server, client } = await stage.pair();
    assertEquals(server.socket.write(new Uint8Array(0)), 0);
    server.socket.shutdown();
    server.socket.shutdown();
    assertTakesNothing(server);
    assertEquals(await client.readToEnd(), 0);
    client.close();
    await server.final();
    assertTakesNothing(server);
    server.socket.shutdown();
    server.close();
    assertTakesNothing(server);
    server.socket.shutdown();
    const after: unknown = server.socket.read();
    assert(after === undefined || after === null, "bytes after close()");
    server.close();
  });

  check("rule 3: an empty write changes nothing", async (stage) => {
    const { server, client } = await stage.pair();
    assertEquals(server.socket.write(new Uint8Array(0)), 0);
    await pause(20);
    await Promise.all([server.writePattern(1000), client.readPattern(1000)]);
  });
}
