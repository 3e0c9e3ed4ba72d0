/** `bench`, in this process and on a fake terminal: its options, tables, JSON, and what it finds wrong. */

import { createServer } from "node:net";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { serve } from "../../mod.ts";
import { bytesOf, concat } from "../helpers/bytes.ts";
import { FakeTerminal, hurried } from "../helpers/fake_terminal.ts";
import { pause } from "../helpers/wait.ts";
import { LIMITED, understood } from "../helpers/cli.ts";

const BENCH_DEFAULTS = {
  clients: 100,
  publishers: 4,
  size: 64,
  inFlight: 1024,
  seconds: 5,
  connectTimeout: 10_000,
  framing: "u64",
  json: false,
  histogram: false,
};

test("bench: its options, and those that are wrong together", async () => {
  assertEquals(await understood("bench"), ["bench", "tcp://127.0.0.1:8000", BENCH_DEFAULTS]);
  const open = ["--clients", "1000", "--publishers", "1000", "--rate", "20", "--size", "1KiB", "--framing", "u32"];
  assertEquals(await understood("bench", "tcp://h:1", ...open, "--seconds", "1", "--json", "--histogram"), [
    "bench",
    "tcp://h:1",
    {
      ...BENCH_DEFAULTS,
      clients: 1000,
      publishers: 1000,
      rate: 20,
      size: 1024,
      framing: "u32",
      seconds: 1,
      json: true,
      histogram: true,
    },
  ]);
  for (
    const [line, ...parts] of [
      ["bench --clients 0", "--clients", "from 1 to 100000"],
      ["bench --publishers 101", "--publishers", "101", "--clients: 100"],
      ["bench --size 19", "--size", "from 20 to 64MiB"],
      ["bench --rate 5 --in-flight 5", "--rate", "--in-flight"],
      ["bench --seconds 0", "--seconds"],
      ["bench --framing line", "--framing", "u64, u32"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assertEquals(await main(terminal), 2, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, line);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part, line);
  }
});

test("bench: a table and a histogram, closed loop; every client receives every frame once", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const terminal = new FakeTerminal("bench", mob.urls[0]!, "--clients", "20", "--seconds", "1", "--histogram");
  terminal.adapter = () => hurried(4);
  terminal.stderr.isTerminal = true;
  assertEquals(await main(terminal), 0, terminal.stderr.text);
  const { text } = terminal.stdout;
  assertMatch(text, /^load +20 clients, 4 publishers, 64 bytes, 1,024 in flight$/m);
  assertMatch(text, /^delivered +[\d,]+, [\d,]+\/s$/m);
  assertMatch(text, /^delay +p50 [\d.]+ ms, p99 [\d.]+ ms, p99.9 [\d.]+ ms, longest [\d.]+ ms$/m);
  assertMatch(text, /^not right +lost 0, repeated 0, reordered 0, connections ended 0$/m);
  assertMatch(text, /^ +<= [\d.]+ ms +[\d.]+ % █+$/m);
  assertMatch(terminal.stderr.text, /█{10,30}░* \d+% [\d.]+ ?M? deliveries\/s, p99 [\d.]+ ms/);
  // At the end lines wrap again, and the bar is cleared: the result begins where it was.
  assert(terminal.stderr.text.endsWith("\x1b[?7h\x1b8\x1b[1G\x1b[2K"), JSON.stringify(terminal.stderr.text.slice(-99)));
  while (mob.stats().connections > 0) await pause();
});

test("bench: JSON, open loop, more than ten clients join at once and others send as well", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0", framing: "u32" });
  const other = mob.join({ receive: false });
  const flags = ["--clients", "150", "--publishers", "50", "--rate", "5", "--seconds", "1", "--framing", "u32"];
  const terminal = new FakeTerminal("bench", mob.urls[0]!, ...flags, "--json");
  const code = main(terminal);
  let over = false;
  void code.then(() => over = true);
  while (!over) {
    await other.send(bytesOf("another client, whose frames are long enough to hold a stamp"));
    for (let tick = 0; tick < 20; tick++) await pause();
  }
  assertEquals(await code, 0, terminal.stderr.text);
  assertEquals(terminal.stderr.text, "");
  const result = JSON.parse(terminal.stdout.text);
  assertEquals([result.lost, result.repeated, result.reordered, result.ended], [0, 0, 0, 0]);
  assert(result.foreign > 0);
  // 250 a second were to be sent, whatever the server does.
  const rate = result.sent / result.seconds;
  assert(rate >= 225 && rate <= 400, `${result.sent} sent in ${result.seconds} s`);
  assert(result.deliveries > 25_000, `${result.deliveries} deliveries`);
  assert(result.delays.p50 > 0 && result.delays.p50 <= result.delays.p100);
  assertEquals(result.options.rate, 5);
});

