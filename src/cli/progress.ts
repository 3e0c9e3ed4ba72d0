/**
 * The progress bar of `send`.
 *
 * @module
 */

// @ts-types="npm:@types/cli-progress@^3.11.6"
import progressBars from "cli-progress";
import type { EchoCount } from "./echo_count.ts";
import type { Output } from "./terminal.ts";

type Stream = NonNullable<progressBars.Options["stream"]>;

/** A progress bar: how much of the input has come back or, where its size is not known, how much of what was sent. */
export class Progress {
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
      // Its own handler would end the process under us.
      gracefulExit: false,
      barsize: 30,
    }, progressBars.Presets.shades_classic);
    this.#bar.start(known ? size : 1, 0, { received: 0, sent: 0 });
  }

  /** Shows how far it is. */
  update({ received, receivedBytes, sent, empty }: EchoCount): void {
    if (!this.#bar.isActive) return;
    if (this.#size === undefined) this.#bar.setTotal(Math.max(sent, 1));
    // Each line had a newline, apart from the last perhaps.
    const position = this.#size === undefined ? received : Math.min(this.#size, receivedBytes + received + empty);
    this.#bar.update(position, { received, sent });
  }

  /** Leaves the bar as it is and goes to the next line. */
  stop(): void {
    this.#bar.stop();
  }
}

/** The part of a stream that a bar uses. */
export function asStream(output: Output): Stream {
  const write = (text: string): boolean => {
    void output.write(text);
    return true;
  };
  return { isTTY: true, columns: output.columns ?? 80, write } as unknown as Stream;
}
