/** The command line after a lost connection, on a fake terminal: `sub --resume` and `join --reconnect`. */

import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { serve } from "../../mod.ts";
import { textOf } from "../helpers/bytes.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { pause } from "../helpers/wait.ts";
import { LIMITED } from "../helpers/cli.ts";

// --- streams that resume ---

test("serve --resume and sub --resume --reconnect: nothing is missed, or the bytes that are", LIMITED, async () => {
  const server = new FakeTerminal("serve", "tcp://127.0.0.1:0", "--resume", "--history", "1KiB");
  const serving = main(server);
  await server.stdout.match(/^listening on tcp:\/\/127\.0\.0\.1:\d+\?resume=true\n/);
  server.signal("SIGTERM");
  assertEquals(await serving, 0);

  const mob = await serve({ listen: "tcp://127.0.0.1:0", resume: true, history: 1000 });
  const url = mob.urls[0]!.replace("?resume=true", "");
  const terminal = new FakeTerminal("sub", url, "--resume", "--reconnect");
  const code = main(terminal);
  const cut = (): void => mob.connections().forEach(({ token }) => void mob.disconnect(token));
  const say = async (text: string): Promise<void> => {
    mob.publish(text);
    await terminal.stdout.match(new RegExp(`${text}\n`));
  };
  await terminal.stderr.match(/connected/);
  await say("one");
  cut();
  mob.publish("two");
  await say("three");
  assertEquals(terminal.stdout.text, "one\ntwo\nthree\n");
  cut();
  for (let number = 0; number < 20; number++) mob.publish("x".repeat(92));
  await terminal.stderr.match(/^mobcast: missed 1000 bytes of messages, in \d+\.\d s$/m);
  assertEquals(terminal.stderr.text.match(/missed/g)!.length, 1);
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
  await mob.close();
});

// --- join ---

test(
  "join --reconnect: each change and the gap are reported, and lines typed meanwhile are sent",
  LIMITED,
  async () => {
    const url = await freeUrl();
    const first = await serve({ listen: url });
    const terminal = new FakeTerminal("join", url, "--reconnect");
    const code = main(terminal);
    terminal.stdin.say("one\n");
    await terminal.stdout.match(/one\n/);
    await first.close();
    await terminal.stderr.match(/trying again/);
    terminal.stdin.say("two\n");
    const second = await serve({ listen: url });
    await terminal.stdout.match(/two\n/);
    terminal.signal("SIGINT");
    assertEquals(await code, 0);
    assertEquals(terminal.stdout.text, "one\ntwo\n");
    const lines = terminal.stderr.text.split("\n").filter((line) => !line.includes("trying again"));
    assertEquals(lines, [
      `mobcast: connected to ${url}`,
      `mobcast: lost ${url}: the server ended the connection`,
      `mobcast: connected to ${url} again`,
      lines[3],
      "",
    ]);
    assertMatch(lines[3]!, /^mobcast: missed the messages of at least \d+\.\d s$/);
    assertMatch(terminal.stderr.text, /^mobcast: trying again$/m);
    await second.close();
  },
);

test("join --reconnect: no server at first is an error, an interrupt while it waits is none", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const url = mob.urls[0]!;
  const waiting = new FakeTerminal("join", url, "--reconnect");
  const code = main(waiting);
  const inside = mob.join();
  waiting.stdin.say("hello\n");
  for await (const message of inside) {
    assertEquals(textOf(message), "hello");
    break;
  }
  await mob.close();
  await waiting.stderr.match(/trying again/);
  waiting.signal("SIGINT");
  assertEquals(await code, 0);
  while (waiting.handlers > 0) await pause();
  const nobody = new FakeTerminal("join", url, "--reconnect");
  assertEquals(await main(nobody), 1);
  assertEquals(nobody.stderr.text, `mobcast: Cannot connect to ${url}: connection refused (ECONNREFUSED)\n`);
});
