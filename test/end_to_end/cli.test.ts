/** The command line as users start it, on each runtime, used through plain sockets, pipes and signals. */

import { test } from "node:test";
import { clearInterval, setImmediate, setInterval, setTimeout } from "node:timers";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../src/version.ts";
import { concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { CommandLine, portOf, runCommand, RUNTIMES, startServer, TESTED } from "../helpers/command_line.ts";
import { ForeignClient } from "../helpers/foreign_client.ts";
import { PlainClient } from "../helpers/plain_client.ts";

const LIMITED = { timeout: 60_000 };

for (const runtime of TESTED) {
  test(
    `${runtime}: several listeners into one mob, echo to all, pings, split frames, a clean end`,
    LIMITED,
    async () => {
      await using server = await startServer(runtime, ["tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://localhost:0"]);
      assertMatch(
        server.stdout,
        /^listening on tcp:\/\/127\.0\.0\.1:\d+\nlistening on tcp:\/\/\[::1\]:\d+\nlistening on tcp:\/\/localhost:\d+ \(tcp:.*\)\n$/,
      );
      using one = await PlainClient.connect(server.urls[0]!);
      using two = await PlainClient.connect(server.urls[1]!);
      using three = await PlainClient.connect(server.urls[2]!);
      const clients = [one, two, three];
      const ping = new Uint8Array(8);
      const said = concat(ping, frameOf("one"), ping, frameOf("two"));
      for (let at = 0; at < said.length; at++) {
        one.send(said.subarray(at, at + 1));
        if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const received = frameOf("one").length * 2;
      for (const client of clients) assertEquals(textsOf(await client.receive(received)), ["one", "two"]);
      const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index * 7);
      two.send(concat(new Uint8Array([0, 0, 0, 0, 0, 1, 0x86, 0xa0]), bytes));
      three.send(frameOf("three"));
      const all = await Promise.all(clients.map((client) => client.receive(received + 8 + bytes.length + 13)));
      assertEquals(all[0], all[1]);
      assertEquals(all[0], all[2]);
      const { code, stdout, stderr } = await server.stop("SIGTERM");
      assertEquals(code, 0, stderr);
      assertEquals(stdout.split("\n").length, 4);
      for (const client of clients) await client.ended();
    },
  );

  test(`${runtime}: join, sub and pub through pipes, --framing line, SIGINT`, LIMITED, async () => {
    await using server = await startServer(runtime, ["--framing", "line"]);
    const framing = ["--framing", "line"];
    using netcat = await PlainClient.connect(server.url);
    await using join = new CommandLine(runtime, ["join", server.url, ...framing]);
    join.write("from join\n");
    await join.match(/from join\n/);
    await using sub = new CommandLine(runtime, ["sub", server.url, ...framing, "--count", "1", "--json"]);
    // It has joined when it has printed one of the messages.
    let isDone = false;
    void sub.ended.then(() => isDone = true);
    while (!isDone) {
      netcat.send(frameOf("from nc", "line"));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { code: subscribed, stdout: printed, stderr: complaints } = await sub.exit();
    assertEquals([subscribed, complaints], [0, ""]);
    assertMatch(printed, /^\{"time":"\d{4}-\d\d-\d\dT[\d:.]+Z","size":7,"text":"from nc"\}\n$/);
    await join.match(/from nc\n/);
    const input = Array.from({ length: 20_000 }, (_, number) => `line ${number}`).join("\n");
    const sent = await runCommand(runtime, ["pub", server.url, ...framing], `\n${input}`);
    assertEquals(sent.stderr, "");
    assertEquals(sent.code, 0);
    assertMatch(
      sent.stdout,
      /^published 20000 messages, 188890 bytes in [\d.]+ s, \d+\/s, empty lines skipped: 1\n$/,
    );
    await join.match(/line 19999\n/);
    // The end of its input means that it sends nothing more; the end of its reader means that it may go.
    join.end("last words");
    await join.match(/last words\n/);
    join.child.stdout!.destroy();
    // It finds out when it next has something to print, and the pipe may be closed a little later than now.
    let over = false;
    const exit = join.exit().finally(() => over = true);
    while (!over) {
      netcat.send(frameOf("anybody?", "line"));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { code, stderr } = await exit;
    assertEquals([code, stderr], [0, ""]);
    assertEquals((await server.stop("SIGINT")).code, 0);
    await netcat.ended();
    const received = textsOf(netcat.received, "line").filter((text) => !["anybody?", "from nc"].includes(text));
    assertEquals(received.join("\n"), `from join\n${input}\nlast words`);
  });

  test(`${runtime}: listeners of every framing are one order for clients that are not ours`, LIMITED, async () => {
    const bare = "tcp://127.0.0.1:0";
    const urls = [bare, `${bare}?framing=line`, `${bare}?framing=u32`];
    await using server = await startServer(runtime, [...urls, "--log-format", "json"]);
    assertMatch(server.stdout, /:\d+\nlistening on .*:\d+\?framing=line\nlistening on .*:\d+\?framing=u32\n$/);
    const [u64Url, lineUrl, u32Url] = server.urls as [string, string, string];
    await using u64 = new ForeignClient(portOf(u64Url));
    await using line = new ForeignClient(portOf(lineUrl));
    // A client has joined when its own frame is back, and a frame is back before the next client sends.
    u64.send(frameOf("first"));
    await u64.receivesLast(frameOf("first"));
    const texts: string[] = [];
    const published = async (...said: string[]): Promise<void> => {
      texts.push(...said);
      await u64.receivesLast(frameOf(said.at(-1)!));
      await line.receivesLast(frameOf(said.at(-1)!, "line"));
    };
    line.send(frameOf("from a shell", "line"));
    await published("from a shell");
    await using join = new CommandLine(runtime, ["join", lineUrl]);
    join.write("from join\n");
    await published("from join");
    const sent = await runCommand(runtime, ["pub", u32Url], "one\ntwo\n");
    assertEquals([sent.code, sent.stderr], [0, ""]);
    await published("one", "two");
    u64.send(concat(frameOf("not\nfor lines"), frameOf("three")));
    await published("not\nfor lines", "three");
    line.send(frameOf("four", "line"));
    await published("four");
    const last = <Item>(list: Item[], count: number): Item[] => list.slice(-count);
    assertEquals(last(textsOf(u64.received), texts.length), texts);
    const lines = texts.filter((text) => !text.includes("\n"));
    assertEquals(last(textsOf(line.received, "line"), lines.length), lines);
    await join.match(new RegExp(`^${lines.slice(1).join("\n")}\n$`));
    // The table lists the two connections of the `line` listener that were there when the newline was published.
    const skipped = /(?:"listener":"[^"]*\?framing=line"[^[\]]*?"skipped":\{"frames":1,"bytes":14\}.*?){2}\n/;
    await server.tells(skipped);
    assertEquals((await server.stop("SIGTERM")).code, 0);
  });

  test(`${runtime}: a server that ends after one signal, and at once after two`, LIMITED, async () => {
    await using server = await startServer(runtime, ["--drain-timeout", "1m", "--log-format", "json"]);
    await using join = new CommandLine(runtime, ["join", server.url]);
    join.write("hello\n");
    await join.match(/hello/);
    using stuck = await PlainClient.connect(server.url);
    stuck.pause();
    const flood = await runCommand(runtime, ["pub", server.url], `${"x".repeat(100_000)}\n`.repeat(120));
    assertEquals(flood.code, 0, flood.stderr);
    server.signal("SIGTERM");
    const left = await join.exit();
    assertEquals([left.code, left.stderr], [
      1,
      `mobcast: Cannot stay in ${server.url}: the server ended the connection\n`,
    ]);
    await server.signalAgain("SIGTERM");
    const { code, stderr } = await server.exit();
    assertEquals(code, 1, stderr);
    for (const line of stderr.trim().split("\n")) JSON.parse(line);
  });

  test(
    `${runtime}: a signal that comes several times, as from timeout, is one, until the process is gone`,
    LIMITED,
    async () => {
      await using server = await startServer(runtime);
      await server.match(/ Started: /, "stderr");
      const signals = setInterval(() => server.signal("SIGTERM"), 1);
      const { code, stderr } = await server.stop().finally(() => clearInterval(signals));
      assertEquals(code, 0, stderr);
      assertMatch(stderr, / Closed\n$/);
    },
  );

  test(`${runtime}: exit codes, and one line for what went wrong`, LIMITED, async () => {
    await using server = await startServer(runtime);
    const failures = [
      { args: [server.url], code: 1, says: `Cannot listen on ${server.url}: address in use (EADDRINUSE)` },
      { args: ["join", "tcp://127.0.0.1:1"], code: 1, says: "Cannot connect to tcp://127.0.0.1:1: connection refused" },
      { args: ["pub", server.url, "--file", "no/such/file"], code: 1, says: "Cannot read no/such/file: " },
      { args: ["--max-frame", "10mbs"], code: 2, says: "option '--max-frame <size>' argument '10mbs' is invalid" },
    ];
    for (const { args, code, says } of failures) {
      const ended = await runCommand(runtime, args);
      assertEquals([ended.code, ended.stdout], [code, ""], says);
      assertStringIncludes(ended.stderr, `mobcast: ${says}`);
      assertMatch(ended.stderr, /^[^\n]+\n$/);
    }
    assertEquals((await server.stop()).code, 0);
  });

  test(`${runtime}: bench loads a server, and finds nothing wrong`, LIMITED, async () => {
    await using server = await startServer(runtime);
    const flags = ["--clients", "50", "--publishers", "5", "--size", "1KiB", "--in-flight", "64", "--seconds", "1"];
    const { code, stdout, stderr } = await runCommand(runtime, ["bench", server.url, ...flags, "--histogram"]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^not right +lost 0, repeated 0, reordered 0, connections ended 0$/m);
    assertMatch(stdout, /^load busy +\d+ % of a processor/m);
    assertEquals((await server.stop()).code, 0);
  });

  test(`${runtime}: --help and --version, whole and through a pipe`, LIMITED, async () => {
    const [help, version] = await Promise.all([
      runCommand(runtime, ["serve", "--help"]),
      runCommand(runtime, ["--version"]),
    ]);
    assertEquals([help.code, help.stderr], [0, ""]);
    assert(help.stdout.startsWith("Usage: mobcast"));
    assertStringIncludes(help.stdout, "--slow-consumer");
    assert(help.stdout.trimEnd().endsWith("--max-lag 1MiB --log-format json"));
    assertEquals(version, { code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });
}

test("a client of each runtime talks to a server of each other", LIMITED, async () => {
  const input = Array.from({ length: 1000 }, (_, number) => `${number}`).join("\n");
  for (const runtime of TESTED) {
    await using server = await startServer(runtime);
    const sent = await Promise.all(RUNTIMES.map((client) => runCommand(client, ["pub", server.url], input)));
    for (const { code, stdout, stderr } of sent) {
      assertEquals([code, stderr], [0, ""]);
      assertStringIncludes(stdout, "published 1000 messages, 2890 bytes");
    }
    assertEquals((await server.stop()).code, 0);
  }
});
