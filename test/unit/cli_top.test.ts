/** The commands `stats` and `top`, in this process and on a fake terminal: what they show, keys, ends and restarts. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { tell } from "../../src/cli/stats.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { connectionOf, lookOf, MIB, reportOf } from "../helpers/reports.ts";
import { screenOf } from "../helpers/screen.ts";
import { ScriptedStatus } from "../helpers/scripted_status.ts";
import { pause } from "../helpers/wait.ts";
import { OTHERS, seenOf } from "../helpers/top_view.ts";

const LIMITED = { timeout: 30_000 };

// --- stats ---

test("stats: everything that a mob counts, in groups, each with its unit", () => {
  const { report } = seenOf();
  const text = tell(report);
  for (
    const part of [
      "Server\n  version             mobcast 1.2.3 on node 24.1.0\n",
      "  process             4711, up 2 min\n",
      "  now                 120 of at most 1,024\n",
      "    tcp://127.0.0.1:8080  119\n",
      "    lagged  ",
      "  limit               is disconnected over 16.0 MiB, or when it takes nothing for 30 s\n",
      "half ≤ 1 ms, 99 % > 10 ms, all > 10 ms",
    ]
  ) {
    assertStringIncludes(text.replace(/ +/g, " "), part.replace(/ +/g, " "));
  }
  // No counter is forgotten: each changes what is told.
  for (const [name, value] of Object.entries(report.stats)) {
    const other = typeof value === "number"
      ? value + 5_000_000
      : value !== undefined && "frames" in value
      ? { frames: 98_765_432, bytes: 98_765_432 }
      : undefined;
    if (other === undefined) continue;
    assert(tell({ ...report, stats: { ...report.stats, [name]: other } }) !== text, name);
  }
});

/** A terminal of 80 columns and 24 rows, with a keyboard. */
function terminalOf(...args: readonly string[]): FakeTerminal {
  const terminal = new FakeTerminal(...args);
  terminal.stdout.isTerminal = terminal.stdin.isTerminal = true;
  terminal.resize(80, 24);
  return terminal;
}

/** A status of a mob with a stuck connection and 60 others. */
async function opened(): Promise<ScriptedStatus> {
  const { report, list } = lookOf({}, connectionOf(1, { lag: MIB }), ...OTHERS);
  return await new ScriptedStatus(report, { ...list, total: 61 }).open();
}

test("stats: once, as text and as JSON, and what is wrong in one line", LIMITED, async () => {
  await using status = await opened();
  const text = new FakeTerminal("stats", status.url);
  assertEquals([await main(text), text.stderr.text], [0, ""]);
  assertEquals(text.stdout.text, tell(JSON.parse(JSON.stringify(status.report))));
  const json = new FakeTerminal("stats", status.url, "--json");
  assertEquals([await main(json), json.stderr.text], [0, ""]);
  assertEquals(JSON.parse(json.stdout.text), JSON.parse(JSON.stringify(status.report)));
  await status.close();
  for (const command of ["stats", "top"]) {
    const terminal = terminalOf(command, status.url);
    assertEquals([await main(terminal), terminal.stdout.text, terminal.handlers], [1, "", 0]);
    assertMatch(
      terminal.stderr.text,
      /^mobcast: Cannot read the status of http:\S+: connection refused \(ECONNREFUSED\), start the server with --status http:\S+\n$/,
    );
  }
});

/** What is on the screen of a terminal. */
function shown({ stdout }: FakeTerminal): string {
  return screenOf(stdout.text, stdout.columns!).join("\n");
}

/** Waits until the screen matches. The test's own time limit ends a vain wait. */
async function until(terminal: FakeTerminal, pattern: RegExp): Promise<string> {
  for (;;) {
    const screen = shown(terminal);
    if (pattern.test(screen)) return screen;
    if (terminal.handlers === 0) throw new Error(`it has ended: ${terminal.stderr.text}`);
    await pause();
  }
}

/** Presses keys when they are read. */
async function press(terminal: FakeTerminal, text: string): Promise<void> {
  while (terminal.typed === undefined) await pause();
  terminal.typed(text);
}

/** Fails unless the screen and the keyboard are as before. */
function assertRestored(terminal: FakeTerminal): void {
  const { stdout, typed } = terminal;
  assertEquals([shown(terminal), typed, terminal.handlers], ["", undefined, 0]);
  assert(stdout.text.endsWith("\x1b[?7h\x1b[?25h\x1b[?1049l"), JSON.stringify(stdout.text.slice(-100)));
}

// --- top, on a terminal ---

test("top: a table that moves each second; q and Ctrl-C end it with 0", LIMITED, async () => {
  await using status = await opened();
  for (const key of ["q", "\x03"]) {
    const terminal = terminalOf("top", status.url);
    const code = main(terminal);
    const screen = await until(terminal, /10\.0\.0\.1:50123 +1\.0 MiB/);
    assertStringIncludes(screen, "delivered -");
    const { stats } = status.report;
    status.tick({ stats: { ...stats, delivered: { frames: stats.delivered.frames + 5000, bytes: 0 } } });
    await until(terminal, /delivered 5,000\/s/);
    await press(terminal, key);
    assertEquals([await code, terminal.stderr.text], [0, ""]);
    assertRestored(terminal);
  }
});

