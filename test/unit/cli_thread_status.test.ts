/** The status of `serve --threads`: all threads as one, and none of them asked more than it takes. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { SharedAnswer } from "../../src/cli/shared_answer.ts";
import { tokenOf } from "../../src/contract/token.ts";
import type { MobEvent } from "../../src/status/events.ts";
import type { ConnectionList, StatusReport } from "../../src/status/report.ts";
import type { ConnectionStats } from "../../src/status/stats.ts";
import { type FakeThreads, NUMBERS, startBoth } from "../helpers/fake_threads.ts";
import { within } from "../helpers/wait.ts";

const LIMITED = { timeout: 30_000 };

const NONE = { frames: 0, bytes: 0 };

/** A connection that is so far behind. */
function connection(index: number, lag: number): ConnectionStats {
  return {
    token: tokenOf(index, 1),
    remoteAddress: `10.0.0.${index}:1`,
    listener: undefined,
    age: 1000,
    received: NONE,
    delivered: NONE,
    skipped: NONE,
    lag: { frames: 1, bytes: lag },
    replayed: NONE,
    receivedRate: 0,
    deliveredRate: 0,
    paused: false,
    stallsIn: undefined,
    receiveBytes: 0,
  };
}

interface Served extends AsyncDisposable {
  readonly threads: FakeThreads;
  readonly terminal: Awaited<ReturnType<typeof startBoth>>["terminal"];
  get(path: string): Promise<Response>;
  /** Sends SIGTERM, the first time. */
  stop(): void;
}

/** A command with two threads and a status. */
async function served(...args: readonly string[]): Promise<Served> {
  const { terminal, threads, code } = await startBoth("--status", "http://127.0.0.1:0", ...args);
  const [, url] = await terminal.stdout.match(/^status on (\S+)\n/m);
  let isStopped = false;
  const stop = (): void => {
    if (!isStopped) terminal.signal("SIGTERM");
    isStopped = true;
  };
  return {
    threads,
    terminal,
    stop,
    get: (path) => fetch(`${url}${path}`),
    async [Symbol.asyncDispose]() {
      stop();
      for (const thread of [0, 1]) threads.tell(thread, { type: "closed", last: NUMBERS });
      assertEquals(await within(code, "the command to end"), 0);
      assertEquals(terminal.handlers, 0);
    },
  };
}

test("what threads count is one report, and it says how many they are", LIMITED, async () => {
  await using server = await served("--max-connections", "10");
  server.threads.answers = (thread, question) =>
    question.about === "stats"
      ? { ...NUMBERS, stats: { ...NUMBERS.stats, connections: thread + 1, joined: 5 } }
      : question.about === "life" || { problem: undefined };
  const report = await (await server.get("stats")).json() as StatusReport;
  assertEquals([report.server.threads, report.server.state], [2, "open"]);
  assertEquals([report.stats.connections, report.stats.joined, report.options.maxConnections], [3, 10, 20]);
  // What objects use is that of each thread.
  assert(report.process!.heapBytes > 2 * NUMBERS.heapBytes);
  const metrics = await (await server.get("metrics")).text();
  assertMatch(metrics, /^mobcast_threads 2$/m);
  assertMatch(metrics, /^mobcast_connections_joined_total|^mobcast_joined_total 10$/m);
  assertEquals(await (await server.get("healthz")).text(), "ok\n");
  assertEquals(await (await server.get("readyz")).text(), "ready\n");
  assertMatch(await (await server.get("")).text(), /^<!doctype html>/);
  assertMatch(server.terminal.stderr.text, /2 threads, status on http:/);
});

test("the connections of all threads are one list, each with a name of its own", LIMITED, async () => {
  await using server = await served();
  const lists = [[connection(0, 50), connection(1, 10)], [connection(0, 70), connection(1, 20)]];
  const asked: unknown[] = [];
  server.threads.answers = (thread, question) => {
    if (question.about === "list") asked.push(question.query);
    return { total: 2, connections: lists[thread]! };
  };
  const all = await (await server.get("connections")).json() as ConnectionList;
  assertEquals([all.total, all.connections.map(({ token, lag }) => [token, lag.bytes])], [4, [
    ["2:0v1", 70],
    ["1:0v1", 50],
    ["2:1v1", 20],
    ["1:1v1", 10],
  ]]);
  assert(!("thread" in all.connections[0]!));
  const some = await (await server.get("connections?limit=2&offset=1")).json() as ConnectionList;
  assertEquals(some.connections.map(({ token }) => token), ["1:0v1", "2:1v1"]);
  const far = await (await server.get("connections?limit=1000&offset=100000")).json() as ConnectionList;
  assertEquals([far.total, far.connections], [4, []]);
  // No thread makes longer lists than it has time for.
  assertEquals(asked.map((query) => (query as { limit: number }).limit), [20, 20, 3, 3, 2000, 2000]);
});

