/** One measurement: a server is started, loaded and ended. */

import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { get } from "node:http";
import { cpus } from "node:os";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as pause } from "node:timers/promises";
import { dialectArguments } from "./dialects.ts";
import { histogramOf, type Report, runGenerator } from "./load.ts";
import { MemoryLimit } from "./memory_limit.ts";
import type { Row } from "./rows.ts";
import { Server } from "./server.ts";
import type { IdleShape, LoadShape, Shape } from "./shapes.ts";

/** What was measured, by name, and what was wrong. */
export interface Measurement {
  readonly figures: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

/** How a measurement is made. */
export interface Method {
  /** The path of the load generator. */
  readonly generator: string;
  /** Seconds that are measured. */
  readonly seconds: number;
  /** Seconds of load before that: programs get faster when they have run for a while. */
  readonly ramp: number;
}

const canPin = cpus().length > 1 && spawnSync("taskset", ["-V"]).status === 0;

/**
 * A command on one processor: the server on the first, the load on the second. Otherwise the kernel sometimes runs both by
 * turns on one, because they exchange data.
 */
function pinned(processor: number, command: readonly string[]): readonly string[] {
  return canPin ? ["taskset", "-c", `${processor}`, ...command] : command;
}

/** Measures a row in a shape. Rejects with the reason when that is impossible. */
export async function measure(row: Row, shape: Shape, method: Method): Promise<Measurement> {
  if (shape.kind === "start") return measureStart(row);
  if (shape.kind === "small") return await measureSmall(row, shape, method);
  const server = await Server.start((port) =>
    row.threads === "many" ? row.command(port) : pinned(0, row.command(port))
  );
  return await measureServer(server, row, shape, method);
}

/** Measures a row with a limit of memory. A server that is killed for it has a problem, and no figures. */
async function measureSmall(row: Row, shape: LoadShape, method: Method): Promise<Measurement> {
  const limit = new MemoryLimit((shape.mebibytes ?? 64) * 2 ** 20);
  try {
    const server = await Server.start((port) => limit.around(pinned(0, (row.small ?? row.command)(port))));
    const { figures, problems } = await measureServer(server, row, shape, method);
    return { figures: { ...figures, peak: limit.peak / 2 ** 20 }, problems };
  } finally {
    limit.remove();
  }
}

async function measureServer(
  server: Server,
  row: Row,
  shape: LoadShape | IdleShape,
  method: Method,
): Promise<Measurement> {
  const stopScraping = row.status && await scrape(row.status(server.port));
  try {
    const seconds = shape.kind === "join" ? 0 : method.seconds;
    const command = [
      method.generator,
      ...[`port=${server.port}`, `pid=${server.pid}`, `seconds=${seconds}`, `ramp=${method.ramp}`],
      ...shapeArguments(shape, row),
      ...tlsArguments(row),
      ...dialectArguments(row.dialect, shape.kind === "idle" ? 64 : shape.size),
    ];
    const report = await runGenerator(pinned(1, command), 1000 * (method.ramp + seconds + 150));
    // Many threads wait for each other: only the load shows whether another process used the processor.
    const fair = row.threads === "many" ? { ...report, serverStarved: 0 } : report;
    const measured = shape.kind === "idle" ? idleFigures(fair) : loadFigures(fair, shape);
    const problems = stopScraping?.() ?? [];
    return { ...measured, problems: [...measured.problems, ...problems] };
  } finally {
    stopScraping?.();
    await server.stop();
  }
}

/** Gets the metrics. Resolves to whether they came. */
function scrapeOnce(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ socketPath, path: "/metrics" }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode === 200));
    });
    request.on("error", () => resolve(false));
  });
}

/**
 * Gets the metrics once a second, as Prometheus does. Resolves when the first have come, since those load what all later ones
 * use, to a function that ends it and says what was wrong.
 */
async function scrape(socketPath: string): Promise<() => string[]> {
  // The status listener opens behind the others.
  for (let tries = 0; tries < 50 && !await scrapeOnce(socketPath); tries++) await pause(20);
  let failed = 0;
  const timer = setInterval(async () => {
    if (!await scrapeOnce(socketPath)) failed++;
  }, 1000);
  return () => {
    clearInterval(timer);
    return failed > 0 ? [`${failed} scrapes failed`] : [];
  };
}

function tlsArguments({ tls }: Row): string[] {
  if (tls === undefined) return [];
  return ["tls=1", `greetingEnd=${Buffer.from(tls.greetingEnd).toString("hex")}`];
}

