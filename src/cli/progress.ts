/**
 * The progress bars of `pub` and `bench`.
 *
 * @module
 */

// @ts-types="npm:@types/cli-progress@^3.11.6"
import progressBars from "cli-progress";
import type { Progress } from "../load/load.ts";
import type { Output, Terminal } from "./terminal.ts";
import { roundSize } from "../status/figures.ts";

type Stream = NonNullable<progressBars.Options["stream"]>;

/** What the bar of `pub` shows. */
export interface PubCounts {
  /** Messages sent. */
  readonly sent: number;
  /** Own messages received. */
  readonly received: number;
  /** Bytes of their payloads. */
  readonly receivedBytes: number;
  /** Empty lines, which are not sent. */
  readonly empty: number;
}

/**
 * The bar of `pub`: how much of the input has come back, in bytes where only its size is known, in messages where their
 * number is. Where nothing is known there is no bar, and only counts.
 */
export class PubProgress {
  readonly #bar: progressBars.SingleBar;
  readonly #terminal: Terminal;
  readonly #size: number | undefined;
  readonly #count: number | undefined;
  readonly #began: number;

  /** Draws an empty bar. `size` is that of the input in bytes, `count` that of its messages, where they are known. */
  constructor(terminal: Terminal, size: number | undefined, count: number | undefined) {
    this.#terminal = terminal;
    this.#size = size === 0 ? undefined : size;
    this.#count = count;
    this.#began = terminal.now();
    const bar = this.#total === undefined ? "" : "{bar} ";
    this.#bar = new progressBars.SingleBar({
      format: `${bar}{text}`,
      stream: asStream(terminal.stderr),
      // The library's own handler of signals would end the process.
      gracefulExit: false,
      barsize: 30,
    }, progressBars.Presets.shades_classic);
    this.#bar.start(this.#total ?? 1, 0, { text: "" });
  }

  /** Shows how far it is. */
  update(counts: PubCounts): void {
    if (!this.#bar.isActive) return;
    const { received, receivedBytes, sent, empty } = counts;
    const total = this.#total;
    // Each line had a newline, except perhaps the last.
    const done = this.#count === undefined ? Math.min(total ?? 0, receivedBytes + received + empty) : received;
    const messages = this.#count === undefined
      ? `${received} messages back, ${sent - received} under way`
      : `${received} of ${this.#count} messages`;
    const parts = total === undefined
      ? [messages]
      : [`${Math.floor(100 * done / total)}%${this.#count === undefined ? ` of ${roundSize(total)}` : ""}`, messages];
    if (total !== undefined && done > 0 && done < total) parts.push(this.#left(done / total));
    this.#bar.update(done, { text: parts.join(", ") });
  }

  /** Leaves the bar as it is and goes to the next line. */
  stop(): void {
    this.#bar.stop();
  }

  /** The size of a whole bar; `undefined`: not known. */
  get #total(): number | undefined {
    return this.#count ?? this.#size;
  }

  #left(share: number): string {
    const seconds = (this.#terminal.now() - this.#began) / 1000;
    return `${Math.ceil(seconds / share - seconds)} s left`;
  }
}

/** Parts of the bar. */
const STEPS = 1000;

/** The bar of `bench`, with the current measurements. */
export class BenchProgress {
  readonly #bar: progressBars.SingleBar;

  /** Draws an empty bar. */
  constructor(output: Output) {
    this.#bar = new progressBars.SingleBar({
      format: "{bar} {percentage}% {deliveries} deliveries/s, p99 {p99} ms",
      stream: asStream(output),
      // The library's own handler of signals would end the process.
      gracefulExit: false,
      barsize: 30,
      clearOnComplete: true,
    }, progressBars.Presets.shades_classic);
    this.#bar.start(STEPS, 0, { deliveries: 0, p99: 0 });
  }

  /** Shows how far it is. */
  update({ done, deliveries, p99 }: Progress): void {
    const rate = deliveries >= 1e6 ? `${(deliveries / 1e6).toFixed(1)} M` : `${Math.round(deliveries)}`;
    this.#bar.update(Math.round(done * STEPS), { deliveries: rate, p99: p99.toFixed(2) });
  }

  /** Clears the bar: the result has the same numbers. */
  stop(): void {
    this.#bar.stop();
  }
}

/** The part of a stream that a bar uses. */
function asStream(output: Output): Stream {
  const write = (text: string): boolean => {
    void output.write(text);
    return true;
  };
  return { isTTY: true, columns: output.columns ?? 80, write } as unknown as Stream;
}
