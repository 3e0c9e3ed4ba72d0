/**
 * The exchange of `pub`: sends messages and waits until all of them have come back.
 *
 * @module
 */

import type { Client } from "../client/client.ts";
import type { EchoCount } from "./echo_count.ts";
import { isOver } from "./ending.ts";
import { onAny } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** How long to wait for echoes when none comes, in milliseconds. */
export const QUIET = 10_000;

/** How often the progress bar is drawn and the quiet is checked, in milliseconds. */
const TICK = 100;

/** How far a sender that was held up may be ahead of its rate to catch up, in milliseconds. */
const CATCH_UP = 100;

/** How an exchange ends: all is done, no more came back, the server ended the connection, or the command was stopped. */
export type Outcome = "done" | "quiet" | "ended" | "stopped";

/** How an exchange is made. */
export interface ExchangeOptions {
  /** The most messages a second. */
  readonly rate: number | undefined;
  /** Whether it waits until all messages have come back. */
  readonly wait: boolean;
  /** Called now and then, to draw the progress. */
  readonly show: () => void;
}

/** Sends and receives at the same time, until everything sent is received or no more will be. */
export class Exchange {
  readonly #terminal: Terminal;
  readonly #client: Client;
  readonly #echoes: EchoCount;
  readonly #options: ExchangeOptions;
  #sentAll = false;
  /** When the last own message was received, or sent. */
  #latest = 0;
  #cancelTick: () => void = () => {};
  #cancelPause: () => void = () => {};
  #finish: (outcome: Outcome) => void = () => {};

  /** Makes an exchange. */
  constructor(terminal: Terminal, client: Client, echoes: EchoCount, options: ExchangeOptions) {
    this.#terminal = terminal;
    this.#client = client;
    this.#echoes = echoes;
    this.#options = options;
  }

  /** Sends the lines. Resolves to how the exchange ended; rejects when they cannot be read or the connection broke. */
  async run(lines: AsyncIterable<Uint8Array[]>, stop: AbortSignal): Promise<Outcome> {
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        this.#finish = resolve;
        onAny([stop], () => resolve("stopped"));
        this.#receive().then(() => resolve("ended"), reject);
        this.#send(lines).catch(reject);
        this.#tick();
      });
    } finally {
      this.#cancelTick();
      this.#cancelPause();
      this.#options.show();
    }
  }

  async #send(lines: AsyncIterable<Uint8Array[]>): Promise<void> {
    const { rate } = this.#options;
    let due = 0;
    for await (const batch of lines) {
      for (const line of batch) {
        if (rate !== undefined) due = await this.#pace(due) + 1000 / rate;
        if (!this.#echoes.send(line)) continue;
        try {
          await this.#client.send(line);
        } catch (error) {
          // When the connection is over, receiving reports why.
          if (isOver(this.#client)) return;
          throw error;
        }
      }
    }
    this.#sentAll = true;
    this.#latest = this.#terminal.now();
    if (!this.#options.wait || this.#echoes.isComplete) this.#finish("done");
  }

  /** Waits until a message is due, and resolves to that time: a sender that was held up sends only few at once. */
  async #pace(due: number): Promise<number> {
    const now = this.#terminal.now();
    if (due > now) {
      await new Promise<void>((resolve) => this.#cancelPause = this.#terminal.after(Math.ceil(due - now), resolve));
    }
    return Math.max(due, now - CATCH_UP);
  }

  async #receive(): Promise<void> {
    for await (const message of this.#client) {
      if (!this.#echoes.receive(message)) continue;
      this.#latest = this.#terminal.now();
      if (this.#sentAll && this.#echoes.isComplete) return this.#finish("done");
    }
  }

  #tick(): void {
    this.#options.show();
    if (this.#sentAll && this.#terminal.now() - this.#latest >= QUIET) this.#finish("quiet");
    else this.#cancelTick = this.#terminal.after(TICK, () => this.#tick());
  }
}
