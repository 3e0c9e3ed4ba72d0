/**
 * The command `send`.
 *
 * @module
 */

import { connect } from "../client/connect.ts";
import type { Client } from "../client/client.ts";
import { splitLines } from "./lines.ts";
import { type ClientCommandFlags, openClient } from "./client_flags.ts";
import type { SendProgress } from "./progress.ts";
import { attempt, Failure, type Session, unlessStopped } from "./session.ts";
import type { Input, Terminal } from "./terminal.ts";

/** How long to wait for echoes when none comes, in milliseconds. */
const QUIET = 10_000;

/** How long to wait for a server that does not hang up after an incomplete exchange, in milliseconds. */
const CLOSE_TIMEOUT = 5000;

/** How often the progress bar is drawn and the quiet is checked, in milliseconds. */
const TICK = 100;

/** Sends every line of a file as a frame, waits until the last of them has come back, and prints how fast that was. */
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
  const echoes = new EchoCount();
  const progress = await startProgress(terminal, input);
  const exchange = new Exchange(terminal, client, echoes, () => progress?.update(echoes));
  const started = terminal.now();
  let outcome: Outcome;
  try {
    outcome = await attempt(exchange.run(splitLines(input.chunks, flags.maxFrame), stop));
  } finally {
    progress?.stop();
    // The bar is on standard error, and the result must come after it.
    if (progress !== undefined) await unlessStopped(terminal.stderr.flush(), session.drop);
  }
  const seconds = (terminal.now() - started) / 1000;
  // A stopped or incomplete exchange waits less.
  await client.close(outcome === "received" ? {} : { timeout: CLOSE_TIMEOUT });
  if (outcome === "quiet" || outcome === "ended") {
    const why = outcome === "quiet" ? `nothing came back for ${QUIET / 1000} s` : "the server ended the connection";
    throw new Failure(`Cannot receive all from ${url}: received ${echoes.received} of ${echoes.sent}, ${why}`);
  }
  if (client.error !== undefined && outcome === "stopped") throw new Failure(client.error.message);
  await terminal.stdout.write(`${echoes.summarize(seconds)}\n`);
  return 0;
}

/** The progress bar, on a terminal. */
async function startProgress(terminal: Terminal, input: Input): Promise<SendProgress | undefined> {
  if (!terminal.stderr.isTerminal || input.isTerminal) return undefined;
  // Loaded only here, since loading it takes time.
  const { SendProgress } = await import("./progress.ts");
  return new SendProgress(terminal.stderr, input.size);
}

/** How an exchange ends: all was received, no more came, the server ended the connection, or the command was stopped. */
type Outcome = "received" | "quiet" | "ended" | "stopped";

/** Sends and receives at the same time, until everything sent is received or no more will be. */
class Exchange {
  readonly #terminal: Terminal;
  readonly #client: Client;
  readonly #echoes: EchoCount;
  readonly #show: () => void;
  #sentAll = false;
  /** When the last own frame was received, or sent. */
  #latest = 0;
  #cancelTick: () => void = () => {};
  #finish: (outcome: Outcome) => void = () => {};

  /** Makes an exchange. `show` is called now and then, to draw the progress. */
  constructor(terminal: Terminal, client: Client, echoes: EchoCount, show: () => void) {
    this.#terminal = terminal;
    this.#client = client;
    this.#echoes = echoes;
    this.#show = show;
  }

  /** Sends the lines. Resolves to how the exchange ended; rejects when they cannot be read or the connection broke. */
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
        if (!this.#echoes.send(line)) continue;
        try {
          await this.#client.send(line);
        } catch {
          // The connection is over: receiving reports why.
          return;
        }
      }
    }
    this.#sentAll = true;
    this.#latest = this.#terminal.now();
    if (this.#echoes.isComplete) this.#finish("received");
  }

  async #receive(): Promise<void> {
    for await (const message of this.#client) {
      if (!this.#echoes.receive(message)) continue;
      this.#latest = this.#terminal.now();
      if (this.#sentAll && this.#echoes.isComplete) return this.#finish("received");
    }
  }

  #tick(): void {
    this.#show();
    if (this.#sentAll && this.#terminal.now() - this.#latest >= QUIET) this.#finish("quiet");
    else this.#cancelTick = this.#terminal.after(TICK, () => this.#tick());
  }
}

/** How many received frames may lie at the head of the list before it is cut. */
const CUT = 4096;

/**
 * Counts own frames among all frames, by content and order: they come back in the order in which they were sent. A frame of
 * another client with the same content counts as the own frame.
 */
export class EchoCount {
  /** Frames sent. */
  sent = 0;
  /** Own frames received. */
  received = 0;
  /** Bytes of their payloads. */
  receivedBytes = 0;
  /** Empty lines, which were not sent. */
  empty = 0;

  #underWay: Uint8Array[] = [];
  /** The index of the next frame to be received. */
  #next = 0;

  /** Whether everything sent is received. */
  get isComplete(): boolean {
    return this.received === this.sent;
  }

  /** Notes a line to be sent. Returns whether it is a frame: an empty line would be a ping, which does not come back. */
  send(line: Uint8Array): boolean {
    if (line.length === 0) {
      this.empty++;
      return false;
    }
    this.sent++;
    this.#underWay.push(line);
    return true;
  }

  /** Notes a frame received. Returns whether it is the next own frame. */
  receive(message: Uint8Array): boolean {
    const expected = this.#underWay[this.#next];
    if (expected === undefined || !sameBytes(expected, message)) return false;
    this.received++;
    this.receivedBytes += message.length;
    this.#next++;
    if (this.#next === CUT) {
      this.#underWay = this.#underWay.slice(CUT);
      this.#next = 0;
    }
    return true;
  }

  /** The result in one line. */
  summarize(seconds: number): string {
    const rate = seconds > 0 ? Math.round(this.received / seconds) : 0;
    const skipped = this.empty > 0 ? `, empty lines skipped: ${this.empty}` : "";
    const missing = this.isComplete ? "" : ` of ${this.sent} sent`;
    return `received ${this.received} frames${missing}, ${this.receivedBytes} bytes in ${seconds.toFixed(3)} s, ` +
      `${rate} frames/s${skipped}`;
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) {
    if (one[index] !== other[index]) return false;
  }
  return true;
}
