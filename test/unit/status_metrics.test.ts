/** The metrics: one family for every row of the stats table, in both text formats. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { metricsText } from "../../src/status/metrics.ts";
import { STATS } from "../../src/status/stats_table.ts";
import { Watch } from "../../src/status/watch.ts";
import { metrics } from "../../status.ts";
import { parseMetrics } from "../helpers/metrics.ts";
import { World } from "../helpers/scripted_server.ts";

/** A mob in which something has happened: frames, a refusal, a connection that is behind. */
async function busyWorld(): Promise<World> {
  const world = await World.open();
  const [speaker, slow] = [world.join(), world.join()];
  slow.socket.room = 4;
  world.say(speaker, "hello", "everybody");
  world.run();
  return world;
}

test("every row of the stats table has its metric, with the number of stats()", async () => {
  const { mob } = await busyWorld();
  const { samples } = parseMetrics(metricsText(await new Watch(mob).report()).text);
  const stats = mob.stats();
  const { published, delivered, lag, lagSizes, tickDurations } = stats;
  const expected: Record<string, number> = {
    mobcast_frames_published_total: published.frames,
    mobcast_published_bytes_total: published.bytes,
    mobcast_frames_delivered_total: delivered.frames,
    mobcast_delivered_bytes_total: delivered.bytes,
    mobcast_lag_frames: lag.frames,
    mobcast_lag_bytes_sum: lag.bytes,
    mobcast_lag_bytes_count: lagSizes.count,
    [`mobcast_lag_bytes_bucket{le="0"}`]: lagSizes.counts[0]!,
    [`mobcast_lag_bytes_bucket{le="1024"}`]: lagSizes.counts[0]! + lagSizes.counts[1]!,
    [`mobcast_lag_bytes_bucket{le="+Inf"}`]: lagSizes.count,
    mobcast_tick_duration_seconds_count: tickDurations.count,
    mobcast_tick_duration_seconds_sum: tickDurations.sum / 1000,
    mobcast_joined_total: stats.joined,
    mobcast_ticks_total: stats.ticks,
    mobcast_writes_total: stats.writes,
    mobcast_log_bytes: stats.logBytes,
    mobcast_receive_bytes: stats.receiveBytes,
    mobcast_buffered_bytes: stats.bufferedAmount,
    mobcast_hook_failures_total: stats.hookFailures,
    mobcast_accept_failures_total: stats.acceptFailures,
    mobcast_ready: 1,
  };
  assert(lag.bytes > 0 && delivered.bytes > 0);
  for (const [name, value] of Object.entries(expected)) assertEquals(samples.get(name), value, name);
  for (const [reason, count] of Object.entries(stats.closed)) {
    assertEquals(samples.get(`mobcast_closed_total{reason="${reason}"}`), count, reason);
  }
  for (const { url, connections } of stats.listeners) {
    assertEquals(samples.get(`mobcast_connections{listener="${url ?? "mob.join()"}"}`), connections);
  }
  for (const { framing, logBytes } of stats.feeds) {
    assertEquals(samples.get(`mobcast_feed_log_bytes{framing="${framing}"}`), logBytes);
  }
});

test("every field of stats() has a row, and every row a family with its help", async () => {
  const { mob } = await busyWorld();
  const { families } = parseMetrics(metricsText(await new Watch(mob).report()).text);
  const names = Object.keys(mob.stats()).filter((name) => name !== "feeds" && name !== "bus");
  assertEquals(Object.keys(STATS).toSorted(), names.toSorted());
  const helps = [...families.values()].map(({ help }) => help);
  for (const [name, { about }] of Object.entries(STATS)) {
    assert(helps.some((help) => help.startsWith(about)), `${name}: ${about}`);
  }
});

test("docs/operations.md has every number, with its metrics, its kind, its unit and its meaning", async () => {
  const { mob } = await busyWorld();
  const { families } = parseMetrics(metricsText(await new Watch(mob).report()).text);
  const namesOf = (about: string): string[] =>
    [...families].filter(([name, { help }]) =>
      (help === `${about}.` || help.startsWith(`${about}: `)) && !name.startsWith("mobcast_feed_")
    ).map(([name]) => `\`${name}\``);
  const rows = Object.entries(STATS).map(([name, { kind, unit, about }]) =>
    `| \`${name}\` | ${namesOf(about).join(", ")} | ${kind}, ${unit} | ${about} |`
  );
  const text = readFileSync(new URL("../../docs/operations.md", import.meta.url), "utf8");
  assertStringIncludes(text, `\n${rows.join("\n")}\n\n`);
  for (const name of families.keys()) assertStringIncludes(text, `\`${name}\``);
});

test("OpenMetrics names counters without their suffix, has units, and ends with EOF", async () => {
  const { mob } = await busyWorld();
  const { type, text } = metricsText(
    await new Watch(mob).report(),
    "application/openmetrics-text; version=1.0.0, text/plain;q=0.5",
  );
  assertEquals(type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  assertStringIncludes(text, "# TYPE mobcast_published_bytes counter\n# UNIT mobcast_published_bytes bytes\n");
  assertStringIncludes(text, "\nmobcast_published_bytes_total ");
  assertStringIncludes(text, "# TYPE mobcast_build info\n");
  assert(text.endsWith("\n# EOF\n"));
  for (const [, name, unit] of text.matchAll(/^# UNIT (\S+) (\S+)$/gm)) assert(name!.endsWith(`_${unit}`), name);
});

test("a label may hold every character", async () => {
  const { mob } = await busyWorld();
  const report = await new Watch(mob).report();
  const listeners = [{ url: `unix:/a"b\\c\nd`, connections: 3 }];
  const { text } = metricsText({ ...report, stats: { ...report.stats, listeners } });
  assertStringIncludes(text, `mobcast_connections{listener="unix:/a\\"b\\\\c\\nd"} 3\n`);
});

test("metrics() answers any request, in the format that it asks for", async () => {
  const { mob } = await busyWorld();
  const handler = metrics(mob);
  const plain = await handler(new Request("http://any.example/m"));
  assertEquals(plain.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assertStringIncludes(await plain.text(), "\nmobcast_connections{");
  const open = await handler(
    new Request("http://any.example/m", { headers: { accept: "application/openmetrics-text" } }),
  );
  assert((await open.text()).endsWith("# EOF\n"));
});

const promtool = spawnSync("promtool", ["--version"]).status === 0;
test(
  "promtool finds nothing wrong",
  { skip: promtool ? false : "promtool is not installed (Debian: prometheus)" },
  async () => {
    const { mob } = await busyWorld();
    const { text } = metricsText(await new Watch(mob).report());
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    assertEquals([status, stdout, stderr], [0, "", ""]);
    // It would find something.
    const wrong = spawnSync("promtool", ["check", "metrics"], {
      input: text.replaceAll("ticks_total", "ticks"),
      encoding: "utf8",
    });
    assertStringIncludes(wrong.stderr, "_total");
  },
);
