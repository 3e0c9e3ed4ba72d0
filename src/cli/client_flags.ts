/**
 * The connection of the commands `join` and `send`.
 *
 * @module
 */

import type { ConnectOptions } from "../client/connect.ts";
import type { FramingName } from "../framing/framing.ts";
import type { ClientFlags } from "./listener_flags.ts";
import { attempt, type Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `join` and `send`. */
export interface ClientCommandFlags extends ClientFlags {
  /** How frames are delimited. */
  readonly framing: FramingName;
  /** The largest payload to send or receive, in bytes. */
  readonly maxFrame: number;
}

/** Reads the certificates and the secret of a client from their files. Without such options nothing is loaded. */
export async function readCredentials(
  terminal: Terminal,
  flags: ClientFlags,
): Promise<Pick<ConnectOptions, "tls" | "secret">> {
  const { ca, cert, key, servername, secretFile } = flags;
  if ([ca, cert, key, servername, secretFile].every((flag) => flag === undefined)) return {};
  const { Credentials } = await import("./credentials.ts");
  const files = new Credentials(terminal, (file, mode) => {
    const warning = `mobcast: others than its owner may use ${file} (mode ${mode}): chmod 600 ${file}\n`;
    void terminal.stderr.write(warning);
  });
  return { tls: await files.forClient(flags), secret: await files.secret(secretFile) };
}

/** Connects with `dial`; `undefined` when the command was stopped meanwhile. */
export async function openClient<AnyClient>(
  { terminal, stop, drop }: Session,
  flags: ClientCommandFlags,
  dial: (options: ConnectOptions) => Promise<AnyClient>,
): Promise<AnyClient | undefined> {
  const { framing, maxFrame, connectTimeout } = flags;
  const credentials = await attempt(readCredentials(terminal, flags));
  if (stop.aborted) return undefined;
  // The client keeps its signal: `drop` always ends it at once, `stop` only before it is connected.
  const cutting = new AbortController();
  const cut = (): void => cutting.abort();
  drop.addEventListener("abort", cut, { once: true });
  stop.addEventListener("abort", cut, { once: true });
  try {
    return await attempt(dial({ framing, maxFrame, connectTimeout, ...credentials, signal: cutting.signal }));
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  } finally {
    stop.removeEventListener("abort", cut);
  }
}
