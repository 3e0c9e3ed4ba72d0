/**
 * The command `bench`.
 *
 * @module
 */

import { type LoadOptions, type Outcome, type Progress, runLoad } from "../load/load.ts";
import type { Bar } from "../load/latency.ts";
import type { ClientFlags } from "./listener_flags.ts";
import { readCredentials } from "./client_flags.ts";
import { attempt, Failure, onAny, type Session, unlessStopped } from "./session.ts";
import type { Output, Terminal } from "./terminal.ts";

/** The options of `bench`. */
export interface BenchFlags extends Omit<LoadOptions, "tls" | "secret" | "equal">, ClientFlags {
  /** Whether the result is printed as JSON. */
  readonly json: boolean;
  /** Whether a histogram of the delays is drawn. */
  readonly histogram: boolean;
}

/** The percentiles that are printed. */
const PERCENTILES = [50, 99, 99.9, 100] as const;

/** Loads a running server and prints how fast it was. A frame that was lost, repeated or reordered is a failure. */
export async function runBench(session: Session, url: string, flags: BenchFlags): Promise<number> {
  const { terminal, stop } = session;
  const load = { ...flags, ...await attempt(readCredentials(terminal, flags)), equal: terminal.equal };
  const line = await startLine(terminal);
  const used = terminal.processor?.();
  const began = terminal.now();
  let outcome: Outcome | undefined;
  try {
    outcome = await attempt(
      runLoad(await terminal.adapter(), url, load, (progress) => line?.update(progress), eitherOf(session)),
    );
  } finally {
    line?.stop();
    // The bar is on standard error, and the result must come after it.
    if (line !== undefined) await unlessStopped(terminal.stderr.flush(), session.drop);
  }
  if (outcome === undefined) return 0;
  const busy = used === undefined ? undefined : (terminal.processor!() - used) * 1000 / (terminal.now() - began);
  const { stdout } = terminal;
  await stdout.write(
    flags.json ? `${JSON.stringify(toJson(url, flags, outcome, busy))}\n` : toTable(flags, outcome, busy),
  );
  if (flags.histogram && !flags.json) await stdout.write(`\n${drawHistogram(outcome.delays.bars(), widthOf(stdout))}`);
  const problems = problemsOf(outcome);
  if (problems.length > 0) throw new Failure(`Cannot vouch for ${url}: ${problems.join(", ")}`);
  if (stop.aborted && !flags.json) {
    void terminal.stderr.write("interrupted: the result is what was measured until then\n");
  }
  return 0;
}

/** Aborts at the first signal and at the second: either way the result so far is printed, which takes no time. */
function eitherOf({ stop, drop }: Session): AbortSignal {
  const either = new AbortController();
  onAny([stop, drop], () => either.abort());
  return either.signal;
}

/** The progress bar, on a terminal. */
async function startLine(
  { stderr }: Terminal,
): Promise<{ update(progress: Progress): void; stop(): void } | undefined> {
  if (!stderr.isTerminal) return undefined;
  const { BenchProgress } = await import("./progress.ts");
  return new BenchProgress(stderr);
}

function widthOf(output: Output): number {
  return Math.min(output.columns ?? 80, 100);
}

/** What was wrong, in plain words. */
function problemsOf({ lost, repeated, reordered, garbled, disorder, ended, why }: Outcome): string[] {
  const deliveries = (count: number, what: string): string[] => count > 0 ? [`${count} deliveries ${what}`] : [];
  return [
    ...deliveries(lost, "lost"),
    ...deliveries(repeated, "repeated"),
    ...deliveries(reordered, "reordered"),
    ...(garbled > 0 ? [`${garbled} frames garbled`] : []),
    ...(disorder > 0 ? [`${disorder} connections received another order than others`] : []),
    ...(ended > 0 ? [`${ended} connections ended (${why})`] : []),
  ];
}

function toJson(url: string, flags: BenchFlags, outcome: Outcome, busy: number | undefined): unknown {
  const { delays, seconds, deliveries, ...rest } = outcome;
  const { json: _json, histogram: _histogram, ...options } = flags;
  const percentiles = PERCENTILES.map((percent) => [`p${percent}`, delays.percentile(percent)]);
  return {
    url,
    options: options.rate === undefined ? options : { ...options, inFlight: undefined },
    seconds,
    deliveries,
    deliveriesPerSecond: deliveries / seconds,
    ...rest,
    loadBusy: busy,
    delays: { unit: "ms", ...Object.fromEntries(percentiles) },
    histogram: delays.bars(),
  };
}

function toTable(flags: BenchFlags, outcome: Outcome, busy: number | undefined): string {
  const { clients, publishers, size, rate, inFlight } = flags;
  const { joined, seconds, sent, deliveries, delays, lost, repeated, reordered, ended, foreign } = outcome;
  const count = (value: number): string => Math.round(value).toLocaleString("en");
  const pace = rate === undefined ? `${count(inFlight)} in flight` : `${count(rate)} frames/s from each`;
  const rows: [string, string][] = [
    ["load", `${count(clients)} clients, ${count(publishers)} publishers, ${count(size)} bytes, ${pace}`],
    ["all joined in", `${joined.toFixed(0)} ms`],
    ["measured", `${seconds.toFixed(1)} s`],
    ["sent", `${count(sent)} frames, ${count(sent / seconds)}/s`],
    ["delivered", `${count(deliveries)}, ${count(deliveries / seconds)}/s`],
    [
      "delay",
      PERCENTILES.map((percent) => `${nameOf(percent)} ${delays.percentile(percent).toFixed(2)} ms`).join(", "),
    ],
    ["not right", `lost ${lost}, repeated ${repeated}, reordered ${reordered}, connections ended ${ended}`],
  ];
  if (foreign > 0) rows.push(["from others", count(foreign)]);
  if (busy !== undefined) {
    const bound = busy > 0.9 ? ": the load may be slower than the server" : "";
    rows.push(["load busy", `${Math.round(busy * 100)} % of a processor${bound}`]);
  }
  return rows.map(([name, value]) => `${name.padEnd(12)}  ${value}\n`).join("");
}

function nameOf(percent: number): string {
  return percent === 100 ? "longest" : `p${percent}`;
}

/** Columns beside the bar: the delay, the share and the spaces. */
const BESIDE = 24;

/** Draws bars for delays, one a line, the longest as wide as there is room. */
export function drawHistogram(bars: readonly Bar[], columns: number): string {
  const all = bars.reduce((sum, { count }) => sum + count, 0);
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const room = Math.max(10, columns - BESIDE);
  return bars.map(({ to, count }) => {
    const share = 100 * count / Math.max(1, all);
    // Even a single delay has a visible bar.
    const bar = count === 0 ? "" : "█".repeat(Math.floor(room * count / most)) || "▏";
    return `${labelOf(to).padStart(12)} ${`${share.toFixed(2)} %`.padStart(9)} ${bar}`.trimEnd() + "\n";
  }).join("");
}

function labelOf(milliseconds: number): string {
  if (milliseconds >= 1000) return `<= ${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds >= 10 ? `<= ${Math.round(milliseconds)} ms` : `<= ${milliseconds.toPrecision(2)} ms`;
}
