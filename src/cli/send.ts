/**
 * The command `send`.
 *
 * @module
 */

import { connect } from "../client/connect.ts";
import type { Client } from "../client/client.ts";
import { EchoCount } from "./echo_count.ts";
import { splitLines } from "./lines.ts";
import { type ClientCommandFlags, openClient } from "./client_flags.ts";
import type { Progress } from "./progress.ts";
import { attempt, Failure, type Session, unlessStopped } from "./session.ts";
import type { Input, Terminal } from "./terminal.ts";

/** When everything was sent and nothing of it came back for so many milliseconds, no more will. */
const QUIET = 10_000;

/** How long to wait for a server that does not hang up, when not all went well, in milliseconds. */
const CLOSE_TIMEOUT = 5000;

/** How often the progress bar is drawn and the quiet is looked at, in milliseconds. */
const TICK = 100;

/** Every line of a file goes out as a frame; then it waits until the last of them has come back, and tells how fast. */
export async function runSend(
  session: Session,
  url: string,
  file: string | undefined,
  flags: ClientCommandFlags,
): Promise<number> {
  const { terminal, stop } = session;
  const input = file === undefined || file === "-" ? terminal.stdin : await attempt(terminal.openFile(file));
  const client = await openClient(session, flags, (options) => connect(url, options, session.terminal.adapter));
  if (client === undefined) return 0;
  const ledger = new EchoCount();
  const progress = await startProgress(terminal, input);
  const exchange = new Exchange(terminal, client, ledger, () => progress?.update(ledger));
  const started = terminal.now();
  let outcome: Outcome;
  try {
    outcome = await attempt(exchange.run(splitLines(input.chunks, flags.maxFrame), stop));
  } finally {
    progress?.stop();
    // The bar goes another way than the result, which must come after it.
    if (progress !== undefined) await unlessStopped(terminal.stderr.flush(), session.drop);
  }
  const seconds = (terminal.now() - started) / 1000;
  // Who was told to stop, or has waited in vain, has little patience left.
  await client.close(outcome === "received" ? {} : { timeout: CLOSE_TIMEOUT });
  if (outcome === "quiet" || outcome === "ended") {
    const why = outcome === "quiet" ? `nothing came back for ${QUIET / 1000} s` : "the server ended the connection";
    throw new Failure(`Cannot receive all from ${url}: received ${ledger.received} of ${ledger.sent}, ${why}`);
  }
  if (client.error !== undefined && outcome === "stopped") throw new Failure(client.error.message);
  await terminal.stdout.write(`${ledger.summarize(seconds)}\n`);
  return 0;
}

/** The progress bar, for a person. */
async function startProgress(terminal: Terminal, input: Input): Promise<Progress | undefined> {
  if (!terminal.stderr.isTerminal || input.isTerminal) return undefined;
  // Loaded only here: nobody else should wait for it.
  const { Progress } = await import("./progress.ts");
  return new Progress(terminal.stderr, input.size);
}

/** How an exchange ends: all was received, nothing came any more, the server left, or it was told to stop. */
type Outcome = "received" | "quiet" | "ended" | "stopped";

/** Sends and receives at the same time, until everything sent was received or no more will be. */
class Exchange {
  readonly #terminal: Terminal;
  readonly #client: Client;
  readonly #ledger: EchoCount;
  readonly #show: () => void;
  #sentAll = false;
  /** When the last of our own was received, or sent. */
  #latest = 0;
  #cancelTick: () => void = () => {};
  #finish: (outcome: Outcome) => void = () => {};

  /** `show` is called now and then, to draw what the ledger says. */
  constructor(terminal: Terminal, client: Client, ledger: EchoCount, show: () => void) {
    this.#terminal = terminal;
    this.#client = client;
    this.#ledger = ledger;
    this.#show = show;
  }

  /** Sends the lines. Resolves to how it ended; rejects when they cannot be read or the connection broke. */
  async run(lines: AsyncIterable<Uint8Array[]>, stop: AbortSignal): Promise<Outcome> {
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        this.#finish = resolve;
        if (stop.aborted) resolve("stopped");
        else stop.addEventListener("abort", () => resolve("stopped"), { once: true });
        this.#receive().then(() => resolve("ended"), reject);
        this.#send(lines).catch(reject);
        this.#tick();
      });
    } finally {
      this.#cancelTick();
      this.#show();
    }
  }

  async #send(lines: AsyncIterable<Uint8Array[]>): Promise<void> {
    for await (const batch of lines) {
      for (const line of batch) {
        if (!this.#ledger.send(line)) continue;
        try {
          await this.#client.send(line);
        } catch {
          // The connection is over, and whoever listens to it knows why.
          return;
        }
      }
    }
    this.#sentAll = true;
    this.#latest = this.#terminal.now();
    if (this.#ledger.isEven) this.#finish("received");
  }

  async #receive(): Promise<void> {
    for await (const message of this.#client) {
      if (!this.#ledger.receive(message)) continue;
      this.#latest = this.#terminal.now();
      if (this.#sentAll && this.#ledger.isEven) return this.#finish("received");
    }
  }

  #tick(): void {
    this.#show();
    if (this.#sentAll && this.#terminal.now() - this.#latest >= QUIET) this.#finish("quiet");
    else this.#cancelTick = this.#terminal.after(TICK, () => this.#tick());
  }
}
