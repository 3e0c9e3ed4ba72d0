/** A client of one runtime talks to a server of another. Each runtime runs this file: nine pairs. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { runtimeAdapter } from "../adapters/runtime.ts";
import { connect } from "../src/client.ts";
import { bytesOf, textOf } from "./helpers/bytes.ts";
import { RUNTIMES, startServer } from "./helpers/command_line.ts";

const { name: ours } = await runtimeAdapter();

for (const runtime of RUNTIMES) {
  test(`a client on ${ours} and a server on ${runtime}`, { timeout: 60_000 }, async () => {
    const server = await startServer(runtime);
    try {
      const [one, two] = [await connect(server.url), await connect(server.url)];
      const texts = [
        "short",
        "",
        "x".repeat(1_000_000),
        "last",
        ...Array.from({ length: 1000 }, (_, index) => `${index}`),
      ];
      const sending = (async () => {
        for (const text of texts) await one.send(bytesOf(text));
      })();
      const expected = texts.filter((text) => text !== "");
      for (const peer of [one, two]) {
        const heard: string[] = [];
        for await (const message of peer) {
          heard.push(textOf(message));
          if (heard.length === expected.length) break;
        }
        assertEquals(heard, expected);
      }
      await sending;
      await one.close();
      // The other one is still there when the server ends, and hears the end.
      const stopped = server.stop();
      for await (const message of two) throw new Error(`heard ${message.length} bytes after the last`);
      assertEquals((await stopped).code, 0);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
}
