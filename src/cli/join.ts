/**
 * The command `join`.
 *
 * @module
 */

import { utf8 } from "../bytes.ts";
import type { Client } from "../client/client.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import { type ClientCommandFlags, openClient } from "./client_flags.ts";
import { CLOSE_TIMEOUT, failureOf, isOver } from "./ending.ts";
import { splitLines } from "./lines.ts";
import { OwnMessages } from "./own_messages.ts";
import { attempt, Failure, onAny, oneLine, type Session, unlessStopped } from "./session.ts";
import { sanitize, spellOut } from "./sanitize.ts";
import type { LineEditor, Terminal } from "./terminal.ts";

/** The options of `join`. */
export interface JoinFlags extends ClientCommandFlags {
  /** What stands in front of each line that is sent. */
  readonly name?: string;
}

/** Sends lines, and prints every message received: with a line editor for a person, as they are for a program. */
export async function runJoin(session: Session, url: string, flags: JoinFlags): Promise<number> {
  const { terminal, stop, drop } = session;
  const { stdin, stdout, stderr } = terminal;
  const own = new OwnMessages(terminal);
  let editor: LineEditor | undefined;
  // A person is told of the first connection in other words.
  let isTold = !stdin.isTerminal;
  const client = await openClient(session, url, flags, {
    say: (text) => {
      if (isTold) void (editor ?? { print: stderr.write.bind(stderr) }).print(text);
    },
    lost: () => own.forget(),
  });
  if (client === undefined) return 0;
  const began = terminal.now();
  if (!isTold) void stderr.write(`connected to ${oneLine(url)}, Ctrl-D leaves\n`);
  isTold = true;
  let failure: unknown;
  let unsent = 0;
  const leave = (options?: { timeout: number }): void => void client.close(options);
  const stopped = (): void => leave({ timeout: CLOSE_TIMEOUT });
  onAny([stop, stdout.broken], stopped);
  if (stdin.isTerminal && stdout.isTerminal) {
    await unlessStopped(stderr.flush(), stop);
    editor = await openEditor(terminal, client, own, flags.name, leave, () => unsent++);
    onAny([drop], () => editor!.close());
  } else {
    attempt(sendLines(terminal, client, flags, leave)).catch((error: unknown) => {
      failure = error;
      stopped();
    });
  }
  await receive(client, terminal, own, editor);
  const end = await client.closed;
  if (editor !== undefined) {
    editor.close();
    await unlessStopped(stdout.flush(), drop);
  }
  if (failure !== undefined) throw failure;
  // The reader of the output is gone, or `main` reports why writing has failed.
  if (stdout.broken.aborted) return 0;
  // Messages that were not delivered are reported, except after a second signal.
  const ending = failureOf(url, end, terminal.now() - began);
  if (ending !== undefined && !drop.aborted) throw ending;
  if (unsent > 0 && !drop.aborted) {
    throw new Failure(`Cannot send ${unsent} of your lines to ${url}: you left before there was a connection again`);
  }
  if (editor !== undefined) void stderr.write(`left ${oneLine(url)}\n`);
  return 0;
}

/** Sends what is typed. A line stands on the screen when it is typed, so it is not printed when it comes back. */
async function openEditor(
  terminal: Terminal,
  client: Client,
  own: OwnMessages,
  name: string | undefined,
  leave: () => void,
  unsent: () => void,
): Promise<LineEditor> {
  const prefix = prefixOf(name);
  const editor = await terminal.edit(prefix === "" ? "> " : spellOut(prefix), {
    line: (text) => {
      if (text === "") return;
      const message = utf8(prefix + text);
      const forget = own.add(message);
      client.send(message).catch((error: Error) => {
        forget();
        // When the connection is over, the end reports why.
        if (isOver(client)) unsent();
        else void editor.print(`mobcast: ${oneLine(error.message)}\n`);
      });
    },
    left: leave,
  });
  return editor;
}

/** Sends lines until the input ends. The end of a terminal's input leaves the mob; the end of a file does not. */
async function sendLines(
  { stdin }: Terminal,
  client: Client,
  { name, maxFrame }: JoinFlags,
  leave: () => void,
): Promise<void> {
  const prefix = utf8(prefixOf(name));
  for await (const lines of splitLines(stdin.chunks, maxFrame)) {
    for (const line of lines) {
      if (line.length === 0) continue;
      try {
        await client.send(prefix.length === 0 ? line : concatenate([prefix, line], prefix.length + line.length));
      } catch (error) {
        // When the connection is over, receiving reports why.
        if (isOver(client)) return;
        throw error;
      }
    }
  }
  if (stdin.isTerminal) leave();
}

/** Prints the messages until the connection is over. */
async function receive(
  client: Client,
  { stdout }: Terminal,
  own: OwnMessages,
  editor: LineEditor | undefined,
): Promise<void> {
  try {
    for await (const message of client) {
      if (editor !== undefined) {
        if (!own.take(message)) await editor.print(`${sanitize(message)}\n`);
        continue;
      }
      if (!stdout.isTerminal) void stdout.write(message);
      await stdout.write(stdout.isTerminal ? `${sanitize(message)}\n` : "\n");
    }
  } catch {
    // The client knows why it is over.
  }
}

function prefixOf(name: string | undefined): string {
  return name === undefined ? "" : `${name}: `;
}
