/** What is said about a mob: the words on its page and in its table, the rates, and the figures. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { quantity, roundAge, roundCount, roundRate, roundSize, roundTime } from "../../src/status/figures.ts";
import { DURATION_BOUNDS } from "../../src/status/histogram.ts";
import { histogramSince, isSameRun, quantile, ratesOf } from "../../src/status/rates.ts";
import type { ListedConnection } from "../../src/status/report.ts";
import { CLOSE_REASONS } from "../../src/status/stats.ts";
import { verdictsOf } from "../../src/status/verdict.ts";
import { type Words, wordsOf } from "../../src/status/words.ts";
import { connectionOf, histogramOf, lookOf, MIB, type ReportChanges, reportOf } from "../helpers/reports.ts";

const texts = ({ level, sentences }: Words): string[] => [level, ...sentences.map(({ text }) => text)];

/** What is said a second after a look, when these connections became those. */
function said(
  before: readonly ListedConnection[],
  now: readonly ListedConnection[],
  changes: ReportChanges = {},
): [verdicts: string[], words: string[]] {
  const [first, second] = [
    lookOf({ now: 100_000, ...changes }, ...before),
    lookOf({ now: 101_000, ...changes }, ...now),
  ];
  return [verdictsOf(second, first).map(({ text }) => text), texts(wordsOf(second, first))];
}

const behind = (number: number, mib: number, stallsIn = 29_000, delivered = 0): ListedConnection =>
  connectionOf(number, { lag: mib * MIB, stallsIn, delivered });

test("words: a mob without trouble", () => {
  const look = lookOf({}, connectionOf(1));
  assertEquals(texts(wordsOf(look)), ["ok", "All is well: 120 connections, none behind."]);
  assertEquals(verdictsOf(look).map(({ text }) => text), ["up to date"]);
  assertEquals(texts(wordsOf(lookOf({ stats: { connections: 1 } }))), ["ok", "All is well: 1 connection, not behind."]);
  const nobody = wordsOf(lookOf({ stats: { connections: 0, joined: 7 } }));
  assertEquals(texts(nobody), ["ok", "Nobody is connected: 7 clients came and left."]);
  // The first look says nothing of what will be.
  assertEquals(texts(wordsOf(lookOf({}, behind(1, 1)))), [
    "ok",
    "All is well: 120 connections, 1 of them a little behind.",
  ]);
});

test("words, disconnect: when lag will pass maxLag, with the address of one, the number of several", () => {
  const growing = (
    number: number,
  ): ListedConnection[] => [behind(number, 5, 29_000, 1), behind(number, 7.2, 29_000, 2)];
  const [first, second] = growing(7);
  assertEquals(said([first!], [second!]), [
    ["behind, will be disconnected in about 4 s"],
    ["trouble", "10.0.0.7:50123 is behind and will be disconnected in about 4 s."],
  ]);
  const three = [growing(1), growing(2), growing(3), [connectionOf(4), connectionOf(4)]];
  assertEquals(
    said(three.map(([one]) => one!), three.map(([, two]) => two!))[1],
    ["trouble", "3 connections are behind and will be disconnected in about 4 s."],
  );
  const [, apart] = said([behind(1, 5, 29_000, 1), behind(2, 1, 29_000, 1)], [
    behind(1, 10, 29_000, 2),
    behind(2, 1.5, 29_000, 2),
    connectionOf(3),
  ]);
  assertEquals(apart, ["trouble", "2 connections are behind, the first will be disconnected in about 1 s."]);
  const all = Array.from({ length: 20 }, (_, index) => growing(index + 1));
  assertEquals(
    said(all.map(([one]) => one!), all.map(([, two]) => two!))[1],
    ["trouble", "At least 20 connections are behind and will be disconnected in about 4 s."],
  );
});

test("words, disconnect: a connection that takes nothing stalls, if that is sooner", () => {
  assertEquals(said([behind(1, 1, 28_000)], [behind(1, 1, 27_000)]), [
    ["takes nothing, will be disconnected in about 27 s"],
    ["warning", "10.0.0.1:50123 is behind and will be disconnected in about 27 s."],
  ]);
  assertEquals(said([behind(1, 1, 9_000)], [behind(1, 1, 8_000)])[1][0], "trouble");
  assertEquals(said([behind(1, 5, 3_000)], [behind(1, 7.2, 2_000)])[0], [
    "takes nothing, will be disconnected in about 2 s",
  ]);
  assertEquals(said([behind(1, 5, 9_000)], [behind(1, 7.2, 8_000)])[0], ["behind, will be disconnected in about 4 s"]);
  // It took something, or its socket was not full before: nobody knows.
  assertEquals(said([behind(1, 1, 28_000, 5)], [behind(1, 1, 27_000, 6)])[0], ["behind"]);
  assertEquals(said([connectionOf(1)], [behind(1, 1, 29_500)])[0], ["behind, falling further back"]);
});

