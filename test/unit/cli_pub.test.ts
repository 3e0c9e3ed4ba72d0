/** The command `pub`, in this process and on a fake terminal. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { serve } from "../../mod.ts";
import { EchoCount } from "../../src/cli/echo_count.ts";
import { main } from "../../src/cli/main.ts";
import { PubProgress } from "../../src/cli/progress.ts";
import { parseRate } from "../../src/cli/units.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { pause } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };

/** Runs a command to its end. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const terminal = new FakeTerminal(...args);
  const code = await main(terminal);
  return { code, stdout: terminal.stdout.text, stderr: terminal.stderr.text };
}

test("pub: each text is a message, and the URL may stand anywhere among them", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const url = mob.urls[0]!;
  const messages = mob.join().text();
  for (
    const [args, ...texts] of [
      [["hello all", "bye", url], "hello all", "bye"],
      [["hello", url, "bye"], "hello", "bye"],
      [[url, "--rate", "1000/s", "hello"], "hello"],
      [["--no-wait", url, "hello"], "hello"],
      [["hello", url, "--", "tcp://a", "-x", "-"], "hello", "tcp://a", "-x", "-"],
      [["see https:", "12:30", url], "see https:", "12:30"],
    ] as const
  ) {
    const bytes = texts.reduce((sum, { length }) => sum + length, 0);
    const { code, stdout, stderr } = await run("pub", ...args);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    const count = texts.length === 1 ? "1 message" : `${texts.length} messages`;
    assertMatch(stdout, new RegExp(`^published ${count}, ${bytes} bytes in \\d+\\.\\d{3} s, \\d+/s\\n$`));
    for (const text of texts) assertEquals((await messages.next()).value, text);
  }
});

test("pub: arguments that could be mistaken are refused, with what was probably meant", async () => {
  for (
    const [args, part] of [
      [["tcp://a", "tcp://b"], "two URLs, tcp://a and tcp://b"],
      [["http://h:80", "x"], '"http:" is not supported'],
      [["127.0.0.1:9000", "hi"], "did you mean tcp://127.0.0.1:9000?"],
      [["localhost:9000", "hi"], "did you mean tcp://localhost:9000?"],
      [["--file", "f", "hi"], "--file and TEXT"],
      [["-", "hi"], "both - for standard input and TEXT"],
      [[""], "TEXT is empty"],
      [["--rate", "0", "hi"], "100/s"],
      [["-m", "hi"], "mobcast pub TEXT"],
      [["-t", "room", "hi"], "no topics"],
    ] as const
  ) {
    const { code, stderr } = await run("pub", ...args);
    assertEquals(code, 2, stderr);
    assertMatch(stderr, /^mobcast: [^\n]+\n$/);
    assertStringIncludes(stderr, part);
  }
});

test("pub: a message that cannot be sent is one line and exit code 1", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0?framing=line" });
  const url = mob.urls[0]!;
  for (
    const [args, part] of [[["a\nb", url], "newline"], [["x".repeat(11), url, "--max-frame", "10"], "10"]] as const
  ) {
    const { code, stdout, stderr } = await run("pub", ...args);
    assertEquals([code, stdout], [1, ""], stderr);
    assertMatch(stderr, /^mobcast: Cannot send to [^\n]+\n$/);
    assertStringIncludes(stderr, part);
  }
});

test("pub: without waiting, for a server that echoes to the others only", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0", echo: "others" });
  const messages = mob.join().text();
  const { code, stdout, stderr } = await run("pub", mob.urls[0]!, "--no-wait", "one");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^published 1 message, 3 bytes in /);
  assertEquals((await messages.next()).value, "one");
});

test("pub: refused, and no server there: one line each, exit code 1", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0", maxConnections: 1 });
  const url = mob.urls[0]!;
  const member = new FakeTerminal("join", url);
  const joined = main(member);
  while (mob.stats().connections < 1) await pause();
  const refused = await run("pub", url, "two");
  assertEquals(refused.code, 1);
  assertMatch(refused.stderr, /^mobcast: Cannot [^\n]+ before anything was received: is it full[^\n]+\n$/);
  member.signal("SIGINT");
  assertEquals(await joined, 0);
  await mob.close();
  assertEquals(await run("pub", url, "three"), {
    code: 1,
    stdout: "",
    stderr: `mobcast: Cannot connect to ${url}: connection refused (ECONNREFUSED)\n`,
  });
});

test("pub: rates", async () => {
  for (const [text, rate] of [["100/s", 100], ["100", 100], ["30/m", 0.5], ["2.5/S", 2.5], ["7200/h", 2]] as const) {
    assertEquals(parseRate(text), rate, text);
  }
  for (const text of ["", "0", "/s", "-1/s", "1e3", "100/d", "1000001/s", "100 /s"]) {
    assertEquals(parseRate(text), undefined, text);
  }
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const terminal = new FakeTerminal("pub", mob.urls[0]!, "--rate", "20/m", "one", "two", "three");
  terminal.speed = 100;
  assertEquals(await main(terminal), 0);
  const [, seconds] = await terminal.stdout.match(/in (\d+\.\d+) s/);
  // A timer may come a little early, which this clock makes longer.
  assert(Number(seconds) >= 5.5, `two pauses of 3 s in ${seconds} s`);
  const stopped = new FakeTerminal("pub", mob.urls[0]!, "--rate", "1/h", "one", "two");
  const code = main(stopped);
  while (mob.stats().published.frames < 4) await pause();
  stopped.signal("SIGINT");
  assertEquals(await code, 0);
});

test("pub: the numbers of the progress bar fit together", () => {
  const shown = (size: number | undefined, count: number | undefined, ...steps: number[][]): string[] => {
    const terminal = new FakeTerminal();
    let time = 0;
    terminal.now = () => time;
    const progress = new PubProgress(terminal, size, count);
    return steps.map(([sent = 0, received = 0, receivedBytes = 0, empty = 0]) => {
      time += 1000;
      const before = terminal.stderr.text.length;
      progress.update({ sent, received, receivedBytes, empty });
      progress.stop();
      // deno-lint-ignore no-control-regex -- the bar is drawn with control sequences
      const [last = ""] = terminal.stderr.text.slice(before).match(/[^\x1b\n]*\d+ [^\x1b\n]*/g)?.slice(-1) ?? [];
      return last.replace(/^.*[█░G] ?/, "");
    });
  };
  // 100 lines of 9 bytes and a newline.
  assertEquals(shown(1000, undefined, [80, 25, 225]), ["25% of 1000 B, 25 messages back, 55 under way, 3 s left"]);
  assertEquals(shown(1000, undefined, [100, 100, 900]), ["100% of 1000 B, 100 messages back, 0 under way"]);
  assertEquals(shown(999, undefined, [100, 100, 900]), ["100% of 999 B, 100 messages back, 0 under way"]);
  assertEquals(shown(1000, undefined, [0, 0, 0]), ["0% of 1000 B, 0 messages back, 0 under way"]);
  assertEquals(shown(100, 4, [3, 1, 20]), ["25%, 1 of 4 messages, 3 s left"]);
  assertEquals(shown(undefined, undefined, [80, 25, 225]), ["25 messages back, 55 under way"]);
});

