/**
 * Rule 5: not reading is back-pressure.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { nextTick, pause } from "../helpers/wait.ts";
import { type Cases, KERNEL_LIMIT, LONG, MIB, READABLE_OR_END } from "./cases.ts";

/** Registers the cases. */
export function rule5({ check, checkRaw, differences, fill, quiet }: Cases): void {
  check("rule 5: a client that is not read from is blocked, and the inbox stays small", async (stage) => {
    const { server, client } = await stage.pair();
    await fill(client);
    const held = server.readNow();
    assert(held > 0, "nothing was ready");
    assertLessOrEqual(held, differences.inbox, "bytes ready for read");
    // Again and again: what stopped once must stop each time, and go on each time.
    for (let round = 1; round <= 3; round++) {
      const total = client.sent + 2 * differences.inbox + MIB;
      const seen = server.reported.length;
      const written = client.writePattern(total);
      await server.toldSince(seen, READABLE, "something to read");
      await pause(50);
      assertLessOrEqual(server.readNow(), differences.inbox, `bytes ready for read, round ${round}`);
      await Promise.all([written, server.readPattern(total)]);
    }
    assertEquals(server.count(WRITABLE), 0, "WRITABLE, and nothing was written");
  });

  checkRaw("rule 5: a raw client that is not read from is blocked, and the inbox stays small", async (stage) => {
    const { server, client } = await stage.rawPair();
    // More than the kernel holds: the rest waits in the raw client.
    const total = KERNEL_LIMIT + LONG;
    client.write(0, total);
    await server.toldTimes(1, READABLE_OR_END);
    await quiet();
    assertLessOrEqual(server.readNow(), differences.inbox, "bytes ready for read");
    assert(client.socket.writableLength > 0, "everything was taken, though the other end does not read");
    await server.readPattern(total);
  });

  checkRaw("rule 5: a stream of single bytes arrives whole", async (stage) => {
    const { server, client } = await stage.rawPair();
    const total = 3000;
    for (let offset = 0; offset < total; offset++) {
      client.write(offset, 1);
      if (offset % 10 === 0) await nextTick();
    }
    await server.readPattern(total);
  });
}
