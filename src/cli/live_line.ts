/**
 * The live line of `bench`.
 *
 * @module
 */

// @ts-types="npm:@types/cli-progress@^3.11.6"
import progressBars from "cli-progress";
import type { Progress } from "../load/load.ts";
import { asStream } from "./progress.ts";
import type { Output } from "./terminal.ts";

/** Parts of the bar. */
const STEPS = 1000;

/** A progress bar with what is measured just now. */
export class LiveLine {
  readonly #bar: progressBars.SingleBar;

  /** Draws an empty bar. */
  constructor(output: Output) {
    this.#bar = new progressBars.SingleBar({
      format: "{bar} {percentage}% {deliveries} deliveries/s, p99 {p99} ms",
      stream: asStream(output),
      // Its own handler would end the process under us.
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
