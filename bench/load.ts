/** The load generator of the benchmark: generator.c, compiled when it is needed, and what it reports. */

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { clearTimeout, setTimeout } from "node:timers";
import { build, type Histogram } from "hdr-histogram-js";
import { ROOT } from "../test/helpers/command_line.ts";

/** Where what is made for the benchmark is kept. */
export const CACHE: string = join(ROOT, "node_modules/.cache/mobcast-bench");

/** The result of the load generator. Processor time in seconds, memory in KiB, delays in microseconds. */
export interface Report {
  readonly error?: string;
  readonly joined?: number;
  readonly stormed?: number;
  readonly seconds: number;
  readonly sent?: number;
  readonly received?: number;
  /** Clients that came and left. */
  readonly passed?: number;
  /** Milliseconds until the server had let all connections go; -1 when it did not. */
  readonly drained?: number;
  /** 1 when the server has let the client go that never reads. */
  readonly letGo?: number;
  readonly events?: number;
  readonly idle?: number;
  readonly reads?: number;
  readonly serverProcessor: number;
  readonly loadProcessor: number;
  readonly serverStarved: number;
  readonly loadStarved: number;
  readonly memoryBefore?: number;
  readonly memoryAfter?: number;
  readonly memoryPeak: number;
  readonly underWay?: number;
  readonly lost?: number;
  readonly repeated?: number;
  readonly late?: number;
  readonly corrupt?: number;
  readonly ended?: number;
  readonly disorder?: number;
  readonly delays?: readonly (readonly [number, number])[];
}

/** Compiles the load generator, or the one that speaks TLS as well, when its source is newer. Returns its path, or why there is none. */
export function compileGenerator(tls = false): { readonly path: string } | { readonly missing: string } {
  const source = join(ROOT, "bench/generator.c");
  const path = join(CACHE, tls ? "generator-tls" : "generator");
  const more = tls ? ["-DOVER_TLS", "-lssl", "-lcrypto"] : [];
  const sources = [source, join(ROOT, "bench/generator_tls.h")];
  mkdirSync(CACHE, { recursive: true });
  const made = statSync(path, { throwIfNoEntry: false });
  if (made !== undefined && sources.every((one) => made.mtimeMs > statSync(one).mtimeMs)) return { path };
  const { status, stderr, error } = spawnSync("cc", ["-O2", "-march=native", "-o", path, source, ...more], {
    encoding: "utf8",
  });
  if (error !== undefined) return { missing: "there is no C compiler (cc)" };
  return status === 0 ? { path } : { missing: `cc failed: ${stderr.trim().split("\n")[0]}` };
}

/** Runs a load generator to its end. It ends by itself; `limit`, in milliseconds, is for one that hangs. */
export function runGenerator(command: readonly string[], limit: number): Promise<Report> {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    const timer = setTimeout(() => child.kill("SIGKILL"), limit);
    child.stdout!.setEncoding("utf8").on("data", (text: string) => output += text);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      try {
        const report = JSON.parse(output) as Report;
        if (report.error === undefined) resolve(report);
        else reject(new Error(report.error));
      } catch {
        reject(new Error(`the load generator ended with ${signal ?? `exit code ${code}`}`));
      }
    });
  });
}

/** The delays of one or more reports as one histogram, in microseconds. */
export function histogramOf(reports: readonly Report[]): Histogram {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 120_000_000,
    numberOfSignificantValueDigits: 3,
  });
  for (const { delays = [] } of reports) {
    for (const [value, count] of delays) histogram.recordValueWithCount(Math.max(1, value), count);
  }
  return histogram;
}
