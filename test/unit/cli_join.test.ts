/** The command `join`, in this process and on a fake terminal. */

import { createServer } from "node:net";
import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { main } from "../../src/cli/main.ts";
import { OwnMessages } from "../../src/cli/own_messages.ts";
import { bytesOf } from "../helpers/bytes.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { screenOf } from "../helpers/screen.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { pause } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };

const LEFT = "\x1b[D";
const UP = "\x1b[A";
const CTRL_C = "\x03";
const CTRL_D = "\x04";

/** A terminal with a person at it. */
function personAt(...args: string[]): FakeTerminal {
  const terminal = new FakeTerminal(...args);
  terminal.stdin.isTerminal = terminal.stdout.isTerminal = true;
  terminal.stdout.columns = 30;
  return terminal;
}

/** What the person sees. */
function seenBy({ stdout }: FakeTerminal): string[] {
  return screenOf(stdout.text, stdout.columns!);
}

/** Waits until the person sees exactly these lines. The test's own time limit ends a vain wait. */
async function sees(terminal: FakeTerminal, ...lines: string[]): Promise<void> {
  while (JSON.stringify(seenBy(terminal)) !== JSON.stringify(lines)) await terminal.stdout.next();
}

// --- with a line editor ---

test("join: what others say never lands inside what is typed, however long it is", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const person = personAt("join", mob.urls[0]!);
  const code = main(person);
  await sees(person, ">");
  person.stdin.say("i am in the middle");
  await sees(person, "> i am in the middle");
  await mob.publish("interrupting");
  await sees(person, "interrupting", "> i am in the middle");
  // The cursor is inside the line, and the line becomes longer than a row: exactly as long, and longer.
  for (const typed of [LEFT.repeat(6), "x".repeat(10), "y", "z".repeat(40)]) {
    person.stdin.say(typed);
    await pause();
    await mob.publish("another one, which is longer than a row");
    while (!person.stdout.text.includes("row\n")) await pause();
  }
  const typed = `> i am in the ${"x".repeat(10)}y${"z".repeat(40)}middle`;
  const rows = [typed.slice(0, 30), typed.slice(30, 60), typed.slice(60)];
  const others = Array.from({ length: 4 }, () => ["another one, which is longer t", "han a row"]).flat();
  await sees(person, "interrupting", ...others, ...rows);
  person.stdin.say("\r");
  await sees(person, "interrupting", ...others, ...rows, ">");
  person.stdin.say(CTRL_D);
  assertEquals(await code, 0);
});

test("join: arrows edit, history returns, one's own line shows once, with the name in front", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  await using other = await connect(mob.urls[0]!);
  const person = personAt("join", mob.urls[0]!, "--name", "a\x1bnn");
  const code = main(person);
  await sees(person, "a\\x1bnn:");
  person.stdin.say(`helo${LEFT}l\r`);
  const messages = other.text();
  assertEquals((await messages.next()).value, "a\x1bnn: hello");
  await mob.publish("a\x1bnn: hello");
  await mob.publish("bob: hi");
  await sees(person, "a\\x1bnn: hello", "a\\x1bnn: hello", "bob: hi", "a\\x1bnn:");
  person.stdin.say("\r").say(UP);
  await sees(person, "a\\x1bnn: hello", "a\\x1bnn: hello", "bob: hi", "a\\x1bnn:", "a\\x1bnn: hello");
  person.stdin.say("\r");
  assertEquals((await messages.next()).value, "a\x1bnn: hello");
  person.stdin.say("what is not sent").say(CTRL_C);
  assertEquals(await code, 0);
  assertEquals(seenBy(person).at(-1), "a\\x1bnn: hello");
  assertEquals(person.stderr.text.split("\n").slice(1), [`left ${mob.urls[0]}`, ""]);
  assertEquals(person.handlers, 0);
});

test("join: a person is told how it ended: refused, ended, too long a line, a lost connection", LIMITED, async () => {
  await using full = await serve({ listen: "tcp://127.0.0.1:0", maxConnections: 1 });
  const url = full.urls[0]!;
  const member = personAt("join", url, "--max-frame", "10");
  const code = main(member);
  await sees(member, ">");
  member.stdin.say("much too long\r");
  await member.stdout.match(/mobcast: Cannot send to [^\n]+10[^\n]*\n/);
  member.stdin.say("short\r");
  while (full.stats().published.frames < 1) await pause();
  const refused = personAt("join", url);
  assertEquals(await main(refused), 1);
  assertMatch(refused.stderr.text, /\nmobcast: Cannot [^\n]+, before anything was received: is it full[^\n]+\n$/);
  assertEquals(seenBy(refused), []);
  member.stdin.say("half a li");
  await full.close();
  assertEquals(await code, 1);
  assertEquals(
    member.stderr.text.split("\n").slice(1),
    [`mobcast: Cannot stay in ${url}: the server ended the connection`, ""],
  );
  assertEquals(seenBy(member).at(-1), "> short");
});

