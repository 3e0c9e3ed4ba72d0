/** `serve`, in this process and on a fake terminal: its lines, signals and errors. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { VERSION } from "../../src/version.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { pause } from "../helpers/wait.ts";
import { LIMITED } from "../helpers/cli.ts";

/** Waits until a command that was ended at once has let go of everything: in a process of its own it would be over. */
async function letGo(terminal: FakeTerminal): Promise<void> {
  while (terminal.handlers > 0) await pause();
}

/** An open `serve`, by default on a free port. */
async function serving(...args: string[]): Promise<{ terminal: FakeTerminal; url: string; code: Promise<number> }> {
  const terminal = new FakeTerminal("tcp://127.0.0.1:0", ...args);
  const code = main(terminal);
  const [, url = ""] = await terminal.stdout.match(/^listening on (\S+).*\n/);
  return { terminal, url, code };
}

test("serve: one line for each listener, the first signal ends it with 0", LIMITED, async () => {
  const { terminal, code } = await serving("tcp://localhost:0");
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
  assertMatch(
    terminal.stdout.text,
    /^listening on tcp:\/\/127\.0\.0\.1:\d+\nlistening on tcp:\/\/localhost:\d+ \(tcp:.*\)\n$/,
  );
  assertEquals(terminal.handlers, 0);
});

test("serve: a second signal ends it at once with 1", LIMITED, async () => {
  const { terminal, url, code } = await serving("--drain-timeout", "1h");
  const stuck = new FakeTerminal("join", url);
  stuck.stdout.write = () => new Promise(() => {});
  stuck.stdin.say("x".repeat(1000));
  const joined = main(stuck);
  const sender = new FakeTerminal("pub", url);
  sender.stdin.say(`${"y".repeat(100_000)}\n`.repeat(100)).end();
  assertEquals(await main(sender), 0);
  terminal.signal("SIGINT");
  // As `timeout` sends it, to its child and to its group: the same signal.
  terminal.signal("SIGINT");
  assertEquals(await Promise.race([code, pause(20)]), undefined);
  terminal.signalAgain("SIGINT");
  assertEquals(await code, 1);
  stuck.signal("SIGINT");
  stuck.signalAgain("SIGINT");
  assertEquals(await joined, 1);
  await letGo(terminal);
  assertEquals(stuck.stderr.text, "");
});

test("serve: an address in use is exit code 1 and one line that names it", LIMITED, async () => {
  const { terminal, url, code } = await serving();
  // In this process the second would take the first lines of the first one's log.
  await terminal.stderr.match(/Started/);
  const second = new FakeTerminal(url);
  assertEquals(await main(second), 1);
  assertEquals(second.stderr.text, `mobcast: Cannot listen on ${url}: address in use (EADDRINUSE)\n`);
  assertEquals(second.stdout.text, "");
  // An address that no machine here has.
  const elsewhere = new FakeTerminal("tcp://192.0.2.1");
  assertEquals(await main(elsewhere), 1);
  assertStringIncludes(elsewhere.stderr.text, "mobcast: Cannot listen on tcp://192.0.2.1:8000: ");
  const unnamed = new FakeTerminal("tcp://127.0.0.1", url);
  unnamed.adapter = async () => {
    const adapter = await elsewhere.adapter();
    const inUse = (): never => {
      throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
    };
    return { ...adapter, listen: () => Promise.resolve().then(inUse) };
  };
  assertEquals(await main(unnamed), 1);
  assertEquals(
    unnamed.stderr.text,
    "mobcast: Cannot listen on tcp://127.0.0.1:8000: address in use (EADDRINUSE)\n",
  );
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
});

