/** What examples has for operators: Prometheus takes its files, each alert fires, every metric exists, and two mobs join a bus. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../mod.ts";
import { metricsText } from "../../src/status/metrics.ts";
import { CLOSE_REASONS } from "../../src/status/stats.ts";
import { OURS, ROOT, startServer } from "../helpers/command_line.ts";
import { parseMetrics } from "../helpers/metrics.ts";
import { NatsServer, NO_NATS } from "../helpers/nats_server.ts";
import { busOf, reportOf } from "../helpers/reports.ts";
import { within } from "../helpers/wait.ts";

const WITH_PROMTOOL = spawnSync("promtool", ["--version"]).status === 0
  ? {}
  : { skip: "Prometheus is not installed (Debian: prometheus)" };

function pathOf(name: string): string {
  return join(ROOT, "examples", name);
}

/** A file in YAML. */
function yamlOf<Content>(name: string): Content {
  const program = join(ROOT, "test/helpers/yaml.mjs");
  const { status, stdout, stderr } = spawnSync("node", [program, pathOf(name)], { encoding: "utf8" });
  assertEquals(status, 0, stderr);
  return JSON.parse(stdout) as Content;
}

interface Alerts {
  readonly groups: {
    readonly rules: {
      readonly alert: string;
      readonly expr: string;
      readonly labels: { readonly severity: string };
      readonly annotations: { readonly summary: string };
    }[];
  }[];
}

const rulesOf = (): Alerts["groups"][0]["rules"] => yamlOf<Alerts>("monitoring/alerts.yml").groups[0]!.rules;

