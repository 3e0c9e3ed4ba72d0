/** A client of one runtime connects to a server of another, through each kind of listener. Each runtime runs this file. */

import { after, test } from "node:test";
import { assertEquals } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { connect, type ConnectOptions } from "../../mod.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { RUNTIMES, startServer } from "../helpers/command_line.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";

const { name: ours } = await runtimeAdapter();

/** The kinds of listener: the options of the server, and those of the client. */
const LISTENERS: Readonly<
  Record<string, (kit: TlsFixture) => readonly [args: readonly string[], options: ConnectOptions]>
> = {
  "TCP": () => [["tcp://127.0.0.1:0"], {}],
  "TLS with client certificates": (kit) => [["tls://127.0.0.1:0", ...kit.flags("server")], { tls: kit.tls }],
  "a Unix socket": (kit) => [[`unix:${kit.path("socket")}`, "--unix-mode", "0600"], {}],
  "TLS, with a token": (kit) => [
    [
      "tls://localhost:0",
      "--cert",
      kit.path("server.pem"),
      "--key",
      kit.path("server.key"),
      "--secret-file",
      kit.path("token"),
    ],
    { tls: { ca: kit.authority.cert }, secret: "open sesame" },
  ],
};

const kit = await TlsFixture.make();
after(() => kit[Symbol.asyncDispose]());
await kit.write("token", "open sesame\n");

for (const [listener, choose] of Object.entries(LISTENERS)) {
  for (const runtime of RUNTIMES) {
    test(`a client on ${ours} and a server on ${runtime}, over ${listener}`, { timeout: 60_000 }, async () => {
      const [args, options] = choose(kit);
      await using server = await startServer(runtime, args);
      const [one, two] = [await connect(server.url, options), await connect(server.url, options)];
      // A client with a secret has joined when its first frame has come back; before that it may miss frames of others.
      for (const client of [one, two]) {
        await client.send(bytesOf("in"));
        for await (const message of client) if (textOf(message) === "in") break;
      }
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
      for (const client of [one, two]) {
        const received: string[] = [];
        for await (const message of client) {
          if (textOf(message) === "in") continue;
          received.push(textOf(message));
          if (received.length === expected.length) break;
        }
        assertEquals(received, expected);
      }
      await sending;
      await one.close();
      // The other one is still there when the server ends, and receives the end.
      const stopped = server.stop();
      for await (const message of two) throw new Error(`received ${message.length} bytes after the last`);
      const { code, stderr } = await stopped;
      assertEquals(code, 0, stderr);
      assertEquals(/sesame/.test(stderr), false);
    });
  }
}
