/**
 * The progress bars of `send` and `bench`.
 *
 * @module
 */

// @ts-types="npm:@types/cli-progress@^3.11.6"
import progressBars from "cli-progress";
import type { Progress } from "../load/load.ts";
import type { Output } from "./terminal.ts";

type Stream = NonNullable<progressBars.Options["stream"]>;

/** What the bar of `send` shows. */
export interface SendCounts {
  /** Frames sent. */
  readonly sent: number;
  /** Own frames received. */
  readonly received: number;
  /** Bytes of their payloads. */
  readonly receivedBytes: number;
  /** Empty lines, which are not sent. */
  readonly empty: number;
}

/** The bar of `send`: how much of the input has come back or, where its size is not known, how much of what was sent. */
export class SendProgress {
  readonly #bar: progressBars.SingleBar;
  readonly #size: number | undefined;

  /** Draws an empty bar. `size` is that of the input in bytes, where it is known. */
  constructor(output: Output, size: number | undefined) {
    this.#size = size;
    const known = size !== undefined && size > 0;
    const received = "received {received} of {sent} frames";
    const format = known ? `{bar} {percentage}% ${received}, {eta_formatted} left` : `{bar} ${received}`;
    this.#bar = new progressBars.SingleBar({
      format,
      stream: asStream(output),
      // The library's own handler of signals would end the process.
      gracefulExit: false,
      barsize: 30,
    }, progressBars.Presets.shades_classic);
    this.#bar.start(known ? size : 1, 0, { received: 0, sent: 0 });
  }

  /** Shows how far it is. */
  update({ received, receivedBytes, sent, empty }: SendCounts): void {
    if (!this.#bar.isActive) return;
    if (this.#size === undefined) this.#bar.setTotal(Math.max(sent, 1));
    // Each line had a newline, except perhaps the last.
    const position = this.#size === undefined ? received : Math.min(this.#size, receivedBytes + received + empty);
    this.#bar.update(position, { received, sent });
  }

  /** Leaves the bar as it is and goes to the next line. */
  stop(): void {
    this.#bar.stop();
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
    }, progressBars.Presets.shades_classic);
    this.#bar.start(STEPS, 0, { deliveries: 0, p99: 0 });
  }

  /** Shows how far it is. */
  update({ done, deliveries, p99 }: Progress): void {
    const rate = deliveries >= 1e6 ? `${(deliveries / 1e6).toFixed(1)} M` : `${Math.round(deliveries)}`;
    this.#bar.update(Math.round(done * STEPS), { deliveries: rate, p99: p99.toFixed(2) });
  }

  /** Leaves the bar as it is and goes to the next line. */
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
