/**
 * The history of a mob, as the page has seen it: a look a second, for five minutes.
 *
 * @module
 */

import { isSameRun, type Rates, ratesOf } from "../rates.ts";
import type { ListedConnection, StatusReport } from "../report.ts";
import type { Look } from "../verdict.ts";

/** How far back the history goes, in milliseconds. */
const SPAN = 300_000;

/** What a chart shows of it, in milliseconds: no more than there is. */
const SPANS: readonly number[] = [60_000, 120_000, SPAN];

/** How far back the lag of a connection goes, in looks. */
const LAGS = 60;

/** What was seen at one moment. */
export interface Sample {
  /** When, by the clock of the browser, in milliseconds since 1970. */
  readonly at: number;
  readonly report: StatusReport;
  /** Since the sample before; `undefined`: there was none, or the mob began anew. */
  readonly rates: Rates | undefined;
  /** Counts the runs of the mob: rates are made from two samples of one run. */
  readonly run: number;
}

/** What was seen. */
export class History {
  /** The oldest first. */
  samples: Sample[] = [];
  /** The last look, and those of the three seconds before. */
  readonly #looks: { readonly look: Look; readonly run: number }[] = [];
  readonly #lags = new Map<string, number[]>();
  #run = 0;

  /** Adds a look. */
  add(look: Look, at: number): void {
    const { report } = look;
    const last = this.samples.at(-1);
    if (last && !isSameRun(report, last.report)) this.restart();
    const before = last?.run === this.#run ? last.report : undefined;
    this.samples.push({ at, report, rates: ratesOf(report, before), run: this.#run });
    this.samples = this.samples.filter((sample) => at - sample.at <= SPAN);
    this.#looks.push({ look, run: this.#run });
    if (this.#looks.length > 4) this.#looks.shift();
    this.#noteLags(look.list.connections);
  }

  /** What comes next is, or may be, of another run. */
  restart(): void {
    this.#run++;
    this.#looks.length = 0;
    this.#lags.clear();
  }

  /** The look of some three seconds ago. */
  get earlier(): Look | undefined {
    return this.#looks.length > 1 ? this.#looks[0]!.look : undefined;
  }

  /** The report of so many milliseconds ago, or the oldest of this run; `undefined`: there is none before the last. */
  ago(milliseconds: number): StatusReport | undefined {
    const last = this.samples.at(-1);
    const found = this.samples.find((sample) => sample.run === last?.run && last.at - sample.at <= milliseconds);
    return found === last ? undefined : found?.report;
  }

  /** The time that a chart has to show, in milliseconds. */
  get span(): number {
    const seen = (this.samples.at(-1)?.at ?? 0) - (this.samples[0]?.at ?? 0);
    return SPANS.find((span) => seen <= span) ?? SPAN;
  }

  /** The lag of a connection, in bytes, look by look. */
  lagsOf(token: string): readonly number[] {
    return this.#lags.get(token) ?? [];
  }

  /** A connection that is not among the furthest behind has a gap, which is not drawn. */
  #noteLags(connections: readonly ListedConnection[]): void {
    const listed = new Set(connections.map(({ token }) => token));
    for (const token of this.#lags.keys()) if (!listed.has(token)) this.#lags.delete(token);
    for (const { token, lag } of connections) {
      const lags = this.#lags.get(token) ?? [];
      lags.push(lag.bytes);
      this.#lags.set(token, lags.slice(-LAGS));
    }
  }
}
