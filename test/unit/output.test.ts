/** Queues of standard output and error: what cannot be written is counted, what waits has a bound. */

import { test } from "node:test";
import { setTimeout } from "node:timers";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LossyOutput, OUTPUT_LIMIT, PatientOutput, type Writer } from "../../src/cli/output.ts";
import { startLogging } from "../../src/cli/logging.ts";
import { main } from "../../src/cli/main.ts";
import { logger } from "../../src/logger.ts";
import { serve } from "../../mod.ts";
import { textOf } from "../helpers/bytes.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { pause } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };

/** A writer in the hands of a test. */
class FakeWriter implements Writer {
  readonly isTerminal = false;
  readonly columns: undefined = undefined;
  readonly rows: undefined = undefined;
  /** What has gone out. */
  text = "";
  /** What the next writes do: an error's code, a number of bytes that are taken, or nothing forever. Else all is written. */
  readonly next: (string | number | undefined)[] = [];
  /** Writes that were asked for. */
  writes = 0;
  #release: (() => void)[] = [];

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    let taken = bytes.length;
    if (this.next.length > 0) {
      const what = this.next.shift();
      if (typeof what === "string") throw Object.assign(new Error(what), { code: what });
      if (what === undefined) await new Promise<void>((resolve) => this.#release.push(resolve));
      else taken = Math.min(what, taken);
    }
    this.text += textOf(bytes.subarray(0, taken));
    return taken;
  }