test("pub: all lines come back, others' frames in between do not count", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const other = mob.join({ receive: false });
  let talking = true;
  const talk = async (): Promise<void> => {
    for (let number = 0; talking; number++) {
      await other.send(bytesOf(`other ${number}`));
      if (number % 10 === 0) await pause();
    }
  };
  const talked = talk();
  const terminal = new FakeTerminal("pub", mob.urls[0]!, "--file", "file");
  const lines = Array.from({ length: 10_000 }, (_, number) => `line ${number}\n`).join("");
  terminal.files.set("file", new FakeTerminal().stdin.say(`\n\n${lines}last`).end());
  assertEquals(await main(terminal), 0);
  talking = false;
  await talked;
  assertMatch(
    terminal.stdout.text,
    /^published 10001 messages, 88894 bytes in \d+\.\d{3} s, \d+\/s, empty lines skipped: 2\n$/,
  );
  assertEquals(terminal.stderr.text, "");
});

test("pub: frames that do not come back are reported after ten quiet seconds", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0", echo: "others" });
  const terminal = new FakeTerminal("pub", mob.urls[0]!);
  terminal.speed = 50;
  terminal.stdin.say("one\ntwo\n").end();
  assertEquals(await main(terminal), 1);
  assertEquals(
    terminal.stderr.text,
    `mobcast: Cannot receive all from ${
      mob.urls[0]
    }: received 0 of 2, nothing came back for 10 s, with a server of --echo others use --no-wait\n`,
  );
});