function shapeArguments(shape: LoadShape | IdleShape, row: Row): string[] {
  if (shape.kind === "idle") return [`idle=${shape.idle}`, `rate=${shape.rate}`, `drains=${shape.drains ? 1 : 0}`];
  const publishers = row.dialect.framed ? shape.publishers : 1;
  return [
    ...[`receivers=${shape.receivers}`, `publishers=${publishers}`, `size=${shape.size}`, `sample=${shape.sample}`],
    ...[`window=${shape.window ?? 0}`, `rate=${shape.rate ?? 0}`],
    ...[`churn=${shape.churn ?? 0}`, `stuck=${shape.mebibytes === undefined ? 0 : 1}`],
    ...(shape.storm === undefined ? [] : [`storm=${shape.storm}`]),
    ...(shape.kind === "join" ? [`joining=${shape.receivers}`] : []),
    ...(row.backlog === undefined ? [] : [`joining=${row.backlog}`]),
  ];
}

/** The losses of a row, in the words of the table. */
function problemsOf(report: Report): string[] {
  const counts = {
    "still under way 5 s after the end": report.underWay,
    "not received": report.lost,
    repeated: report.repeated,
    "out of order": report.late,
    corrupt: report.corrupt,
    "connections ended": report.ended,
    "in another order than others": report.disorder,
  };
  return Object.entries(counts).filter(([, count]) => (count ?? 0) > 0).map(([name, count]) => `${count} ${name}`);
}

function loadFigures(report: Report, shape: LoadShape): Measurement {
  const { received = 0, reads = 0, seconds, serverProcessor, loadProcessor, memoryPeak, joined = 0, stormed } = report;
  const problems = problemsOf(report);
  const memory = memoryPeak / 1024;
  if (shape.kind === "join") return { figures: { joined, memory }, problems };
  const histogram = histogramOf([report]);
  // Where no frame arrived in time there is no delay, which differs from a delay of 0.
  const delay = (percent: number): number =>
    histogram.totalCount === 0 ? NaN : histogram.getValueAtPercentile(percent) / 1000;
  const busy = serverProcessor / seconds;
  const loadBusy = loadProcessor / seconds;
  return {
    figures: {
      deliveries: received / seconds,
      processor: received === 0 ? NaN : serverProcessor * 1e6 / received,
      busy,
      loadProcessor: received === 0 ? NaN : loadProcessor * 1e6 / received,
      loadBusy,
      starved: starvedOf(report),
      // How well the server batches, whatever size the kernel's pieces have.
      framesPerRead: received / reads,
      p50: delay(50),
      p99: delay(99),
      p999: delay(99.9),
      memory,
      joined,
      letGo: report.letGo ?? 0,
      churned: (report.passed ?? 0) / seconds,
      ...(shape.storm !== undefined && { stormed: stormed ?? NaN }),
      // A closed loop is as fast as the slower of the two: this reports when that was not the server.
      loadBound: shape.kind === "closed" && loadBusy > 0.95 && busy < 0.9 ? 1 : 0,
    },
    problems,
  };
}

/** The share of the time in which one of the two was ready to run, and another process had its processor. */
function starvedOf({ serverStarved, loadStarved, seconds }: Report): number {
  return Math.max(serverStarved, loadStarved) / seconds;
}

function idleFigures(report: Report): Measurement {
  const { events = 0, serverProcessor, loadProcessor, seconds, memoryBefore = 0, memoryAfter = 0, idle = 1 } = report;
  return {
    figures: {
      events: events / seconds,
      processor: serverProcessor * 1e6 / events,
      busy: serverProcessor / seconds,
      loadBusy: loadProcessor / seconds,
      starved: starvedOf(report),
      perConnection: (memoryAfter - memoryBefore) / idle,
      memory: report.memoryPeak / 1024,
      drained: report.drained === undefined || report.drained < 0 ? NaN : report.drained,
    },
    problems: [...problemsOf(report), ...(report.drained === -1 ? ["not all were let go in a minute"] : [])],
  };
}

/** A frame of our wire with one byte. */
const HELLO = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, 33]);

/** How many starts make one measurement: they are short, and each is another. */
const STARTS = 5;

async function measureStart(row: Row): Promise<Measurement> {
  const times: number[] = [];
  while (times.length < STARTS) {
    const server = await Server.launch((port) => row.plain?.(port) ?? row.command(port));
    try {
      times.push(await server.firstByte(HELLO));
    } finally {
      await server.stop();
    }
  }
  times.sort((one, other) => one - other);
  return { figures: { start: times[STARTS >> 1]! }, problems: [] };
}