  /** Lets the writes go on that stand. */
  release(): void {
    for (const resolve of this.#release.splice(0)) resolve();
  }
}

const loop = {
  defer: (run: () => void): void => void setTimeout(run, 0),
  after: (_milliseconds: number, run: () => void): () => void => {
    setTimeout(run, 0);
    return () => {};
  },
};

function lossy(...next: (string | number | undefined)[]): { writer: FakeWriter; output: LossyOutput } {
  const writer = new FakeWriter();
  writer.next.push(...next);
  const output = new LossyOutput(() => writer, loop);
  output.notice = (lines) => `(${lines} lost)\n`;
  return { writer, output };
}

test("a log on a disk that is full for a moment: what cannot be written is counted, and the count is written before what can", async () => {
  for (const code of ["ENOSPC", "EIO", "EPIPE", "EBADF", "EDQUOT"]) {
    const { writer, output } = lossy(code);
    void output.write("one\ntwo\n");
    await output.flush();
    assertEquals(writer.text, "", code);
    void output.write("three\n");
    void output.write("four\n");
    await output.flush();
    assertEquals(writer.text, "(2 lost)\nthree\nfour\n", code);
    void output.write("five\n");
    await output.flush();
    assertEquals(writer.text, "(2 lost)\nthree\nfour\nfive\n", code);
  }
});

test("a line that was cut by a full disk is ended before the next, and counted as lost once", async () => {
  const { writer, output } = lossy(6, "ENOSPC");
  void output.write("one\ntwo\nthree\n");
  await output.flush();
  assertEquals(writer.text, "one\ntw");
  void output.write("four\n");
  await output.flush();
  assertEquals(writer.text, "one\ntw\n(2 lost)\nfour\n");
  // The first of these is lost with the notice that was to go before it.
  writer.next.push("ENOSPC", 5, "ENOSPC", "ENOSPC");
  for (let count = 0; count < 3; count++) {
    void output.write(`line ${count}\n`);
    await output.flush();
  }
  void output.write("last\n");
  await output.flush();
  assertEquals(writer.text, "one\ntw\n(2 lost)\nfour\n(1 lo\n(3 lost)\nlast\n");
});

test("at the end the count is written, without a further line", async () => {
  const { writer, output } = lossy("ENOSPC");
  void output.write("one\n");
  while (writer.writes < 1) await pause();
  assertEquals(writer.text, "");
  await output.flush();
  assertEquals(writer.text, "(1 lost)\n");
});

test("a pipe that is not read: what waits has a bound in bytes, overhead included, and the count stands for the rest", async () => {
  for (const size of [1, 100, 3000]) {
    const { writer, output } = lossy(undefined);
    const line = `${"x".repeat(size - 1)}\n`;
    const lines = 2_000_000 / (size + 100) | 0;
    for (let count = 0; count < lines; count++) assertEquals(await output.write(line), undefined);
    let over = false;
    const flushed = output.flush().then(() => over = true);
    await pause(2);
    assertEquals([over, writer.text], [false, ""]);
    writer.release();
    await flushed;
    const kept = writer.text.indexOf("(") / size;
    assert(kept * (size + 128) <= OUTPUT_LIMIT, `${kept} lines of ${size} bytes waited`);
    assert(kept * (size + 128) > OUTPUT_LIMIT * 0.9, `${kept} lines of ${size} bytes waited`);
    assertEquals(writer.text, `${line.repeat(kept)}(${lines - kept} lost)\n`);
    void output.write("next\n");
    await output.flush();
    assert(writer.text.endsWith("lost)\nnext\n"));
  }
});

test("a line that is larger than all that may wait is dropped, and the next is not", async () => {
  const { writer, output } = lossy();
  void output.write(`${"x".repeat(OUTPUT_LIMIT)}\n`);
  await output.flush();
  void output.write("next\n");
  await output.flush();
  assertEquals(writer.text, "(1 lost)\nnext\n");
});

test("no room at the moment (EAGAIN), an interrupted write, a short write: nothing is lost, and nothing spins", async () => {
  const { writer, output } = lossy("EAGAIN", 2, "EINTR", "EAGAIN", "EAGAIN", 1);
  void output.write("one\n");
  void output.write("two\n");
  await output.flush();
  assertEquals([writer.text, writer.writes], ["one\ntwo\n", 7]);
});

test("output of a command: the writer waits for room, an error ends it with its reason, a stop does not wait", async () => {
  const writer = new FakeWriter();
  writer.next.push(undefined, "ENOSPC");
  const output = new PatientOutput(() => writer, loop);
  const half = "x".repeat(OUTPUT_LIMIT / 2);
  let waits = 0;
  const write = (): void => {
    waits++;
    void output.write(half).then(() => waits--);
  };
  for (let count = 0; count < 3; count++) write();
  await pause(2);
  assertEquals(waits, 2);
  writer.release();
  await output.flush();
  assertEquals([waits, writer.text.length, output.broken.aborted], [0, half.length, true]);
  assertEquals((output.broken.reason as { code: string }).code, "ENOSPC");
  write();
  await pause(2);
  assertEquals([waits, writer.text.length], [0, half.length]);

  const stuck = new PatientOutput(() => Object.assign(new FakeWriter(), { next: [undefined] }), loop);
  let released = false;
  void stuck.write(half);
  void stuck.write(half).then(() => released = true);
  await pause(2);
  assertEquals(released, false);
  stuck.release();
  await pause(2);
  await stuck.write(half);
  assertEquals(released, true);
});

test("the count is a log line like the others, and nothing that is logged acts on a terminal", () => {
  for (const format of ["text", "json"] as const) {
    const terminal = new FakeTerminal();
    const stop = startLogging(terminal, "error", format);
    try {
      logger.error("Said: \x1b[32m{value}", {
        value: "\x1b[2J\x1b]0;title\x07\x9b31m\r\nnew line",
        error: new Error("\x1b[31m"),
      });
    } finally {
      stop();
    }
    const [line, ...more] = terminal.stderr.text.split("\n");
    assertEquals(more, [""], format);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assertEquals(/[\x00-\x1f\x7f-\x9f]/.exec(line!), null, line);
    const notice = terminal.stderr.notice(12);
    if (format === "json") assertEquals(JSON.parse(notice).message, "12 log lines could not be written");
    else assertMatch(notice, /^\d{4}-\S+ \[warning\] mobcast: 12 log lines could not be written\n$/);
  }
});

test(
  "join: printing waits for a slow reader, so memory does not grow",
  LIMITED,
  async () => {
    await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
    const terminal = new FakeTerminal("join", mob.urls[0]!);
    let writes = 0;
    let goOn = (): void => {};
    terminal.stdout.write = () => {
      writes++;
      return new Promise((resolve) => goOn = resolve);
    };
    const code = main(terminal);
    const client = mob.join();
    while (mob.stats().connections < 2) await pause();
    for (let count = 0; count < 100; count++) await client.send(new Uint8Array(1000));
    while (writes === 0) await pause();
    await pause();
    // A message and its newline.
    assertEquals(writes, 2);
    goOn();
    while (writes < 4) await pause();
    await pause();
    assertEquals(writes, 4);
    terminal.signal("SIGTERM");
    terminal.signalAgain("SIGTERM");
    assertEquals(await code, 1);
    await client.close();
  },
);