/** The names of all samples that a mob on a bus has. */
function knownMetrics(): Set<string> {
  const { samples } = parseMetrics(metricsText(reportOf({ stats: { bus: busOf() } })).text);
  return new Set(Array.from(samples.keys(), (key) => key.replace(/\{.*/, "")));
}

/** The metrics that a query names, and the reasons of ends. */
function namesIn(query: string): { metrics: string[]; reasons: string[] } {
  const reasons = Array.from(query.matchAll(/reason=~"([^"]+)"/g), ([, names]) => names!.split("|")).flat();
  return { metrics: query.replaceAll(/"[^"]*"/g, "").match(/\b(?:mobcast|process)_\w+/g) ?? [], reasons };
}

test("Prometheus takes its configuration and the alerts", WITH_PROMTOOL, () => {
  for (const args of [["config", "monitoring/prometheus.yml"], ["rules", "monitoring/alerts.yml"]] as const) {
    const { status, stdout, stderr } = spawnSync("promtool", ["check", args[0], pathOf(args[1])], { encoding: "utf8" });
    assertEquals(status, 0, stdout + stderr);
    assertMatch(stdout, /SUCCESS/);
  }
});

/** Samples of each minute under which an alert fires, those under which it does not, and what it says. */
const FIRES: Readonly<Record<string, readonly [series: string, firing: string, quiet: string, ...labels: string[]]>> = {
  MobcastDown: ["up", "0x9", "1x9"],
  MobcastNotReady: ["mobcast_ready", "0x9", "1x9"],
  MobcastCannotAccept: ["mobcast_accept_failures_total", "0+1x9", "5x9"],
  MobcastNearlyFull: ['mobcast_connections{listener="tcp://0.0.0.0:8000"}', "950x9", "900x9"],
  MobcastCutsClients: ['mobcast_closed_total{reason="stalled"}', "0+1x9", "7x9"],
  MobcastTurnsClientsAway: ['mobcast_closed_total{reason="unauthorized"}', "0+90x9", "0+30x9"],
  MobcastBusy: ["mobcast_loop_delay_seconds_bucket", "0+100x9", "0x9"],
  MobcastHookFails: ["mobcast_hook_failures_total", "0+1x9", "3x9"],
  MobcastBusAway: ['mobcast_bus_joined{bus="room"}', "0x9", "1x9", "bus"],
  MobcastBusGap: ["mobcast_bus_gaps_total", "0+1x9", "1x9"],
  MobcastBusRefuses: ["mobcast_bus_refused_total", "0+1x9", "2x9"],
};

test("each alert fires when it should, says where, and is quiet otherwise", WITH_PROMTOOL, () => {
  const rules = rulesOf();
  assertEquals(rules.map(({ alert }) => alert), Object.keys(FIRES));
  const folder = mkdtempSync(join(tmpdir(), "mobcast-alerts-"));
  try {
    const tests = rules.flatMap(({ alert, labels, annotations: { summary } }) =>
      [true, false].map((fires) => {
        const [series, firing, quiet, ...own] = FIRES[alert]!;
        const [, name, more] = /^(\w+)(?:\{(.*)\})?$/.exec(series)!;
        const at = (extra: string): string =>
          `${name}{${[more, extra, 'job="mobcast",instance="a:9100"'].filter(Boolean).join(",")}}`;
        const values = fires ? firing : quiet;
        const input = alert === "MobcastBusy"
          ? ["0.25", "0.5", "+Inf"].map((le, index) => ({
            series: at(`le="${le}"`),
            values: index === 0 ? "0x9" : values,
          }))
          : [{ series: at(""), values }, {
            series: 'mobcast_max_connections{job="mobcast",instance="a:9100"}',
            values: "1000x9",
          }];
        const words = summary.replaceAll("{{ $labels.instance }}", "a:9100")
          .replaceAll("{{ $labels.bus }}", "room")
          .replace("{{ $value | humanizePercentage }}", "95%")
          .replace("{{ $value | humanizeDuration }}", "497.5ms");
        const exp = {
          exp_labels: { ...labels, job: "mobcast", instance: "a:9100", ...own.includes("bus") && { bus: "room" } },
          exp_annotations: { summary: words },
        };
        return {
          interval: "1m",
          input_series: input,
          alert_rule_test: [{ eval_time: "9m", alertname: alert, exp_alerts: fires ? [exp] : [] }],
        };
      })
    );
    // JSON is YAML.
    const file = join(folder, "alerts.test.yml");
    writeFileSync(file, JSON.stringify({ rule_files: [pathOf("monitoring/alerts.yml")], tests }));
    const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], { encoding: "utf8" });
    assertEquals(status, 0, stdout + stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the alerts and the dashboard for Grafana name metrics and reasons that exist, and the dashboard has them all", () => {
  const known = knownMetrics();
  const queries = rulesOf().map(({ expr }) => expr);
  const { panels, templating } = JSON.parse(readFileSync(pathOf("monitoring/grafana.json"), "utf8")) as {
    panels: { id: number; type: string; title: string; targets?: { expr: string; refId: string }[] }[];
    templating: { list: { name: string; query: string }[] };
  };
  const shown = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  for (const query of [...queries, ...shown, ...templating.list.map(({ query }) => query)]) {
    const { metrics, reasons } = namesIn(query);
    // `up` is of Prometheus itself, and a data source is no query.
    if (query !== 'up{job="mobcast"} == 0' && query !== "prometheus") assert(metrics.length > 0, query);
    assertEquals(metrics.filter((name) => !known.has(name)), [], query);
    assertEquals(reasons.filter((reason) => !Object.hasOwn(CLOSE_REASONS, reason)), [], query);
    // A pair of parentheses, brackets or braces that is not closed is no query.
    for (const pair of ["()", "[]", "{}"]) {
      assertEquals(query.split(pair[0]!).length, query.split(pair[1]!).length, query);
    }
  }
  assert(shown.length > 30);
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { type, title, targets = [] } of panels) assertEquals(targets.length === 0, type === "row", title);
  // All that a mob counts of messages, ends and the bus can be seen.
  const used = new Set(shown.flatMap((query) => namesIn(query).metrics));
  for (const name of ["mobcast_ready", "mobcast_connections", "mobcast_closed_total", "mobcast_bus_joined"]) {
    assert(used.has(name), name);
  }
});

test("the queries of the dashboard are queries to Prometheus", WITH_PROMTOOL, () => {
  const { panels } = JSON.parse(readFileSync(pathOf("monitoring/grafana.json"), "utf8")) as {
    panels: { targets?: { expr: string }[] }[];
  };
  const folder = mkdtempSync(join(tmpdir(), "mobcast-grafana-"));
  try {
    // As recording rules, with what Grafana puts in the place of its variables.
    const rules = panels.flatMap(({ targets = [] }) => targets).map(({ expr }, index) => ({
      record: `query_${index}`,
      expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$job", "mobcast").replaceAll("$instance", ".*"),
    }));
    const file = join(folder, "queries.yml");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "queries", rules }] }));
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", file], { encoding: "utf8" });
    assertEquals(status, 0, stdout + stderr);
    assertMatch(stdout, new RegExp(`${rules.length} rules found`));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

