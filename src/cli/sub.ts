/**
 * The command `sub`.
 *
 * @module
 */

import type { Client } from "../client/client.ts";
import { type ClientCommandFlags, openClient } from "./client_flags.ts";
import { CLOSE_TIMEOUT, failureOf } from "./ending.ts";
import { type FormatFlags, printerOf } from "./format.ts";
import { onAny, type Session } from "./session.ts";

/** The options of `sub`. */
export interface SubFlags extends ClientCommandFlags, FormatFlags {
  /** After how many messages it ends. */
  readonly count?: number;
  /** After how many milliseconds it ends. */
  readonly for?: number;
}

/** Prints every message that is received, until there are enough, the time is over, or it is stopped. */
export async function runSub(session: Session, url: string, flags: SubFlags): Promise<number> {
  const { terminal, stop } = session;
  const client = await openClient(session, url, flags);
  if (client === undefined) return 0;
  const began = terminal.now();
  const leave = (): void => void client.close({ timeout: CLOSE_TIMEOUT });
  onAny([stop, terminal.stdout.broken], leave);
  const cancel = flags.for === undefined ? undefined : terminal.after(flags.for, leave);
  await receive(client, printerOf(terminal, flags), flags.count ?? Infinity);
  cancel?.();
  const failure = failureOf(url, await client.closed, terminal.now() - began);
  if (failure !== undefined) throw failure;
  return 0;
}

/** Prints so many messages and closes the client, or prints until it is over. */
async function receive(client: Client, print: (message: Uint8Array) => Promise<void>, count: number): Promise<void> {
  let left = count;
  try {
    for await (const message of client) {
      await print(message);
      if (--left > 0) continue;
      await client.close({ timeout: CLOSE_TIMEOUT });
      return;
    }
  } catch {
    // The client knows why it is over.
  }
}