test("top: keys sort, scroll and pause", LIMITED, async () => {
  await using status = await opened();
  const terminal = terminalOf("top", status.url, "--sort", "age");
  const code = main(terminal);
  await until(terminal, /AGE▼/);
  for (
    const [key, name, sort] of [
      ["s", "RECEIVED", "received"],
      ["l", "LAG", "lag"],
      ["a", "AGE", "age"],
      ["d", "DELIVERED", "delivered"],
      ["k", "SKIPPED", "skipped"],
      ["r", "RECEIVED", "received"],
      ["m", "MEMORY", "receiveBytes"],
      ["s", "LAG", "lag"],
    ] as const
  ) {
    const before = status.asked.length;
    await press(terminal, key);
    await until(terminal, new RegExp(`${name}▼`));
    while (!status.asked.slice(before).some((path) => path.includes(`sort=${sort}&`))) await pause();
  }
  const first = async (address: string): Promise<void> =>
    void await until(terminal, new RegExp(`STATE\\n${address.replaceAll(".", "\\.")}:50123 `));
  await first("10.0.0.1");
  await press(terminal, "\x1b[B");
  await first("10.0.0.2");
  await press(terminal, "\x1b[6~");
  await until(terminal, /CONNECTION 1\d-\d+ of/);
  await press(terminal, "\x1b[A");
  await press(terminal, "\x1b[5~");
  await first("10.0.0.1");
  await press(terminal, "\x1b[F");
  await until(terminal, /10\.0\.0\.61:50123/);
  await press(terminal, "\x1b[H");
  await first("10.0.0.1");
  await press(terminal, "p");
  const paused = await until(terminal, /^ paused /);
  status.tick({ stats: { ...status.report.stats, connections: 777 } });
  // Keys work, and the figures stand still.
  await press(terminal, "\x1b[B");
  await first("10.0.0.2");
  assertStringIncludes(shown(terminal), "connections 120 ");
  assertStringIncludes(paused, "connections 120 ");
  await press(terminal, " ");
  await until(terminal, /^mobcast[^]*connections 777 /);
  terminal.resize(40, 20);
  const narrow = await until(terminal, /l a r d k m by/);
  assertEquals(narrow.split("\n").length, 20);
  await press(terminal, "Q");
  assertEquals([await code, terminal.stderr.text], [0, ""]);
  assertRestored(terminal);
});

test("top: it says since when the server is away, and goes on by itself", LIMITED, async () => {
  await using status = await opened();
  const terminal = terminalOf("top", status.url);
  terminal.speed = 20;
  const code = main(terminal);
  await until(terminal, /up to date/);
  await status.close();
  await until(terminal, /No connection for \d+ s, trying again: connection refused \(ECONNREFUSED\)\n/);
  await until(terminal, /No connection for (?:[3-9]|\d\d) s/);
  // Another process: its counters began anew.
  status.report = reportOf({ now: 1000, pid: 4712 });
  status.list = lookOf({ now: 1000 }, connectionOf(77)).list;
  await status.open();
  const screen = await until(terminal, /10\.0\.0\.77/);
  assertStringIncludes(screen, "delivered -");
  assert(!screen.includes("No connection"));
  terminal.signal("SIGTERM");
  assertEquals([await code, terminal.stderr.text], [0, ""]);
  assertRestored(terminal);
});

test("top: the terminal is given back at every kind of end", LIMITED, async () => {
  for (
    const [end, exit, says] of [
      [(terminal: FakeTerminal) => terminal.signal("SIGINT"), 0, ""],
      [(terminal: FakeTerminal) => terminal.throwUncaught(new Error("broken")), 1, "mobcast: internal error: broken\n"],
      [(_: FakeTerminal, status: ScriptedStatus) => status.tick({ now: NaN }), 0, ""],
    ] as const
  ) {
    await using status = await opened();
    const args = exit === 0 && says === "" ? ["--count", "2"] : [];
    const terminal = terminalOf("top", status.url, ...args);
    const code = main(terminal);
    await until(terminal, /up to date/);
    await press(terminal, "");
    end(terminal, status);
    if (args.length > 0) status.tick();
    assertEquals([await code, terminal.stderr.text], [exit, says]);
    assertRestored(terminal);
  }
});

test("top: it ends after --for, and when its terminal is gone", LIMITED, async () => {
  await using status = await opened();
  const timed = terminalOf("top", status.url, "--for", "2s");
  timed.speed = 10;
  assertEquals(await main(timed), 0);
  assertRestored(timed);
  const gone = terminalOf("top", status.url);
  const code = main(gone);
  await until(gone, /up to date/);
  gone.stdout.break("EPIPE");
  assertEquals([await code, gone.stderr.text, gone.handlers], [0, "", 0]);
});

// --- top, as text ---

test("top: without a terminal it prints a look a second, without escapes, and --count ends it", LIMITED, async () => {
  await using status = await opened();
  const terminal = new FakeTerminal("top", status.url, "--count", "2", "--sort", "memory");
  terminal.speed = 20;
  const code = main(terminal);
  while (!status.asked.some((path) => path.startsWith("/connections"))) await pause();
  status.tick();
  await terminal.stdout.match(/^2026-01-31T12:00:00\.000Z\nmobcast {2}/);
  await status.close();
  await terminal.stderr.match(/^mobcast: no connection to http:\S+, trying again: [^\n]+\n/);
  await status.open();
  await terminal.stderr.match(/connected to http:\S+ again\n/);
  status.tick();
  assertEquals(await code, 0);
  const { text } = terminal.stdout;
  assert(!text.includes("\x1b"));
  assertEquals(text.match(/^2026-01-31T12:00:00\.000Z$/gm)!.length, 2);
  assertEquals(text.match(/MEMORY▼/g)!.length, 2);
  assertMatch(text, /delivered \d/);
  assert(!text.includes("quit"));
});

test("top: a look that is too short for rates is printed without them", LIMITED, async () => {
  await using status = await opened();
  const terminal = new FakeTerminal("top", status.url, "--for", "2s");
  terminal.speed = 10;
  assertEquals(await main(terminal), 0);
  assertMatch(terminal.stdout.text, /^2026[^]*delivered -[^]*10\.0\.0\.1:50123 /);
});