/** A server for one client that sends every frame back, a number of times, or with two of them swapped. */
async function brokenServer(send: (number: number, frame: Uint8Array) => readonly Uint8Array[]): Promise<string> {
  const server = createServer((socket) => {
    let number = 0;
    let rest: Uint8Array = new Uint8Array(0);
    socket.on("error", () => {}).on("close", () => server.close());
    socket.on("data", (chunk: Uint8Array) => {
      rest = concat(rest, chunk);
      for (; rest.length >= 72; rest = rest.slice(72)) {
        for (const frame of send(number++, rest.slice(0, 72))) socket.write(frame);
      }
    });
  });
  return await new Promise<string>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`tcp://127.0.0.1:${(server.address() as { port: number }).port}`));
  });
}

test("bench: lost, repeated and reordered frames are reported, with exit code 1", LIMITED, async () => {
  let kept: Uint8Array[] = [];
  const faults: [string, (number: number, frame: Uint8Array) => readonly Uint8Array[]][] = [
    ["10 deliveries lost", (number, frame) => number >= 100 && number < 110 ? [] : [frame]],
    ["1 deliveries repeated", (number, frame) => number === 100 ? [frame, frame] : [frame]],
    ["1 deliveries reordered", (number, frame) => {
      if (number === 100) kept = [frame];
      return number === 100 ? [] : number === 101 ? [frame, ...kept] : [frame];
    }],
  ];
  await Promise.all(faults.map(async ([says, send]) => {
    const url = await brokenServer(send);
    const flags = ["--clients", "1", "--publishers", "1", "--rate", "500", "--seconds", "1"];
    const terminal = new FakeTerminal("bench", url, ...flags);
    terminal.speed = 1;
    assertEquals(await main(terminal), 1, says);
    assertEquals(terminal.stderr.text, `mobcast: Cannot vouch for ${url}: ${says}\n`);
    assertMatch(terminal.stdout.text, /^not right +lost/m);
  }));
});

test("bench: no server, nothing received, a server that ends, an interrupt", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0", echo: "others" });
  const url = mob.urls[0]!;
  const deaf = new FakeTerminal("bench", url);
  deaf.adapter = () => hurried(10);
  assertEquals(await main(deaf), 1);
  assertMatch(
    deaf.stderr.text,
    /^mobcast: Cannot load [^\n]+ received nothing for 5 s; it has to be[^\n]+--echo all[^\n]+\n$/,
  );
  await mob.close();
  const nobody = new FakeTerminal("bench", url);
  assertEquals(await main(nobody), 1);
  assertEquals(
    nobody.stderr.text,
    `mobcast: Cannot connect client 1 of 100 to ${url}: connection refused (ECONNREFUSED)\n`,
  );

  const leaving = await serve({ listen: "tcp://127.0.0.1:0" });
  const left = new FakeTerminal("bench", leaving.urls[0]!, "--clients", "5", "--seconds", "60");
  const code = main(left);
  while (leaving.stats().published.frames < 1000) await pause();
  await leaving.close({ drain: 0 });
  assertEquals(await code, 1);
  assertMatch(left.stderr.text, /^mobcast: Cannot vouch for [^\n]*connections ended[^\n]*\n$/);

  await using busy = await serve({ listen: "tcp://127.0.0.1:0" });
  const interrupted = new FakeTerminal("bench", busy.urls[0]!, "--clients", "5", "--seconds", "60");
  const stopped = main(interrupted);
  while (busy.stats().published.frames < 10_000) await pause();
  interrupted.signal("SIGINT");
  assertEquals(await stopped, 0, interrupted.stderr.text);
  assertMatch(interrupted.stdout.text, /^not right +lost 0, repeated 0, reordered 0, connections ended 0$/m);
  assertEquals(interrupted.handlers, 0);
});
