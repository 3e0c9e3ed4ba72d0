/** What is said of a bus: readiness, metrics, words, tables, events and log lines. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { busRelay } from "../../src/bus/bus.ts";
import { asReport } from "../../src/cli/report_check.ts";
import { tell } from "../../src/cli/stats.ts";
import { logStatus } from "../../src/cli/status.ts";
import { viewOf } from "../../src/cli/top_view.ts";
import { plainText } from "../../src/cli/full_screen.ts";
import type { Seen } from "../../src/cli/status_watch.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { busWords } from "../../src/status/bus_words.ts";
import { metricsText } from "../../src/status/metrics.ts";
import type { ReportedEvent } from "../../src/status/report.ts";
import { BUS_STATS } from "../../src/status/stats_table.ts";
import { type Words, wordsOf } from "../../src/status/words.ts";
import { statusHandler } from "../../status.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { MemoryBus, type MemoryChannel } from "../helpers/memory_bus.ts";
import { parseMetrics } from "../helpers/metrics.ts";
import { busOf, lookOf, reportOf } from "../helpers/reports.ts";
import { World } from "../helpers/scripted_server.ts";
import { VIEW } from "../helpers/top_view.ts";

/** A mob on a bus. */
async function onBus(options: MobOptions = {}): Promise<{ world: World; channel: MemoryChannel }> {
  const channel = new MemoryBus().channel();
  return { world: await World.open({ ...options, relay: busRelay(channel) }), channel };
}

const gap = { type: "gap", why: "messages 7 to 9 are gone", batches: 3, restarted: false, own: [] } as const;

test("/readyz is 503 while the bus is away, says why, and is 200 again", async () => {
  const { world, channel } = await onBus();
  const ask = async (): Promise<[number, string]> => {
    const response = await statusHandler(world.mob)(new Request("http://127.0.0.1:9100/readyz"));
    return [response.status, await response.text()];
  };
  assertEquals(await ask(), [200, "ready\n"]);
  channel.events!.away("no server answers");
  assertEquals(await ask(), [503, "bus away: no server answers\n"]);
  channel.events!.away(undefined);
  assertEquals(await ask(), [200, "ready\n"]);
  channel.events!.away("no server answers");
  void world.mob.close();
  assertEquals(await ask(), [503, "draining\n"]);
});

test("stats() has since when the bus is away, and why", async () => {
  const { world, channel } = await onBus();
  const now = (): unknown[] => {
    const { state, whyAway, awayFor } = world.mob.stats().bus!;
    return [state, whyAway, awayFor];
  };
  assertEquals(now(), ["joined", undefined, 0]);
  channel.events!.away("no server answers");
  world.adapter.advance(1500);
  channel.events!.away("the stream has no leader");
  world.adapter.advance(500);
  assertEquals(now(), ["away", "the stream has no leader", 2000]);
  channel.events!.away(undefined);
  world.adapter.advance(500);
  assertEquals(now(), ["joined", undefined, 0]);
});

test("the log says that the mob has joined, that the bus is away and back, and what was missed, in plain words", async () => {
  const lines = async (options: MobOptions): Promise<string[]> => {
    const records = await logged("info", async () => {
      const { world, channel } = await onBus(options);
      channel.events!.away("no server answers");
      world.adapter.advance(12_340);
      channel.events!.away(undefined);
      channel.push(gap);
      channel.push({ ...gap, why: "the stream was made anew", batches: undefined, restarted: true });
      channel.push({ ...gap, batches: undefined });
      world.run();
    });
    return records.map((record) => `${record.level}: ${lineOf(record)}`);
  };
  assertEquals(await lines({}), [
    "info: Joined the bus memory at 0",
    "warning: The bus is away, what clients send waits: no server answers",
    "info: The bus is back after 12.3 s",
    "error: Missed 3 batches of the bus: messages 7 to 9 are gone; all connections are disconnected",
    "error: The bus began anew: the stream was made anew; all connections are disconnected",
    "error: Missed frames of the bus: messages 7 to 9 are gone; all connections are disconnected",
  ]);
  const [, , , missed] = await lines({ slowConsumer: "skip" });
  assertEquals(
    missed,
    "error: Missed 3 batches of the bus: messages 7 to 9 are gone; connections go on behind it",
  );
});

