/** `serve --threads`: what is refused, and that all threads live or none. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { threadsOfProcess } from "../../adapters/process/threads.ts";
import { whyNotShared } from "../../adapters/shared/share_port.ts";
import { main } from "../../src/cli/main.ts";
import type { Thread } from "../../src/cli/thread_messages.ts";
import { sumOf } from "../../src/cli/thread_stats.ts";
import { serve } from "../../mod.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { NUMBERS, start, startBoth, startWith } from "../helpers/fake_threads.ts";
import { within } from "../helpers/wait.ts";

test("what threads cannot share is refused by name", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ["--threads", "1"],
      /^mobcast: option '--threads <count>' argument '1' is invalid\. It is a whole number, from 2 to 64/,
    ],
    [["--threads", "65"], /^mobcast: option '--threads <count>' argument '65' is invalid/],
    [
      ["unix:///tmp/x.sock", "--threads", "2"],
      /^mobcast: option '--threads <count>' cannot be used with unix:\S+ alone: one thread has a Unix socket, add a port/,
    ],
    [
      ["--threads", "2", "--bus", "nats://127.0.0.1/x"],
      /^mobcast: option '--bus <url>' cannot be used with --threads: leave one of them out/,
    ],
    [["unix:///tmp/x.sock", "--bus-local"], /^mobcast: option '--bus-local' cannot be used with unix:/],
    [
      ["--bus-local", "--bus", "nats://127.0.0.1/x"],
      /^mobcast: option '--bus <url>' cannot be used with --bus-local: leave one of them out\n$/,
    ],
    [["--bus-local=4"], /^mobcast: .*--bus-local/],
  ];
  for (const [args, says] of cases) {
    const terminal = new FakeTerminal(...args);
    assertEquals(await main(terminal), 2);
    assertMatch(terminal.stderr.text, says);
  }
});

test("threads come from the environment too", async () => {
  const terminal = new FakeTerminal();
  terminal.variables["MOBCAST_THREADS"] = "2";
  assertEquals(await main(terminal), 1);
  assertEquals(terminal.stderr.text, "mobcast: Cannot use --threads: this is a test\n");
});

test("where threads cannot share a port, one line says why", async () => {
  for (const flag of ["--threads=2", "--bus-local"]) {
    const terminal = new FakeTerminal(flag);
    assertEquals(await main(terminal), 1);
    assertEquals(terminal.stderr.text, `mobcast: Cannot use ${flag.replace(/=.*/, "")}: this is a test\n`);
  }
});

test("--bus-local is a thread for each core, or as many as --threads says", async () => {
  for (const [args, count] of [[["--bus-local"], 3], [["--bus-local", "--threads", "2"], 2]] as const) {
    const { terminal, threads, code } = startWith(...args);
    for (let thread = 0; thread < count; thread++) {
      // The others start when the first listens.
      await threads.until(() => threads.started.length === (thread === 0 ? 1 : count));
      threads.listens(thread);
    }
    await terminal.stdout.match(new RegExp(`with ${count} threads\n`));
    assertEquals(threads.started.map((started) => started.count), Array.from({ length: count }, () => count));
    terminal.signal("SIGTERM");
    for (let thread = 0; thread < count; thread++) threads.tell(thread, { type: "closed", last: NUMBERS });
    assertEquals(await code, 0);
  }
});

test("--bus-local comes from the environment and the file of --config too", async () => {
  const terminal = new FakeTerminal();
  terminal.variables["MOBCAST_BUS_LOCAL"] = "true";
  assertEquals(await main(terminal), 1);
  assertEquals(terminal.stderr.text, "mobcast: Cannot use --bus-local: this is a test\n");
  const other = new FakeTerminal("--config", "mob.json");
  other.texts.set("mob.json", { text: '{"busLocal": true, "threads": 2}', mode: 0o600 });
  assertEquals(await main(other), 1);
  assertEquals(other.stderr.text, "mobcast: Cannot use --threads: this is a test\n");
});

test("--bus-local with one core serves without threads, and says so", async () => {
  const terminal = new FakeTerminal("tcp://127.0.0.1:0", "--bus-local");
  terminal.threading = { ...terminal.threading, cores: () => 1 };
  const code = main(terminal);
  await terminal.stdout.match(/^listening on tcp:\/\/127\.0\.0\.1:\d+\n/);
  await terminal.stderr.match(/One thread serves, since there is one core for this process\n/);
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
});

test("the first thread opens the ports, the others join them, and it is said when all listen", async () => {
  const { terminal, threads, code } = await startBoth();
  assertEquals(threads.started.map(({ urls, share }) => [...urls, share]), [
    ["tcp://127.0.0.1:0", "open"],
    ["tcp://127.0.0.1:4000", "join"],
  ]);
  assertEquals(terminal.stdout.text, "listening on tcp://127.0.0.1:4000 with 2 threads\n");
  assertMatch(terminal.stderr.text, /Started: mobcast .*tcp:\/\/127\.0\.0\.1:4000, 2 threads\n$/);
  threads.tell(1, { type: "line", line: "a line of a thread\n" });
  assert(terminal.stderr.text.endsWith("a line of a thread\n"));
  terminal.signal("SIGTERM");
  await threads.until(() => threads.orders.includes("1 stop"));
  assertEquals(threads.orders, ["0 stats", "1 stats", "0 stop", "1 stop"]);
  threads.tell(0, { type: "closed", last: NUMBERS });
  threads.started[0]!.events.ended("exit code 0");
  threads.tell(1, { type: "closed", last: NUMBERS });
  assertEquals(await code, 0);
  assertEquals([threads.ended, terminal.handlers], [2, 0]);
});

test("a thread that ends by itself takes all down, and one line says so", async () => {
  for (const how of ["ended", "failed"] as const) {
    const { terminal, threads, code } = await startBoth();
    if (how === "ended") threads.started[1]!.events.ended("exit code 7");
    else threads.tell(1, { type: "failed", message: "this is wrong" });
    assertEquals(await code, 1);
    const why = how === "ended" ? "Thread 2 has ended: exit code 7" : "Thread 2 has failed: this is wrong";
    assert(terminal.stderr.text.endsWith(`mobcast: ${why}\n`), terminal.stderr.text);
    assertEquals([threads.ended, terminal.handlers], [2, 0]);
  }
});

test("a thread that ends while the others drain is no quiet end", async () => {
  const { terminal, threads, code } = await startBoth();
  terminal.signal("SIGTERM");
  threads.tell(0, { type: "closed", last: NUMBERS });
  threads.started[1]!.events.ended("out of memory");
  assertEquals(await code, 1);
  assertMatch(terminal.stderr.text, /mobcast: Thread 2 has ended: out of memory\n$/);
});

test("threads that close at once are told as closing, then as closed", async () => {
  const { terminal, threads, code } = await startBoth();
  // They close before they answer how many connections there are.
  threads.answers = () => undefined;
  terminal.signal("SIGTERM");
  for (const thread of [0, 1]) threads.tell(thread, { type: "closed", last: NUMBERS });
  assertEquals(await code, 0);
  assertMatch(terminal.stderr.text, /Closing: connections 0, .*\n.*mobcast: Closed\n$/);
});

test("a listener that cannot be opened is told as without threads", async () => {
  const { terminal, threads, code } = start();
  await threads.until(() => threads.started.length === 1);
  threads.tell(0, { type: "failed", message: "Cannot listen on tcp://127.0.0.1:1: permission denied (EACCES)" });
  assertEquals(await code, 1);
  assertEquals(terminal.stderr.text, "mobcast: Cannot listen on tcp://127.0.0.1:1: permission denied (EACCES)\n");
  assertEquals(threads.ended, 1);
});

test("a signal before all threads listen ends them", async () => {
  const { terminal, threads, code } = start();
  await threads.until(() => threads.started.length === 1);
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
  assertEquals(threads.ended, 1);
});

test("SIGHUP reloads in all threads, and the first problem is told", async () => {
  const all = start("--log-format", "text");
  const { terminal, threads, code } = all;
  await threads.until(() => threads.started.length === 1);
  threads.listens(0);
  await threads.until(() => threads.started.length === 2);
  threads.listens(1);
  await terminal.stdout.match(/threads\n/);
  terminal.signal("SIGHUP");
  await terminal.stderr.match(/Nothing to reload: no listener is over TLS/);
  terminal.signal("SIGTERM");
  for (const thread of [0, 1]) threads.tell(thread, { type: "closed", last: NUMBERS });
  assertEquals(await code, 0);
});

test("the numbers of threads are added up, and what all have published counts once", async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  await using _one = mob.join();
  mob.publish("hello");
  while (mob.stats().published.frames === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const stats = mob.stats();
  const behind = { ...stats, published: { frames: 0, bytes: 0 } };
  const { loopDelays } = NUMBERS;
  const one = { ...NUMBERS, loopDelays: { ...loopDelays, counts: loopDelays.counts.map(() => 1) } };
  const sum = sumOf([{ ...one, stats: behind }, { ...one, stats }, { ...NUMBERS, stats }]);
  assertEquals(sum.stats.published, stats.published);
  assertEquals(sum.stats.connections, 3);
  assertEquals(sum.stats.delivered.frames, 3 * stats.delivered.frames);
  assertEquals(sum.stats.closed.end, 0);
  assertEquals(sum.stats.feeds.map(({ framing, connections }) => [framing, connections]), [["u64", 3]]);
  assertEquals(sum.stats.listeners.map(({ url, connections }) => [url, connections]), [
    [mob.urls[0], 0],
    [undefined, 3],
  ]);
  assertEquals(sum.stats.tickDurations.count, 3 * stats.tickDurations.count);
  assertEquals(sum.stats.tickDurations.bounds, stats.tickDurations.bounds);
  assertEquals(sum.loopDelays.counts, loopDelays.counts.map(() => 2));
  assertEquals(sum.heapBytes, 3000);
});

test("a real thread that is killed takes the command down", { timeout: 60_000 }, async () => {
  if (whyNotShared() !== undefined) return;
  const terminal = new FakeTerminal("tcp://127.0.0.1:0", "--threads", "3");
  const real = threadsOfProcess();
  const running: Thread[] = [];
  terminal.threading = {
    ...real,
    start(start, events) {
      const thread = real.start(start, events);
      running.push(thread);
      return thread;
    },
  };
  const code = main(terminal);
  await terminal.stdout.match(/with 3 threads\n/);
  running[1]!.end();
  assertEquals(await within(code, "the command to end"), 1);
  assertMatch(terminal.stderr.text, /mobcast: Thread 2 has ended: exit code \d+\n$/);
});