test("pub: a server that leaves, a file that is not there, nothing to send, an interrupt", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const url = mob.urls[0]!;
  const missing = new FakeTerminal("pub", "--file", "nowhere", url);
  assertEquals(await main(missing), 1);
  assertEquals(missing.stderr.text, "mobcast: Cannot read nowhere: no such file\n");
  const nothing = new FakeTerminal("pub", url, "-");
  nothing.stdin.end();
  assertEquals(await main(nothing), 0);
  assertStringIncludes(nothing.stdout.text, "published 0 messages, 0 bytes");

  const interrupted = new FakeTerminal("pub", url);
  interrupted.stdin.say("one\n");
  const listener = mob.join();
  const code = main(interrupted);
  for await (const message of listener) {
    assertEquals(textOf(message), "one");
    break;
  }
  interrupted.signal("SIGINT");
  assertEquals(await code, 0);
  assertMatch(interrupted.stdout.text, /^published 1 message, /);

  const left = new FakeTerminal("pub", url);
  left.stdin.say("two\n");
  const leaving = main(left);
  for await (const message of listener) {
    assertEquals(textOf(message), "two");
    break;
  }
  await Promise.all([mob.close(), listener.close()]);
  assertEquals(await leaving, 1);
  assertMatch(
    left.stderr.text,
    /^mobcast: Cannot receive all from [^\n]+: received [01] of 1, the server ended[^\n]*\n$/,
  );
});

test("pub: a progress bar for a person, and none for a file", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const terminal = new FakeTerminal("pub", mob.urls[0]!, "--file", "file");
  terminal.stderr.isTerminal = true;
  const file = new FakeTerminal().stdin.say("one\ntwo\n\nthree\n").end();
  file.size = 15;
  terminal.files.set("file", file);
  assertEquals(await main(terminal), 0);
  assertMatch(terminal.stderr.text, /█{30} 100% of 15 B, 3 messages back, 0 under way/);
  const unknown = new FakeTerminal("pub", mob.urls[0]!);
  unknown.stderr.isTerminal = true;
  unknown.stdin.say("one\n").end();
  assertEquals(await main(unknown), 0);
  assertMatch(unknown.stderr.text, /^[^█]*1 messages back, 0 under way/);
});

test("echoes: own frames by content and order, over many of them", () => {
  const echoes = new EchoCount();
  assertEquals(echoes.receive(bytesOf("0")), false);
  for (let number = 0; number < 10_000; number++) assert(echoes.send(bytesOf(`${number}`)));
  assertEquals(echoes.send(new Uint8Array(0)), false);
  assertEquals(echoes.receive(bytesOf("1")), false);
  for (let number = 0; number < 10_000; number++) {
    assertEquals(echoes.isComplete, false);
    assertEquals(echoes.receive(bytesOf("x")), false);
    assert(echoes.receive(bytesOf(`${number}`)));
  }
  assert(echoes.isComplete);
  assertEquals([echoes.sent, echoes.received, echoes.receivedBytes, echoes.empty], [10_000, 10_000, 38_890, 1]);
});