// --- metrics ---

const report = reportOf({ stats: { bus: busOf() } });

test("every number of the bus has its metric", () => {
  const { samples } = parseMetrics(metricsText(report).text);
  const expected = {
    [`mobcast_bus_joined{bus="chat"}`]: 1,
    mobcast_bus_away_seconds: 0,
    mobcast_bus_sequence: 1204,
    mobcast_bus_frames_sent_total: 1000,
    mobcast_bus_sent_bytes_total: 64_000,
    mobcast_bus_frames_returned_total: 990,
    mobcast_bus_returned_bytes_total: 63_360,
    mobcast_bus_frames_in_flight: 7,
    mobcast_bus_in_flight_bytes: 448,
    mobcast_bus_frames_lost_total: 3,
    mobcast_bus_lost_bytes_total: 192,
    mobcast_bus_frames_received_total: 2000,
    mobcast_bus_received_bytes_total: 128_000,
    mobcast_bus_missed_batches_total: 4,
    mobcast_bus_gaps_total: 1,
    mobcast_bus_restarts_total: 0,
    mobcast_bus_resent_total: 5,
    mobcast_bus_repeated_total: 6,
    mobcast_bus_refused_total: 8,
  };
  const found = [...samples].filter(([name]) => name.startsWith("mobcast_bus_"));
  assertEquals(Object.fromEntries(found), expected);
  const bus = busOf({ state: "away", whyAway: "no server answers", awayFor: 2500 });
  const { samples: away } = parseMetrics(metricsText(reportOf({ stats: { bus } })).text);
  assertEquals(
    ["mobcast_ready", `mobcast_bus_joined{bus="chat"}`, "mobcast_bus_away_seconds"].map((name) => away.get(name)),
    [0, 0, 2.5],
  );
  assertEquals(samples.get("mobcast_ready"), 1);
  const { text } = metricsText(reportOf());
  assert(!text.includes("mobcast_bus_"), text);
});