test("own messages: in order, by content, and not for ever", () => {
  let time = 0;
  const own = new OwnMessages({ now: () => time });
  own.add(bytesOf("one"));
  const forget = own.add(bytesOf("two"));
  own.add(bytesOf("three"));
  assertEquals(own.take(bytesOf("two")), false);
  assertEquals(own.take(bytesOf("one")), true);
  assertEquals(own.take(bytesOf("one")), false);
  forget();
  assertEquals(own.take(bytesOf("three")), true);
  own.add(bytesOf("four"));
  time = 10_001;
  own.add(bytesOf("five"));
  assertEquals(own.take(bytesOf("four")), false);
  assertEquals(own.take(bytesOf("five")), true);
  own.add(bytesOf("six"));
  own.forget();
  assertEquals(own.take(bytesOf("six")), false);
});

// --- without a terminal ---

test("join: a refusal, and an end by the server, is reported in words and with exit code 1", LIMITED, async () => {
  await using full = await serve({ listen: "tcp://127.0.0.1:0", maxConnections: 1 });
  const url = full.urls[0]!;
  const member = new FakeTerminal("join", url);
  member.stdin.say("hello\n");
  const code = main(member);
  await member.stdout.match(/hello/);
  const refused = new FakeTerminal("join", url);
  refused.stdin.isTerminal = true;
  assertEquals(await main(refused), 1);
  assertMatch(
    refused.stderr.text,
    /^connected to tcp:[^\n]+\nmobcast: Cannot [^\n]+, before anything was received: [^\n]+\n$/,
  );
  await full.close();
  assertEquals(await code, 1);
  assertEquals(member.stderr.text, `mobcast: Cannot stay in ${url}: the server ended the connection\n`);
  await using secret = await serve({ listen: "tcp://127.0.0.1:0", secret: "open sesame" });
  const unauthenticated = new FakeTerminal("join", secret.urls[0]!);
  unauthenticated.stdin.say("friend\n");
  assertEquals(await main(unauthenticated), 1);
  assertMatch(
    unauthenticated.stderr.text,
    /^mobcast: Cannot [^\n]+, before anything was received: [^\n]+--secret-file[^\n]+\n$/,
  );
});

test("join: an output that cannot be written is reported, and a reader that has gone is not", LIMITED, async () => {
  for (
    const [reason, exit, printed] of [["EPIPE", 0, ""], ["EIO", 1, "input/output error"], [
      "ENOSPC",
      1,
      "no space",
    ]] as const
  ) {
    await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
    const terminal = new FakeTerminal("join", mob.urls[0]!);
    const code = main(terminal);
    terminal.stdin.say("hello\n");
    await terminal.stdout.match(/hello/);
    terminal.stdout.break(reason);
    assertEquals(await code, exit, reason);
    assertEquals(
      terminal.stderr.text.startsWith(exit === 0 ? "" : `mobcast: Cannot write standard output: ${printed}`),
      true,
    );
    assertEquals(terminal.stderr.text.split("\n").length, exit + 1);
  }
});

test("join: lines go out, frames come in; raw for a pipe, visible for a person", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const pipe = new FakeTerminal("join", mob.urls[0]!);
  const person = personAt("join", mob.urls[0]!);
  const codes = [main(pipe), main(person)];
  await person.stdout.match(/> /);
  while (mob.stats().connections < 2) await pause();
  pipe.stdin.say("one\n\ntw").say("o\n\x1b[31mred\nlast").end();
  await person.stdout.match(/last\n/);
  await pipe.stdout.match(/last\n/);
  assertEquals(pipe.stdout.text, "one\ntwo\n\x1b[31mred\nlast\n");
  assertEquals(seenBy(person), ["one", "two", "\\x1b[31mred", "last", ">"]);
  // The pipe has ended and still receives; the user at the terminal has left.
  person.stdin.say("bye\r").end();
  assertEquals(await codes[1], 0);
  await pipe.stdout.match(/bye\n/);
  const url = mob.urls[0];
  assertEquals(person.stderr.text, `connected to ${url}, Ctrl-D leaves\nleft ${url}\n`);
  await mob.close();
  assertEquals(await codes[0], 1);
  assertEquals(pipe.stderr.text, `mobcast: Cannot stay in ${url}: the server ended the connection\n`);
});