interface Compose {
  readonly services: Record<string, {
    readonly command?: string[];
    readonly ports?: string[];
    readonly image?: string;
    readonly build?: { readonly context: string; readonly dockerfile_inline: string };
    readonly volumes?: string[];
    readonly depends_on?: Record<string, unknown>;
    readonly healthcheck?: { readonly test: string[] };
  }>;
  readonly volumes: Record<string, unknown>;
}

test("compose.yaml: two mobs and their bus, built from the clone, whose names fit each other", () => {
  const { services, volumes } = yamlOf<Compose>("compose.yaml");
  assertEquals(Object.keys(services), ["mob1", "mob2", "bus", "prometheus"]);
  const { scrape_configs: [scraped] } = yamlOf<{
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  }>("monitoring/prometheus.yml");
  assertEquals(scraped!.static_configs[0]!.targets, ["mob1:9100", "mob2:9100"]);
  const published: string[] = [];
  for (
    const [name, { command = [], build, image, ports = [], depends_on = {}, volumes: mounted = [] }] of Object.entries(
      services,
    )
  ) {
    assert((build === undefined) !== (image === undefined), name);
    published.push(...ports);
    for (const other of Object.keys(depends_on)) assert(Object.hasOwn(services, other), other);
    for (const [source] of mounted.map((volume) => volume.split(":"))) {
      assert(source === "./monitoring" || Object.hasOwn(volumes, source!), source);
    }
    const bus = command.find((word) => word.startsWith("--bus="));
    if (build) assertEquals(new URL(bus!.slice("--bus=".length)).hostname, "bus");
  }
  // Only this machine reaches them, each at a port of its own.
  assertEquals(new Set(published).size, 3);
  for (const port of published) assertMatch(port, /^127\.0\.0\.1:\d+:\d+$/);
});

test("compose.yaml: its commands are two mobs in one room, healthy by the check that it has", {
  skip: NO_NATS,
  timeout: 120_000,
}, async () => {
  const { services: { mob1, mob2 } } = yamlOf<Compose>("compose.yaml");
  await using nats = await NatsServer.start();
  const start = (words: readonly string[]) =>
    startServer(
      OURS,
      // On this machine, where ports are taken.
      words.slice(1).map((word) =>
        word.replace("nats://bus:4222", nats.url).replace(/\/\/0\.0\.0\.0:\d+/, "//127.0.0.1:0")
      ),
    );
  await using one = await start(mob1!.command!);
  await using two = await start(mob2!.command!);
  for (const server of [one, two]) await server.match(/^joined bus room at \d+$/m);
  await using ann = await connect(one.url);
  await using bob = await connect(two.url);
  await ann.send("hello, other machine");
  assertEquals((await within(bob.text().next(), "a message")).value, "hello, other machine");

  const [, status] = await one.match(/^status on http:\/\/(\S+)\/$/m);
  const [, ...check] = mob1!.healthcheck!.test;
  const { status: code, stderr } = spawnSync(
    check[0]!,
    check.slice(1).map((word) => word.replace("127.0.0.1:9100", status!)),
    { encoding: "utf8" },
  );
  assertEquals([code, stderr], [0, ""]);
});