test("every field of stats().bus has a row, and docs/operations.md has it", () => {
  const names = Object.keys(busOf()).filter((name) => name !== "name" && name !== "whyAway");
  assertEquals(Object.keys(BUS_STATS).toSorted(), names.toSorted());
  const { families } = parseMetrics(metricsText(report).text);
  const rows = Object.entries(BUS_STATS).map(([name, { kind, unit, about }]) => {
    const metrics = [...families].filter(([family, { help }]) =>
      family.startsWith("mobcast_bus_") && (help === `${about}.` || help.startsWith(`${about}: `))
    );
    assert(metrics.length > 0, name);
    return `| \`${name}\` | ${metrics.map(([family]) => `\`${family}\``).join(", ")} | ${kind}, ${unit} | ${about} |`;
  });
  const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  assertStringIncludes(text, `\n${rows.join("\n")}\n\n`);
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;
test(
  "promtool finds nothing wrong with the metrics of a bus",
  { skip: promtool ? false : "promtool is not installed (Debian: prometheus)" },
  () => {
    for (const accept of ["", "application/openmetrics-text"]) {
      const { text } = metricsText(report, accept);
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
      if (accept === "") assertEquals([status, stdout, stderr], [0, "", ""]);
      for (const [, name, unit] of text.matchAll(/^# UNIT (\S+) (\S+)$/gm)) assert(name!.endsWith(`_${unit}`), name);
    }
  },
);

// --- words ---

const texts = ({ level, sentences }: Words): string[] => [level, ...sentences.map(({ text }) => text)];

test("words: a bus that is away is trouble, and so is a gap; messages of others are a warning", () => {
  const now = (bus: Parameters<typeof busOf>[0], past: Parameters<typeof busOf>[0] = {}): string[] =>
    texts(
      wordsOf(
        lookOf({ now: 110_000, stats: { bus: busOf(bus) } }),
        undefined,
        reportOf({ now: 100_000, stats: { bus: busOf(past) } }),
      ),
    );
  assertEquals(now({}), ["ok", "All is well: 120 connections, none behind."]);
  assertEquals(now({ state: "away", awayFor: 12_000, whyAway: "no server answers" }), [
    "trouble",
    "The bus has been away for 12 s: what clients send waits (no server answers).",
  ]);
  assertEquals(now({ state: "joining", awayFor: 3000 }), [
    "trouble",
    "The mob has not joined its bus for 3 s: what clients send waits.",
  ]);
  assertEquals(now({ gaps: 2, refused: 9 }), [
    "trouble",
    "Frames of the bus were missed for good in the last 10 s: the log says why.",
    "1 message on the bus was refused in the last 10 s: not of mobs like this one.",
  ]);
  assertEquals(now({ gaps: 3, restarts: 1, refused: 10 }), [
    "trouble",
    "Frames of the bus were missed for good 2 times in the last 10 s: the bus began anew.",
    "2 messages on the bus were refused in the last 10 s: not of mobs like this one.",
  ]);
  // Connections that were cut for it are told too.
  const cut = wordsOf(lookOf({ now: 110_000, closed: { gap: 12 } }), undefined, reportOf({ now: 100_000 }));
  assertEquals(texts(cut), ["warning", "12 connections were disconnected in the last 10 s: 12 gap."]);
});

test("the bus in one line", () => {
  assertEquals(busWords(busOf()), "chat joined at 1,204, 7 frames in flight, 1 gap");
  assertEquals(
    busWords(busOf({ state: "away", awayFor: 12_000, gaps: 0 })),
    "chat away for 12 s at 1,204, 7 frames in flight, no gap",
  );
});

// --- tables ---

test("stats has a group for the bus: no number is forgotten, and without a bus there is none", () => {
  const text = tell(report);
  assertStringIncludes(text.replace(/ +/g, " "), "\nBus\n now chat joined at 1,204, 7 frames in flight, 1 gap\n");
  for (const [name, value] of Object.entries(busOf())) {
    const other = typeof value === "number"
      ? value + 5_000_000
      : typeof value === "object"
      ? { frames: 98_765_432, bytes: 98_765_432 }
      : "other";
    const state = name === "awayFor" ? { state: "away" as const } : {};
    const before = tell(reportOf({ stats: { bus: busOf(state) } }));
    assert(tell(reportOf({ stats: { bus: busOf({ ...state, [name]: other }) } })) !== before, name);
  }
  assert(!tell(reportOf()).includes("Bus"));
});

test("a report whose bus is none is no report; one without a bus is one", () => {
  const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
  assert(asReport(copy(report)) !== undefined);
  assert(asReport(copy(reportOf())) !== undefined);
  for (const bus of [null, "chat", {}, { ...busOf(), inFlight: 3 }, { ...busOf(), gaps: "many" }]) {
    assertEquals(asReport(copy({ ...report, stats: { ...report.stats, bus } })), undefined, JSON.stringify(bus));
  }
});

test("top shows the bus in one line, and what happened to it", () => {
  const events: ReportedEvent[] = [
    { type: "bus-away", at: 96_000, why: "no server answers" },
    { type: "bus-back", at: 98_000 },
    { type: "gap", at: 99_000, why: "messages 7 to 9 are gone", batches: 3 },
  ];
  const look = lookOf({ stats: { bus: busOf() } });
  const seen: Seen = {
    report: look.report,
    rates: undefined,
    past: undefined,
    words: wordsOf(look),
    connections: [],
    total: 120,
    events,
  };
  const view = { ...VIEW, rows: 40 };
  const lines = viewOf(seen, view).lines.map(plainText);
  for (
    const line of [
      "bus chat joined at 1,204, 7 frames in flight, 1 gap",
      "   4 s ago  the bus is away: no server answers",
      "   2 s ago  the bus is back",
      "   1 s ago  frames of the bus were missed: messages 7 to 9 are gone",
    ]
  ) assert(lines.includes(line), lines.join("\n"));
  const narrow = viewOf(seen, { ...view, columns: 40 }).lines.map(plainText);
  assert(narrow.every((line) => line.length <= 40 || / ago /.test(line)), narrow.join("\n"));
});

test("the status in the log has the bus, as text and as data", async () => {
  const { world } = await onBus();
  const records = await logged("info", () => {
    logStatus(world.mob, "text");
    logStatus(world.mob, "json");
    return Promise.resolve();
  });
  assertStringIncludes(lineOf(records[0]!), ", bus memory joined at 0, 0 frames in flight, no gap");
  assertEquals(records.at(-1)!.properties.bus, world.mob.stats().bus);
});
