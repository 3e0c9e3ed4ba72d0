/**
 * The connection of the commands `join`, `sub` and `pub`.
 *
 * @module
 */

import type { Client } from "../client/client.ts";
import { connect, type ConnectOptions } from "../client/connect.ts";
import type { ConnectionChange, Gap, ReconnectOptions } from "../client/reconnect_options.ts";
import type { FramingName } from "../framing/framing.ts";
import type { ClientFlags } from "./listener_flags.ts";
import { attempt, oneLine, type Session } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `join`, `sub` and `pub`. */
export interface ClientCommandFlags extends ClientFlags {
  /** How frames are delimited. */
  readonly framing: FramingName;
  /** The largest payload to send or receive, in bytes. */
  readonly maxFrame: number;
  /** Whether it connects again when the connection is lost. */
  readonly reconnect?: boolean;
  /** Whether it resumes its stream then. */
  readonly resume?: boolean;
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

/** How long a client may be silent before it sends a ping, in milliseconds: `idleTimeout` and middleboxes let it live. */
const PING = 20_000;

/** What a command wants of its client beyond its options. */
export interface Wishes {
  /** Whether messages are kept. Default true. */
  readonly receive?: boolean;
  /** Prints a line about the connection. Default: on standard error. */
  readonly say?: (line: string) => void;
  /** Called when a connection is lost that is made again. */
  readonly lost?: () => void;
}

/** Connects; `undefined` when the command was stopped meanwhile. */
export async function openClient(
  { terminal, stop, drop }: Session,
  url: string,
  flags: ClientCommandFlags,
  { receive = true, say = (line) => void terminal.stderr.write(line), lost }: Wishes = {},
): Promise<Client | undefined> {
  const { framing, maxFrame, connectTimeout } = flags;
  const credentials = await attempt(readCredentials(terminal, flags));
  if (stop.aborted) return undefined;
  // The client keeps its signal: `drop` always ends it at once, `stop` only before it is connected.
  const cutting = new AbortController();
  const cut = (): void => cutting.abort();
  drop.addEventListener("abort", cut, { once: true });
  stop.addEventListener("abort", cut, { once: true });
  const reconnect = flags.reconnect ? telling(say, url, lost) : false;
  const { signal } = cutting;
  const own = { framing, maxFrame, connectTimeout, receive, reconnect, resume: flags.resume, ping: PING, signal };
  try {
    return await attempt(connect(url, { ...own, ...credentials }, terminal.adapter));
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  } finally {
    stop.removeEventListener("abort", cut);
  }
}

/** Waits of fewer milliseconds than this are not reported, but for the first. */
const SHORT_WAIT = 1000;

/** Options that report the changes of the connection, and each gap between the messages around it. */
function telling(print: (line: string) => void, url: string, lost?: () => void): ReconnectOptions {
  const say = (text: string): void => print(`mobcast: ${oneLine(text)}\n`);
  // The first waits are short, and a line for each would hide what has been received.
  const sayWait = ({ attempt, milliseconds }: { attempt: number; milliseconds: number }): void => {
    if (milliseconds >= SHORT_WAIT) say(`trying again in ${(milliseconds / 1000).toFixed(1)} s, attempt ${attempt}`);
    else if (attempt === 1) say("trying again");
  };
  const onChange = (change: ConnectionChange): void => {
    if (change.kind === "lost") lost?.();
    if (change.kind === "connected") say(`connected to ${url}`);
    if (change.kind === "lost") say(`lost ${url}: ${change.error?.message ?? "the server ended the connection"}`);
    if (change.kind === "waiting") sayWait(change);
    if (change.kind === "reconnected") say(`connected to ${url} again`);
  };
  const onGap = ({ milliseconds, bytes }: Gap): void => {
    const seconds = (milliseconds / 1000).toFixed(1);
    if (bytes !== undefined) say(`missed ${bytes} bytes of messages, in ${seconds} s`);
    // The time begins when the loss was noticed, which may be long after it happened.
    else say(`missed the messages of at least ${seconds} s`);
  };
  return { onChange, onGap };
}