test(
  "join --reconnect: a person is told once of each connection, and of no wait but the first and long ones",
  LIMITED,
  async () => {
    const url = await freeUrl();
    const first = await serve({ listen: url });
    const person = personAt("join", url, "--reconnect");
    const code = main(person);
    await person.stdout.match(/> /);
    await first.close();
    await person.stdout.match(/trying again/);
    const second = await serve({ listen: url });
    await person.stdout.match(/connected to [^]*missed/);
    person.stdin.say("bye\r").end();
    assertEquals(await code, 0);
    assertEquals(person.stderr.text, `connected to ${url}, Ctrl-D leaves\nleft ${url}\n`);
    assertMatch(seenBy(person).join(""), /^mobcast: lost [^]*mobcast: trying againmobcast: (?!.* ms)/);
    assertEquals(person.stdout.text.match(/: connected to/g)?.length, 1);
    await second.close();
  },
);

test(
  "join: an output without room is waited for, and nothing more is taken from the server meanwhile",
  LIMITED,
  async () => {
    for (const isTerminal of [false, true]) {
      await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
      const terminal = new FakeTerminal("join", mob.urls[0]!);
      terminal.stdout.isTerminal = isTerminal;
      let makeRoom = (): void => {};
      terminal.stdout.room = new Promise((resolve) => makeRoom = resolve);
      const code = main(terminal);
      while (mob.stats().connections < 1) await pause();
      await using speaker = await connect(mob.urls[0]!);
      for (const word of ["one", "two", "three"]) await speaker.send(bytesOf(word));
      await terminal.stdout.match(/one\n/);
      for (let tick = 0; tick < 20; tick++) await pause();
      assertEquals(terminal.stdout.text, "one\n");
      makeRoom();
      await terminal.stdout.match(/two\nthree\n/);
      terminal.signal("SIGINT");
      assertEquals(await code, 0);
    }
  },
);

test("join: no server, a line too long: one line each, exit code 1", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const url = mob.urls[0]!;
  const long = new FakeTerminal("join", url, "--max-frame", "10");
  long.stdin.say(`ok\n${"x".repeat(11)}\n`);
  assertEquals(await main(long), 1);
  assertEquals(long.stderr.text, "mobcast: Cannot send line 2: it is over 10 bytes, see --max-frame\n");
  await mob.close();
  const nobody = new FakeTerminal("join", url);
  assertEquals(await main(nobody), 1);
  assertEquals(nobody.stderr.text, `mobcast: Cannot connect to ${url}: connection refused (ECONNREFUSED)\n`);
});

test(
  "join --reconnect: lines that wait for a connection when a person leaves are counted, exit code 1",
  LIMITED,
  async () => {
    const mob = await serve({ listen: "tcp://127.0.0.1:0" });
    const url = mob.urls[0]!;
    const person = personAt("join", url, "--reconnect");
    const code = main(person);
    await person.stdout.match(/> /);
    await mob.close();
    await person.stdout.match(/trying again/);
    person.stdin.say("one\rtwo\r").end();
    assertEquals(await code, 1);
    assertMatch(person.stderr.text, /^mobcast: Cannot send 2 of your lines to [^\n]+\n$/m);
  },
);

test("join: a server that ends inside a frame broke the connection", LIMITED, async () => {
  const server = createServer((socket) => void socket.on("error", () => {}).end("\0\0\0\0\0\0\0\x09half"));
  const url = await new Promise<string>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`tcp://127.0.0.1:${(server.address() as { port: number }).port}`));
  });
  const terminal = new FakeTerminal("join", url);
  assertEquals(await main(terminal), 1);
  assertEquals(terminal.stderr.text, `mobcast: Cannot read from ${url}: the stream ended inside a frame\n`);
  server.close();
});

test("join: ends quietly when its reader has gone", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const terminal = new FakeTerminal("join", mob.urls[0]!);
  const code = main(terminal);
  terminal.stdin.say("hello\n");
  await terminal.stdout.match(/hello/);
  terminal.stdout.break();
  assertEquals(await code, 0);
  assertEquals(terminal.stderr.text, "");
});

test(
  "join: --name is in front of each line of a pipe, and a line that is too long with it is reported",
  LIMITED,
  async () => {
    await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
    const terminal = new FakeTerminal("join", mob.urls[0]!, "--name", "ann", "--max-frame", "10");
    const code = main(terminal);
    terminal.stdin.say("hello\n");
    await terminal.stdout.match(/^ann: hello\n$/);
    terminal.stdin.say("hello!\n");
    assertEquals(await code, 1);
    assertMatch(terminal.stderr.text, /^mobcast: Cannot send to [^\n]+\n$/);
  },
);

test("join: Ctrl-D leaves when only the input is a terminal", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const terminal = new FakeTerminal("join", mob.urls[0]!);
  terminal.stdin.isTerminal = true;
  terminal.stdin.say("bye\n").end();
  assertEquals(await main(terminal), 0);
  assertEquals(mob.stats().published.frames, 1);
});
