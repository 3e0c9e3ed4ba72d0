/** The command `sub`, in this process and on a fake terminal. */

import { test } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Mob, serve } from "../../mod.ts";
import { main } from "../../src/cli/main.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { pause } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };
const TIME = "2026-01-31T12:00:00.000Z";

/** Subscribes, and resolves when the connection has joined. */
async function subscribed(
  mob: Mob,
  args: readonly string[],
  isTerminal: boolean = false,
): Promise<{ terminal: FakeTerminal; code: Promise<number> }> {
  const before = mob.stats().joined;
  const terminal = new FakeTerminal("sub", mob.urls[0]!, ...args);
  terminal.stdout.isTerminal = isTerminal;
  const code = main(terminal);
  while (mob.stats().joined === before) await pause();
  return { terminal, code };
}

const MESSAGES = ["text", "\x1b[31mred\x9b\u202e", Uint8Array.of(0xff, 0x0a)];

test("sub: every form of output, and the end after --count messages", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  for (
    const [args, isTerminal, printed] of [
      [[], false, "text\n\x1b[31mred\x9b\u202e\n\ufffd\n\n"],
      [[], true, "text\n\\x1b[31mred\\x9b\\u202e\n\ufffd\\x0a\n"],
      [["--timestamps"], false, `${TIME} text\n${TIME} \x1b[31mred\x9b\u202e\n${TIME} \ufffd\n\n`],
      [["--hex"], true, "74657874\n1b5b33316d726564c29be280ae\nff0a\n"],
      [["--hex", "--timestamps"], false, `${TIME} 74657874\n${TIME} 1b5b33316d726564c29be280ae\n${TIME} ff0a\n`],
      [["--raw"], false, "text\x1b[31mred\x9b\u202e\ufffd\n"],
      [
        ["--json"],
        false,
        `{"time":"${TIME}","size":4,"text":"text"}\n` +
        `{"time":"${TIME}","size":13,"text":"\\u001b[31mred\\u009b\\u202e"}\n` +
        `{"time":"${TIME}","size":2,"base64":"/wo="}\n`,
      ],
    ] as const
  ) {
    const { terminal, code } = await subscribed(mob, [...args, "--count", "3"], isTerminal);
    for (const message of [...MESSAGES, "one more"]) await mob.publish(message);
    assertEquals([await code, terminal.stderr.text], [0, ""]);
    assertEquals(terminal.stdout.text, printed, args.join(" "));
    while (mob.stats().connections > 0) await pause();
  }
});

test("sub: the texts of JSON read back as they were sent, and so do bytes", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const { terminal, code } = await subscribed(mob, ["--json", "--count", "2"]);
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index * 7);
  await mob.publish('"\ufeffquoted"\x1b\\');
  await mob.publish(bytes);
  assertEquals(await code, 0);
  const [first, second] = terminal.stdout.text.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(first.text, '"\ufeffquoted"\x1b\\');
  assertEquals(Uint8Array.from(atob(second.base64), (character) => character.charCodeAt(0)), bytes);
});

test("sub: it ends with 0 when the time is over, by a signal, and when its reader has gone", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const timed = new FakeTerminal("sub", mob.urls[0]!, "--for", "2s");
  timed.speed = 100;
  assertEquals([await main(timed), timed.stderr.text, timed.stdout.text], [0, "", ""]);
  const { terminal, code } = await subscribed(mob, []);
  terminal.signal("SIGINT");
  assertEquals([await code, terminal.stderr.text, terminal.handlers], [0, "", 0]);
  for (
    const [reason, exit, words] of [["EPIPE", 0, ""], ["ENOSPC", 1, "mobcast: Cannot write standard output: "]] as const
  ) {
    const { terminal, code } = await subscribed(mob, []);
    await mob.publish("hello");
    await terminal.stdout.match(/hello/);
    terminal.stdout.break(reason);
    assertEquals(await code, exit);
    assertStringIncludes(terminal.stderr.text, words);
    assertEquals(terminal.stderr.text === "", exit === 0);
  }
});

test("sub: refused, ended by the server, and no server there: one line each, exit code 1", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0", maxConnections: 1 });
  const url = mob.urls[0]!;
  const { terminal, code } = await subscribed(mob, []);
  const refused = new FakeTerminal("sub", url);
  assertEquals(await main(refused), 1);
  assertMatch(refused.stderr.text, /^mobcast: Cannot [^\n]+, before anything was received: is it full[^\n]+\n$/);
  await mob.publish("hello");
  await terminal.stdout.match(/hello/);
  await mob.close();
  assertEquals(await code, 1);
  assertEquals(terminal.stderr.text, `mobcast: Cannot stay in ${url}: the server ended the connection\n`);
  // Nothing was received for long: it was no refusal.
  const silent = await serve({ listen: "tcp://127.0.0.1:0" });
  const [silentUrl = ""] = silent.urls;
  const quiet = new FakeTerminal("sub", silentUrl);
  quiet.speed = 100_000;
  const ended = main(quiet);
  while (silent.stats().connections < 1) await pause();
  for (let tick = 0; tick < 5; tick++) await pause();
  await silent.close();
  assertEquals(await ended, 1);
  assertEquals(quiet.stderr.text, `mobcast: Cannot stay in ${silentUrl}: the server ended the connection\n`);
  const nobody = new FakeTerminal("sub", url);
  assertEquals(await main(nobody), 1);
  assertEquals(nobody.stderr.text, `mobcast: Cannot connect to ${url}: connection refused (ECONNREFUSED)\n`);
});

test("sub: options that are wrong, or wrong together", async () => {
  for (
    const [line, ...parts] of [
      ["sub --count 0", "--count"],
      ["sub --for 10", "--for", "10s"],
      ["sub --json --hex", "--json", "--hex"],
      ["sub --raw --timestamps", "--raw", "--timestamps"],
      ["sub -n 5", "did you mean --count?"],
      ["sub --timeout 5s", "did you mean --for?"],
      ["sub --host ::1 -p 77", "tcp://[::1]:77"],
      ["sub tcp://h:1 tcp://h:2", "too many arguments"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assertEquals(await main(terminal), 2, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, line);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part, line);
  }
});