test("words: behind is no trouble while the connection catches up, and a warning while it is not read from", () => {
  assertEquals(said([behind(1, 2, 29_000, 1)], [behind(1, 1, 29_000, 2)]), [
    ["behind, catching up"],
    ["ok", "All is well: 120 connections, 1 of them a little behind."],
  ]);
  const paused = [
    connectionOf(1, { lag: 11 * MIB, delivered: 1 }),
    connectionOf(1, { lag: 10 * MIB, delivered: 2, paused: true }),
  ];
  assertEquals(said([paused[0]!], [paused[1]!]), [
    ["behind, not read from until it catches up"],
    ["warning", "10.0.0.1:50123 is behind and not read from until it catches up."],
  ]);
});

test("words, skip: frames are missed, or will be, and a client that is stuck is disconnected in the end", () => {
  const options = { slowConsumer: "skip" as const };
  assertEquals(said([behind(1, 5, 29_000, 1)], [behind(1, 7.2, 29_000, 2)], { options }), [
    ["behind, will miss frames in about 4 s"],
    ["warning", "10.0.0.1:50123 is behind and will miss frames in about 4 s."],
  ]);
  const skipping = (skipped: number, stallsIn: number, delivered = 0): ListedConnection =>
    connectionOf(1, { skipped, stallsIn, delivered });
  assertEquals(said([skipping(1000, 28_000)], [skipping(9000, 27_000)], { options }), [
    ["misses frames, will be disconnected in about 27 s"],
    ["warning", "10.0.0.1:50123 misses frames and will be disconnected in about 27 s."],
  ]);
  assertEquals(said([skipping(1000, 28_000, 1)], [skipping(9000, 27_000, 2)], { options })[0], ["misses frames"]);
  // Its own frames, which are not echoed, count as skipped as well.
  const own = [connectionOf(1, { skipped: 1000 }), connectionOf(1, { skipped: 2000 })];
  assertEquals(said([own[0]!], [own[1]!], { options }), [["up to date"], [
    "ok",
    "All is well: 120 connections, none behind.",
  ]]);
});

test("words, block: a connection holds all others back, or will", () => {
  const options = { slowConsumer: "block" as const };
  assertEquals(said([behind(1, 5, 29_000, 1)], [behind(1, 7.2, 29_000, 2)], { options }), [
    ["behind, will hold all others back in about 4 s"],
    ["warning", "10.0.0.1:50123 is behind and will hold all others back in about 4 s."],
  ]);
  assertEquals(said([behind(1, 17, 28_000)], [behind(1, 17, 27_000)], { options }), [
    ["holds all others back, will be disconnected in about 27 s"],
    ["trouble", "10.0.0.1:50123 holds all others back and will be disconnected in about 27 s."],
  ]);
  // Back-pressure ends at half of maxLag: nothing was published since.
  const stats = { published: { frames: 5, bytes: 500 } };
  assertEquals(said([behind(1, 12, 29_000, 1)], [behind(1, 9, 29_000, 2)], { options, stats })[0], [
    "holds all others back",
  ]);
  assertEquals(said([behind(1, 12, 29_000, 1)], [behind(1, 7, 29_000, 2)], { options, stats })[0], [
    "behind, catching up",
  ]);
});

test("words: a mob that closes", () => {
  const look = lookOf({ state: "draining", stats: { connections: 12 } }, behind(1, 1), connectionOf(2));
  assertEquals(texts(wordsOf(look, look)), ["warning", "The mob is closing: 12 connections still receive."]);
  assertEquals(verdictsOf(look).map(({ text }) => text), ["leaves when it has received the rest", "leaves"]);
  assertEquals(
    ([[1, "draining"], [0, "draining"], [0, "closed"]] as const).map(([connections, state]) =>
      texts(wordsOf(lookOf({ state, stats: { connections } })))[1]
    ),
    ["The mob is closing: 1 connection still receives.", "The mob is closing.", "The mob is closed."],
  );
});

test("words: room, refusals, removals, accepts, hooks, and a busy process", () => {
  const after = (changes: ReportChanges, before: ReportChanges = {}): string[] =>
    texts(
      wordsOf(lookOf({ ...changes, now: 110_000 }), lookOf({ now: 109_000 }), reportOf({ now: 100_000, ...before })),
    );
  assertEquals(after({ stats: { connections: 1000, handshakes: 2, unauthenticated: 3 } }), [
    "warning",
    "The mob is nearly full: 1005 of 1,024 connections.",
  ]);
  assertEquals(after({ stats: { connections: 1024 } }), [
    "trouble",
    "The mob is full: 1024 of 1,024 connections. New clients are refused.",
  ]);
  assertEquals(after({ closed: { refused: 4 } })[0], "ok");
  assertEquals(after({ closed: { refused: 4, unauthorized: 10 } }, { closed: { refused: 1 } }), [
    "warning",
    "13 clients were turned away in the last 10 s: 3 refused, 10 unauthorized.",
  ]);
  assertEquals(after({ closed: { lagged: 2, stalled: 1, end: 50, internal: 1 } }, { closed: { lagged: 1, end: 2 } }), [
    "trouble",
    "mobcast itself failed for 1 connection: please report it.",
    "2 connections were disconnected in the last 10 s: 1 lagged, 1 stalled.",
  ]);
  assertEquals(after({ stats: { acceptFailures: 3, hookFailures: 1 } }), [
    "trouble",
    "Clients cannot connect: 3 accepts failed in the last 10 s. Has the process enough file descriptors?",
    "1 hook call of the application failed in the last 10 s: the log says why.",
  ]);
  const busy = (...delays: number[]): string[] =>
    after({ loopDelays: histogramOf(DURATION_BOUNDS, [300, 1, ...delays]) }, {
      loopDelays: histogramOf(DURATION_BOUNDS, [300]),
    });
  assertEquals(busy(99)[0], "ok");
  const wait = "all connections had to wait.";
  assertEquals(busy(101), ["warning", `The process was busy for over 100 ms at a time in the last 10 s: ${wait}`]);
  assertEquals(busy(101, 2000), ["trouble", `The process was busy for over 1 s at a time in the last 10 s: ${wait}`]);
});

