/**
 * Rule 4: bytes are never changed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { assertPattern, pattern } from "../helpers/pattern.ts";
import { type Cases, KERNEL_LIMIT, LONG } from "./cases.ts";

/** Registers the cases. */
export function rule4({ check, differences }: Cases): void {
  check(
    "rule 4: bytes passed to write do not change, and arrive unchanged, however late they are sent",
    async (stage) => {
      const { server, client } = await stage.pair();
      const given: Uint8Array[] = [];
      while (server.sent < KERNEL_LIMIT) {
        const bytes = pattern(server.sent, 60_000).slice();
        given.push(bytes);
        const seen = server.reported.length;
        const taken = server.socket.write(bytes);
        server.sent += taken;
        if (taken === bytes.length) continue;
        given[given.length - 1] = bytes.subarray(0, taken);
        if (!await server.mayWrite(seen, differences.quiet)) break;
      }
      await client.readPattern(server.sent);
      let offset = 0;
      for (const bytes of given) {
        assertPattern(bytes, offset);
        offset += bytes.length;
      }
      assertEquals(offset, server.sent);
    },
  );

  check("rule 4: bytes got from read stay as they are when more is read", async (stage) => {
    const { server, client } = await stage.pair();
    const chunks: Uint8Array[] = [];
    const reading = async (): Promise<void> => {
      while (server.received < LONG) {
        const chunk = await server.read();
        assert(chunk !== null, "the end");
        assert(chunk.length > 0, "a chunk without bytes");
        // `slice` of a Buffer is a view, so a copy by `slice` would be none.
        assert(Object.getPrototypeOf(chunk) === Uint8Array.prototype, "the kind of chunk");
        chunks.push(chunk);
      }
    };
    await Promise.all([client.writePattern(LONG), reading()]);
    let offset = 0;
    for (const chunk of chunks) {
      assertPattern(chunk, offset);
      offset += chunk.length;
    }
    assertEquals(offset, LONG);
  });
}
