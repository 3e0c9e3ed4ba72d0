/** Prometheus itself scrapes a mob: its numbers are those of the status listener, and its rules for metrics hold. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../mod.ts";
import type { StatusReport } from "../../src/status/report.ts";
import { CommandLine, OURS } from "../helpers/command_line.ts";
import { freePort } from "../helpers/free_port.ts";
import { parseMetrics } from "../helpers/metrics.ts";
import { asked } from "../helpers/wait.ts";

const installed = ["prometheus", "promtool"].every((name) => spawnSync(name, ["--version"]).status === 0);

/** The value of a query; `undefined` while there is none. */
async function query(port: number, expression: string): Promise<number | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const { data } = await response.json() as { data: { result: { value: [number, string] }[] } };
    const [first] = data.result;
    return first && Number(first.value[1]);
  } catch {
    // It is still starting.
    return undefined;
  }
}

async function untilValue(port: number, expression: string, wanted: number): Promise<void> {
  const value = await asked(() => query(port, expression), (value) => value === wanted, 20_000);
  assertEquals(value, wanted, expression);
}

test("Prometheus scrapes a mob, and has its numbers", {
  skip: installed ? false : "Prometheus is not installed (Debian: prometheus)",
  timeout: 60_000,
}, async () => {
  await using server = new CommandLine(OURS, ["serve", "tcp://127.0.0.1:0", "--status", "http://127.0.0.1:0"]);
  const [, url] = await server.match(/^listening on (\S+)$/m);
  const [, status] = await server.match(/^status on (http:\S+?)\/?$/m);
  const folder = mkdtempSync(join(tmpdir(), "mobcast-prometheus-"));
  const port = await freePort();
  const config = [
    "scrape_configs:",
    "- job_name: mobcast",
    "  scrape_interval: 250ms",
    "  scrape_timeout: 250ms",
    `  static_configs: [{ targets: ["${new URL(status!).host}"] }]`,
  ];
  writeFileSync(join(folder, "prometheus.yml"), config.join("\n"));
  const options = [
    `--config.file=${join(folder, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  try {
    await using prometheus = new CommandLine(OURS, options, ["prometheus"]);
    await using client = await connect(url!);
    const texts = client.text();
    for (const text of ["one", "two", "three"]) {
      await client.send(text);
      assertEquals((await texts.next()).value, text);
    }
    await untilValue(port, `up{job="mobcast"}`, 1);
    await untilValue(port, "mobcast_frames_published_total", 3);
    await untilValue(port, `mobcast_connections{listener="${url}"}`, 1);
    await untilValue(port, "mobcast_delivered_bytes_total", 3 * 8 + "onetwothree".length);
    await untilValue(port, `histogram_quantile(1, mobcast_lag_bytes_bucket)`, 0);
    const text = await (await fetch(`${status}/metrics`)).text();
    const { families } = parseMetrics(text);
    // Every family has come through, with its type: Prometheus drops none.
    const metadata = await (await fetch(`http://127.0.0.1:${port}/api/v1/targets/metadata`)).json() as {
      data: { metric: string; type: string }[];
    };
    const types = new Map(metadata.data.map(({ metric, type }) => [metric, type]));
    for (const [name, { type }] of families) {
      // Prometheus asks for OpenMetrics, where counters and information are named without their suffix.
      const shown = type === "counter" ? name.replace(/_total$/, "") : name.replace(/_build_info$/, "_build");
      assert(types.has(name) || types.has(shown), `${name} is missing`);
    }
    const checked = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    assertEquals([checked.status, checked.stderr], [0, ""]);
    const { stats } = await (await fetch(`${status}/stats`)).json() as StatusReport;
    assertEquals([stats.published.frames, stats.connections], [3, 1]);
    prometheus.signal("SIGTERM");
    await prometheus.ended;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