test("rates: from two reports, never negative, and none over a restart", () => {
  const stats = { joined: 7, ticks: 900, published: { frames: 3000, bytes: 64_000 }, connections: 4 };
  const before = reportOf({
    now: 10_000,
    stats: { ...stats, joined: 5, ticks: 500, published: { frames: 1000, bytes: 0 } },
  });
  const report = reportOf({ now: 12_000, stats, closed: { end: 3 } });
  const rates = ratesOf(report, before)!;
  assertEquals(
    [
      rates.seconds,
      rates.publishedFrames,
      rates.publishedBytes,
      rates.joined,
      rates.ticks,
      rates.closed.end,
      rates.cpu,
    ],
    [2, 1000, 32_000, 1, 200, 3, 0.125],
  );
  assertEquals(rates.deliveredFrames, 120_000);
  assertEquals(Object.keys(rates.closed), Object.keys(CLOSE_REASONS));
  assertEquals(ratesOf(report, undefined), undefined);
  assertEquals(ratesOf(report, report), undefined);
  assertEquals(ratesOf(before, report), undefined);
  const others = [reportOf({ now: 11_000, pid: 1 }), reportOf({ now: 11_000, stats: { joined: 8 } })];
  for (const other of others) assertEquals([isSameRun(report, other), ratesOf(report, other)], [false, undefined]);
  // A connection's own count may begin anew within a run.
  const less = { ...report, stats: { ...report.stats, delivered: { frames: 0, bytes: 0 } } };
  assertEquals(ratesOf(less, before)!.deliveredFrames, 0);
  // A word about a restart would be a lie: nothing is said of what was before it.
  const restarted = lookOf({ now: 500, closed: { lagged: 9 } }, behind(1, 9));
  assertEquals(texts(wordsOf(restarted, lookOf({ now: 90_000 }, behind(1, 1)))), [
    "ok",
    "All is well: 120 connections, 1 of them a little behind.",
  ]);
});

test("rates: histograms of what came since, and quantiles", () => {
  const [first, second] = [histogramOf([1, 5], [0.5, 9]), histogramOf([1, 5], [0.5, 9, 5, 1, 7])];
  assertEquals(histogramSince(second, first), { bounds: [1, 5], counts: [1, 1, 1], count: 3, sum: 13 });
  assertEquals(histogramSince(first, second), first);
  assertEquals(histogramSince(first, undefined), first);
  assertEquals([0.2, 0.5, 0.61, 1].map((share) => quantile(second, share)), [1, 5, Infinity, Infinity]);
  assertEquals(quantile(histogramOf([1], []), 0.5), undefined);
  assertEquals(quantile(histogramOf([1], [1]), 0), 1);
});

test("figures: sizes, counts, rates, times, ages", () => {
  assertEquals([0, 1023, 1024, 1.5 * MIB, 3 * 2 ** 40].map(roundSize), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 MiB",
    "3072.0 GiB",
  ]);
  assertEquals([0, 999, 1000, 999_999, 1e6, 12_345_678, 999_900_000, 5e9].map(roundCount), [
    "0",
    "999",
    "1,000",
    "999,999",
    "1.00 M",
    "12.3 M",
    "1000 M",
    "5.00 G",
  ]);
  assertEquals([0, 0.25, 9.94, 9.96, 1234.5].map(roundRate), ["0", "0.3", "9.9", "10", "1,235"]);
  assertEquals([0, 0.051, 2.5, 10, 300.4, 1000, 1500, 27_300, 130_000].map(roundTime), [
    "0 ms",
    "0.05 ms",
    "2.5 ms",
    "10 ms",
    "300 ms",
    "1 s",
    "1.5 s",
    "27 s",
    "2 min",
  ]);
  assertEquals([0, 99_400, 100_000, 5_400_000, 6_000_000, 93_600_000].map(roundAge), [
    "0 s",
    "99 s",
    "2 min",
    "90 min",
    "1 h 40 min",
    "1 d 2 h",
  ]);
  assertEquals([quantity(1, "connection"), quantity(0, "connection"), quantity(2, "entry", "entries")], [
    "1 connection",
    "0 connections",
    "2 entries",
  ]);
});
