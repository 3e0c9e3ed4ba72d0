/**
 * The command `pub`.
 *
 * @module
 */

import { utf8 } from "../bytes.ts";
import type { Client } from "../client/client.ts";
import { type ClientCommandFlags, openClient } from "./client_flags.ts";
import { EchoCount } from "./echo_count.ts";
import { CLOSE_TIMEOUT, failureOf, isOver } from "./ending.ts";
import { Exchange, type Outcome, QUIET } from "./exchange.ts";
import { splitLines } from "./lines.ts";
import type { PubProgress } from "./progress.ts";
import { attempt, Failure, type Session, unlessStopped } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `pub`. */
export interface PubFlags extends ClientCommandFlags {
  /** The file whose lines are sent. */
  readonly file?: string;
  /** The most messages a second. */
  readonly rate?: number;
  /** Whether it waits until all messages have come back. */
  readonly wait: boolean;
}

/** Where the messages come from. */
interface Source {
  /** The messages, in lists. */
  readonly lines: AsyncIterable<Uint8Array[]>;
  /** How many bytes there are with a newline after each message, where that is known. */
  readonly size: number | undefined;
  /** How many messages there are, where that is known. */
  readonly count: number | undefined;
  /** Whether they are typed. */
  readonly isTyped: boolean;
}

/** Sends the texts, or every line of a file, waits until the last has come back, and prints how long that took. */
export async function runPub(
  session: Session,
  url: string,
  texts: readonly string[],
  flags: PubFlags,
): Promise<number> {
  const { terminal, stop } = session;
  const source = await sourceOf(terminal, texts, flags);
  const client = await openClient(session, url, flags, { receive: flags.wait });
  if (client === undefined) return 0;
  if (source.isTyped) void terminal.stderr.write("each line is sent, Ctrl-D ends\n");
  const echoes = new EchoCount();
  const progress = await startProgress(terminal, source);
  const { rate, wait } = flags;
  const exchange = new Exchange(terminal, client, echoes, { rate, wait, show: () => progress?.update(echoes) });
  const began = terminal.now();
  let outcome: Outcome;
  try {
    outcome = await exchange.run(source.lines, stop);
  } catch (error) {
    throw await whyItFailed(url, client, error);
  } finally {
    progress?.stop();
    // The bar is on standard error, and the result must come after it.
    if (progress !== undefined) await unlessStopped(terminal.stderr.flush(), session.drop);
  }
  // A stopped or incomplete exchange waits less.
  await client.close(outcome === "done" ? {} : { timeout: CLOSE_TIMEOUT });
  if (outcome === "quiet" || outcome === "ended") throw incomplete(url, echoes, outcome);
  // Without waiting for echoes, only the end of the connection tells that all has arrived.
  if (client.error !== undefined && (outcome === "stopped" || !wait)) throw new Failure(client.error.message);
  await terminal.stdout.write(`${summaryOf(echoes, wait, (terminal.now() - began) / 1000)}\n`);
  return 0;
}

async function sourceOf(terminal: Terminal, texts: readonly string[], { file, maxFrame }: PubFlags): Promise<Source> {
  if (texts.length > 0) {
    const messages = texts.map(utf8);
    const size = messages.reduce((sum, { length }) => sum + length + 1, 0);
    return { lines: listOf(messages), size, count: messages.length, isTyped: false };
  }
  const input = file === undefined || file === "-" ? terminal.stdin : await attempt(terminal.openFile(file));
  const lines = splitLines(input.chunks, maxFrame);
  return { lines, size: input.size, count: undefined, isTyped: input.isTerminal };
}

async function* listOf(messages: Uint8Array[]): AsyncGenerator<Uint8Array[], void, void> {
  await Promise.resolve();
  yield messages;
}

/** The end of the connection, or else why the messages could not be read or sent. */
async function whyItFailed(url: string, client: Client, cause: unknown): Promise<Failure> {
  const failure = isOver(client) ? failureOf(url, await client.closed) : undefined;
  return failure ?? new Failure((cause as Error).message, { cause });
}

/** The progress bar, on a terminal. */
async function startProgress(terminal: Terminal, { size, count, isTyped }: Source): Promise<PubProgress | undefined> {
  if (!terminal.stderr.isTerminal || isTyped || count === 1) return undefined;
  // Loaded only here, since loading it takes time.
  const { PubProgress } = await import("./progress.ts");
  return new PubProgress(terminal, size, count);
}

function incomplete(url: string, { received, sent }: EchoCount, outcome: "quiet" | "ended"): Failure {
  const why = outcome === "quiet"
    ? `nothing came back for ${QUIET / 1000} s, with a server of --echo others use --no-wait`
    : "the server ended the connection";
  return new Failure(`Cannot receive all from ${url}: received ${received} of ${sent}, ${why}`);
}

/** The result in one line. */
function summaryOf({ sent, sentBytes, received, empty }: EchoCount, wait: boolean, seconds: number): string {
  const rate = seconds > 0 ? Math.round(sent / seconds) : 0;
  const missing = wait && received < sent ? `, of which ${received} came back` : "";
  const skipped = empty > 0 ? `, empty lines skipped: ${empty}` : "";
  return `published ${sent} ${sent === 1 ? "message" : "messages"}${missing}, ${sentBytes} bytes ` +
    `in ${seconds.toFixed(3)} s, ${rate}/s${skipped}`;
}
