/** Clients over the WebSocket global of the runtime at hand, at a server that is not ours. */

import { test } from "node:test";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { CommandLine, OURS, ROOT, runCommand, startServer } from "../helpers/command_line.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";
import { asked, pause, rejection, within } from "../helpers/wait.ts";

// Node has it from version 22 on; Node 20 with --experimental-websocket.
const skip = "WebSocket" in globalThis ? false : `Node ${process.versions.node} has no WebSocket: needs Node 22`;
const LIMITED = { timeout: 60_000, skip };

/** Runs with the URL of a server of the package `ws`, which sends to everyone what one client sends. */
async function withServer(run: (url: string) => Promise<void>): Promise<void> {
  const server = new CommandLine(OURS, [], ["node", join(ROOT, "test/helpers/websocket_echo.mjs")]);
  try {
    const [, port] = await server.match(/^listening on (\d+)$/m);
    await run(`ws://127.0.0.1:${port}`);
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

test(
  "clients over a WebSocket hear each other, in one order, messages of any size",
  LIMITED,
  () =>
    withServer(async (url) => {
      const one = await connect(`${url}/`);
      const two = await connect(`${url}/some/path?kept`);
      const texts = Array.from({ length: 200 }, (_, index) => `${index} ${"x".repeat(index * 37)}`);
      texts.push("y".repeat(300_000), "ü".repeat(100));
      const received: string[][] = [[], []];
      const hearing = [one, two].map(async (client, index) => {
        for await (const text of client.text()) {
          received[index]!.push(text);
          if (received[index]!.length === 2 * texts.length) break;
        }
      });
      // Each sends its own: the echo cuts messages in two, so only one client sends at a time.
      for (const [index, client] of [one, two].entries()) {
        for (const text of texts) await client.send(text);
        const due = (index + 1) * texts.length;
        await asked(() => received[1]!.length, (count) => count >= due);
      }
      await within(Promise.all(hearing), "all messages", 20_000);
      assertEquals(received[0], received[1]);
      assertEquals([...received[0]!].sort(), [...texts, ...texts].sort());
      await one.send("last");
      assertEquals([await one.close(), await two.close()], [{ reason: "closed" }, { reason: "closed" }]);
    }),
);

test("the ends of a WebSocket, as the runtime shows them", LIMITED, () =>
  withServer(async (url) => {
    const table = [
      ["/close/1000/", "ended", undefined],
      ["/close/1001/shutdown", "ended", undefined],
      ["/close/1008/unauthorized", "refused", /\(1008, unauthorized\)$/],
      ["/close/1009/a%20message", "lost", /a frame is over the mob's maxFrame \(1009, a message\)$/],
      ["/close/1011/", "lost", /\(1011\)$/],
      ["/reset", "refused", /connection lost, before anything was received$/],
      ["/text", "refused", /the server sent text/],
      ["/flood", "lagged", /over 16 MiB waited to be read/],
    ] as const;
    for (const [path, reason, says] of table) {
      const client = await connect(url + path);
      const end = await within(client.closed, path);
      assertEquals(end.reason, reason, path);
      assertMatch(end.error?.message ?? "", says ?? /^$/, path);
    }
    for (const path of ["/plain", "/403"]) {
      assertEquals((await rejection(connect(url + path), path)).code, "UNREACHABLE");
    }
    const { code, message } = await rejection(connect("ws://127.0.0.1:1/"), "a port that is closed");
    assertEquals(code, "UNREACHABLE");
    assertMatch(message, /^Cannot connect to ws:\/\/127\.0\.0\.1:1\/: ./);
  }));

test(
  "a server that does not read slows its client down: what waits stays bounded",
  LIMITED,
  () =>
    withServer(async (url) => {
      const client = await connect(`${url}/deaf`);
      let sent = 0;
      const sending = (async () => {
        for (;;) {
          await client.send(new Uint8Array(100_000));
          sent++;
        }
      })();
      void sending.catch(() => {});
      let before = -1;
      for (let waited = 0; waited < 100 && before < sent; waited++) {
        before = sent;
        await pause(200);
      }
      // What the kernel holds is not the client's.
      assert(sent < 200, `${sent} of 100 kB were taken`);
      assert(client.bufferedAmount < 1_000_000, `${client.bufferedAmount} bytes wait`);
      const { reason } = await client.close({ timeout: 100 });
      assertEquals(reason, "undelivered");
    }),
);

test("at a mob: the secret is the first message, and join, pub, sub and bench take ws: URLs", LIMITED, async () => {
  await using mob = await serve({ listen: ["ws://127.0.0.1:0/", "tcp://127.0.0.1:0"] });
  const [url, tcp] = mob.urls;
  const over = await Promise.all([connect(url!), connect(tcp!), connect(url!, { ping: 20 })]);
  const texts = ["one", "x".repeat(200_000), "ü"];
  for (const [index, text] of texts.entries()) await over[index]!.send(text);
  const received = await Promise.all(over.map(async (client) => {
    const own: string[] = [];
    for await (const text of client.text()) if (own.push(text) === 3) break;
    return own;
  }));
  assertEquals(received.map((own) => own.toSorted()), [texts.toSorted(), texts.toSorted(), texts.toSorted()]);
  assertEquals(received[0], received[1]);
  assertEquals(received[0], received[2]);
  for (const client of over) assertEquals(await client.close(), { reason: "closed" });
  const few = ["--clients", "2", "--publishers", "1", "--rate", "100", "--seconds", "1"];
  for (const args of [["pub", url!, "hello"], ["bench", url!, ...few]]) {
    const { code, stderr } = await runCommand(OURS, args);
    assertEquals([code, args[0]], [0, args[0]], stderr);
  }
  // Those of the commands before have left: the next one is that of `sub`.
  while (mob.connections().length > 0) await pause(10);
  await using sub = new CommandLine(OURS, ["sub", url!, "--count", "1"]);
  while (mob.connections().length < 1) await pause(10);
  await using join = new CommandLine(OURS, ["join", url!]);
  join.write("from join\n");
  await join.match(/^from join$/m);
  assertEquals(await sub.exit(), { code: 0, stdout: "from join\n", stderr: "" });
  const { code, stderr } = await runCommand(OURS, ["sub", url!, "--framing", "line"]);
  assertEquals(code, 2);
  assertMatch(stderr, /option '--framing .*' is line, and the URL says u64/);
});

test("a wrong secret is refused with a code, and a signal ends what waits", LIMITED, async () => {
  await using mob = await serve({ listen: "ws://127.0.0.1:0/", secret: "s3cret", maxFrame: 1000 });
  const [url] = mob.urls;
  const wrong = await connect(url!, { secret: "wrong" });
  const { reason, error } = await within(wrong.closed, "the end");
  assertEquals([reason, error?.code], ["refused", "REFUSED"]);
  assertMatch(error!.message, /: the mob refused this client \(1008/);
  const large = await connect(url!, { secret: "s3cret" });
  await large.send(new Uint8Array(1001));
  assertEquals((await within(large.closed, "the end")).error?.code, "FRAME_TOO_LARGE");
  const stopping = new AbortController();
  const client = await connect(url!, { secret: "s3cret", signal: stopping.signal });
  stopping.abort();
  assertEquals((await within(client.closed, "the end")).reason, "aborted");
});

test("wss: trusts the authority that the environment names, and no other", LIMITED, async () => {
  await using kit = await TlsFixture.make();
  await using server = await startServer(OURS, [
    "wss://127.0.0.1:0/",
    "--cert",
    kit.path("server.pem"),
    "--key",
    kit.path("server.key"),
  ]);
  const pub = ["pub", server.url, "hello"];
  const { code, stderr } = await runCommand(OURS, pub);
  assertEquals(code, 1);
  assertMatch(stderr, /^mobcast: Cannot connect to wss:/);
  const names = ["NODE_EXTRA_CA_CERTS", "DENO_CERT"];
  for (const name of names) process.env[name] = kit.path("ca.pem");
  const trusted = await runCommand(OURS, pub).finally(() => names.forEach((name) => delete process.env[name]));
  assertEquals(trusted.code, 0, trusted.stderr);
});