test("a thread that does not answer is told by name, and the others are not held up", LIMITED, async () => {
  await using server = await served();
  const usual = server.threads.answers;
  server.terminal.speed = 50;
  server.threads.answers = (thread, question) => thread === 1 ? undefined : usual(thread, question);
  for (const path of ["healthz", "readyz", "metrics", "stats", "connections"]) {
    const response = await server.get(path);
    assertEquals([path, response.status, await response.text()], [path, 503, "thread 2 does not answer\n"]);
  }
  // A live stream waits for it, and goes on.
  const stream = (await server.get("live")).body!.getReader();
  const first = stream.read();
  server.terminal.signal("SIGUSR2");
  await server.terminal.stderr.match(/Cannot tell the status: thread 2 does not answer\n/);
  server.threads.answers = usual;
  assertMatch(new TextDecoder().decode((await within(first, "the stream")).value), /^data: \{"server":/);
  await stream.cancel();
  assertEquals((await server.get("healthz")).status, 200);
});

test("events of threads are told while one watches, by the clock of the server", LIMITED, async () => {
  await using server = await served();
  const { threads } = server;
  const stream = (await server.get("live")).body!.getReader();
  await stream.read();
  assertEquals(threads.orders.filter((order) => order.endsWith(" watch")), ["0 watch", "1 watch"]);
  const event: MobEvent = {
    type: "joined",
    at: 1_000_000,
    token: tokenOf(3, 1),
    remoteAddress: "10.0.0.1:1",
    listener: undefined,
  };
  threads.tell(1, { type: "events", events: [event], now: 1_000_250 });
  const { value } = await within(stream.read(), "the next report");
  const report = JSON.parse(new TextDecoder().decode(value).slice(6)) as StatusReport;
  const [told] = report.events!;
  assert(told?.type === "joined");
  assertEquals(told.token, "2:3v1");
  // It was a quarter of a second before it was said.
  assert(report.now - told.at >= 250 && report.now - told.at < 10_000, `${report.now - told.at} ms ago`);
  await stream.cancel();
  await threads.until(() => threads.orders.filter((order) => order.endsWith(" watch")).length === 4);
});

test("a thread that has closed counts with its last numbers, and is asked no more", LIMITED, async () => {
  await using server = await served();
  server.stop();
  server.threads.tell(0, { type: "closed", last: { ...NUMBERS, stats: { ...NUMBERS.stats, joined: 7 } } });
  const usual = server.threads.answers;
  server.threads.answers = (thread, question) => thread === 0 ? undefined : usual(thread, question);
  const report = await (await server.get("stats")).json() as StatusReport;
  assertEquals([report.server.state, report.stats.joined], ["draining", 7]);
  assertEquals((await server.get("readyz")).status, 503);
  assertEquals(((await (await server.get("connections")).json()) as ConnectionList).total, 0);
});

test("a status that cannot be opened ends all threads, and one line says why", LIMITED, async () => {
  await using server = await served();
  const [, port] = await server.terminal.stdout.match(/^status on http:\/\/127\.0\.0\.1:(\d+)\//m);
  const { terminal, threads, code } = await startBoth("--status", `http://127.0.0.1:${port}`);
  assertEquals(await code, 1);
  assertMatch(terminal.stderr.text, /^mobcast: Cannot serve the status on http:\S+: address in use \(EADDRINUSE\)/);
  assertEquals([threads.ended, terminal.stdout.text], [2, ""]);
});

test("many who ask at once are one question, and the next", async () => {
  const asked: ((answer: number) => void)[] = [];
  const shared = new SharedAnswer<number>(() => new Promise((resolve) => asked.push(resolve)));
  const first = shared.get();
  const rest = Array.from({ length: 10 }, () => shared.get());
  assertEquals(asked.length, 1);
  asked[0]!(1);
  assertEquals(await first, 1);
  while (asked.length < 2) await Promise.resolve();
  asked[1]!(2);
  // What is asked while the first is under way has an answer that is later.
  assertEquals(await Promise.all(rest), rest.map(() => 2));
  assertEquals(asked.length, 2);
});

test("a question that failed is asked again", async () => {
  let tries = 0;
  const shared = new SharedAnswer<number>(() =>
    tries++ === 0 ? Promise.reject(new Error("no")) : Promise.resolve(tries)
  );
  const both = await Promise.allSettled([shared.get(), shared.get()]);
  assertEquals(both.map(({ status }) => status), ["rejected", "fulfilled"]);
  assertEquals(await shared.get(), 3);
});
