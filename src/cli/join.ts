/**
 * The command `join`.
 *
 * @module
 */

import { connect } from "../client/connect.ts";
import type { Client } from "../client/client.ts";
import type { ReconnectingClient } from "../client/reconnecting_client.ts";
import type { ConnectionChange, ReconnectOptions } from "../client/reconnect_options.ts";
import { splitLines } from "./lines.ts";
import { type ClientCommandFlags, openClient } from "./client_flags.ts";
import { attempt, Failure, oneLine, type Session } from "./session.ts";
import type { Input, Output, Terminal } from "./terminal.ts";
import { sanitize } from "./sanitize.ts";

/** The options of `join`. */
export interface JoinFlags extends ClientCommandFlags {
  /** Whether it connects again when the connection is lost. */
  readonly reconnect?: boolean;
}

/** How long a stopped client waits for a server that does not hang up, in milliseconds. */
const CLOSE_TIMEOUT = 5000;

/** How a connection ended. */
interface End {
  /** Frames received. */
  readonly received: number;
  /** How long the connection lasted, in milliseconds. */
  readonly lasted: number;
  /** What broke the connection; `undefined` when the server ended it. */
  readonly cause: unknown;
}

/** A connection that ends so soon, in milliseconds, may have been refused: a server may wait 10 s for a secret. */
const REFUSAL = 15_000;

/** Sends the lines of standard input as frames, and prints every frame received as a line. */
export async function runJoin(session: Session, url: string, flags: JoinFlags): Promise<number> {
  const { terminal, stop, drop } = session;
  const client = await openClient<Client | ReconnectingClient>(
    session,
    flags,
    (options) =>
      flags.reconnect
        ? connect(url, { ...options, reconnect: tellingOn(terminal.stderr, url) }, terminal.adapter)
        : connect(url, options, terminal.adapter),
  );
  if (client === undefined) return 0;
  if (terminal.stdin.isTerminal) void terminal.stderr.write(`connected to ${oneLine(url)}, Ctrl-D leaves\n`);
  let hasLeft = false;
  const leaveWith = (options?: { timeout: number }) => (): void => {
    hasLeft = true;
    void client.close(options);
  };
  const leave = leaveWith({ timeout: CLOSE_TIMEOUT });
  for (const signal of [stop, terminal.stdout.broken]) {
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  }
  let failure: unknown;
  attempt(sendLines(terminal.stdin, client, flags.maxFrame, leaveWith())).catch((error: unknown) => {
    failure = error;
    leave();
  });
  const end = await receive(client, terminal);
  if (failure !== undefined) throw failure;
  // The reader of the output is gone, or `main` reports why writing has failed.
  if (terminal.stdout.broken.aborted) return 0;
  if (!hasLeft || end.cause !== undefined) throw new Failure(whyItEnded(url, end), { cause: end.cause });
  // Messages that were not delivered are reported, except after a second signal.
  if (client.error !== undefined && !drop.aborted) throw new Failure(client.error.message);
  return 0;
}

/** Why the server ended the connection. The wire does not tell a refusal from any other end. */
function whyItEnded(url: string, { received, lasted, cause }: End): string {
  const reason = cause instanceof Error ? cause.message : `Cannot stay in ${url}: the server ended the connection`;
  const hasCode = cause === undefined || (cause as { code?: unknown }).code !== undefined;
  if (received > 0 || lasted > REFUSAL || !hasCode) return reason;
  return `${reason}, before anything was received: is it full, does it keep this address out, or want a secret ` +
    "(--secret-file), a certificate (--cert, --key), tls:// or another --framing?";
}

/** Sends lines until the input ends. The end of a terminal's input leaves the mob; the end of a file does not. */
async function sendLines(
  input: Input,
  client: Client | ReconnectingClient,
  maxFrame: number,
  leave: () => void,
): Promise<void> {
  for await (const lines of splitLines(input.chunks, maxFrame)) {
    for (const line of lines) {
      if (line.length === 0) continue;
      try {
        await client.send(line);
      } catch {
        // The connection is over: receiving reports why.
        return;
      }
    }
  }
  if (input.isTerminal) leave();
}

/** Prints the messages until the connection is over, and resolves to how it ended. */
async function receive(client: Client | ReconnectingClient, terminal: Terminal): Promise<End> {
  const { stdout } = terminal;
  const began = terminal.now();
  let received = 0;
  let cause: unknown;
  try {
    for await (const message of client) {
      received++;
      if (!stdout.isTerminal) void stdout.write(message);
      await stdout.write(stdout.isTerminal ? `${sanitize(message)}\n` : "\n");
    }
  } catch (error) {
    cause = error;
  }
  return { received, lasted: terminal.now() - began, cause };
}

/** Options that report every change of the connection, and each gap between the messages around it. */
function tellingOn(output: Output, url: string): ReconnectOptions {
  const say = (text: string): void => void output.write(`mobcast: ${oneLine(text)}\n`);
  const onChange = (change: ConnectionChange): void => {
    if (change.kind === "connected") say(`connected to ${url}`);
    if (change.kind === "lost") say(`lost ${url}: ${change.error?.message ?? "the server ended the connection"}`);
    if (change.kind === "waiting") say(`trying again in ${change.milliseconds} ms, attempt ${change.attempt}`);
    if (change.kind === "reconnected") say(`connected to ${url} again`);
  };
  const onGap = ({ milliseconds }: { milliseconds: number }): void => {
    // The time begins when the loss was noticed, which may be long after it happened.
    say(`missed the messages of at least ${(milliseconds / 1000).toFixed(1)} s`);
  };
  return { onChange, onGap };
}