test("serve: SIGUSR2 logs the table, as text and as JSON; off logs nothing", LIMITED, async () => {
  for (
    const [format, pattern] of [["text", /\[info\] mobcast: 127\.0\.0\.1:\d+ +[\d.]+s +0 B/], [
      "json",
      /"remoteAddress":"127/,
    ]] as const
  ) {
    const { terminal, url, code } = await serving("--log-format", format);
    const sender = new FakeTerminal("join", url);
    sender.stdin.say("hello\n");
    const joined = main(sender);
    await sender.stdout.match(/hello/);
    terminal.signal("SIGUSR2");
    await terminal.stderr.match(pattern);
    if (format === "json") {
      const [started, joined, ...more] = terminal.stderr.text.trim().split("\n").map((line) => JSON.parse(line));
      assertEquals(started.properties, {
        version: VERSION,
        runtime: "node",
        runtimeVersion: "20.0.0",
        pid: 4711,
        urls: [url],
      });
      assertEquals(joined.message, `Joined: ${joined.properties.remoteAddress}`);
      const [{ properties: { connections, published, connectionList: [member], unlisted } }, ...none] = more;
      assertEquals([connections, published.bytes, member.lag.bytes, unlisted, none], [1, 13, 0, 0, []]);
      assertEquals([member.age, member.receivedRate, member.deliveredRate].every(Number.isInteger), true);
    } else {
      assertStringIncludes(terminal.stderr.text, "connections 1, joined 1, closed none, published 1 frames 13 B");
    }
    assert(!terminal.stderr.text.includes("LogTape"), terminal.stderr.text);
    sender.signal("SIGINT");
    assertEquals(await joined, 0);
    terminal.signal("SIGINT");
    assertEquals(await code, 0);
  }
  const { terminal, code } = await serving("--log-level", "off");
  terminal.signal("SIGUSR2");
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
  assertEquals(terminal.stderr.text, "");
});

test("an uncaught error is one line and exit code 1, with its stack only for debug", LIMITED, async () => {
  const { terminal, code } = await serving();
  terminal.throwUncaught(new Error("boom\nand more"));
  assertEquals(await code, 1);
  // The log comes behind it when it is not yet loaded.
  assertMatch(terminal.stderr.text, /Started: mobcast/);
  assertEquals(terminal.stderr.text.replace(/^\d{4}-.*\n/gm, ""), "mobcast: internal error: boom and more\n");
  await letGo(terminal);
  const debug = await serving("--log-level", "debug");
  debug.terminal.throwUncaught(new Error("boom"));
  assertEquals(await debug.code, 1);
  await letGo(debug.terminal);
  assertMatch(debug.terminal.stderr.text, /internal error: [^]*boom[^]*cli_serve\.test\.ts/);
});

test("a hint for options of the port; control characters of arguments act on no terminal", async () => {
  for (
    const [line, hint] of [
      ["--port 9000", "unknown option '--port', ports are part of the URL: tcp://127.0.0.1:9000"],
      ["--port=9000", "unknown option '--port', ports are part of the URL: tcp://127.0.0.1:9000"],
      ["-p 9000", "unknown option '-p', ports are part of the URL: tcp://127.0.0.1:9000"],
      ["serve 99999", 'Cannot parse URL "tcp://127.0.0.1:99999": a port is a number from 0 to 65535'],
      ["serve 0.0.0.0:9000", "did you mean tcp://0.0.0.0:9000"],
      ["serve 0.0.0.0", "did you mean tcp://0.0.0.0?"],
      ["serve *:9000", "did you mean tcp://0.0.0.0:9000?"],
      ["serve localhost", "did you mean tcp://localhost?"],
      ["serve localhost:9000", "did you mean tcp://localhost:9000"],
      ["::1", "did you mean tcp://[::1]?"],
      ["serve [::]:9000", "did you mean tcp://[::]:9000"],
      ["join 9000", "did you mean tcp://127.0.0.1:9000?"],
      ["--max-lag \x1b[2J\x07\x9b", "\\x1b[2J\\x07\\x9b"],
      ["--\x1b[2J", "\\x1b[2J"],
      ["pub unix:x --file \x1b]0;t\x07", "Cannot read \\x1b]0;t\\x07"],
      ["join unix:/no/\x1b[2J", "\\x1b[2J"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assert(await main(terminal) > 0, line);
    assertStringIncludes(terminal.stderr.text, hint, line);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assertMatch(terminal.stderr.text, /^[^\x00-\x1f\x7f-\x9f]+\n$/, line);
  }
});
