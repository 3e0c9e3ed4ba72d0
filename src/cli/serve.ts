/**
 * The command `serve`.
 *
 * @module
 */

import { logger } from "../logger.ts";
import type { Mob } from "../server/mob.ts";
import type { ListenerInfo } from "../server/mob_options.ts";
import { serve, type ServeOptions } from "../server/serve.ts";
import { startLogging } from "./logging.ts";
import { type LogFormat, type ServeFlags, toOptions } from "./serve_flags.ts";
import { attempt, onAny, type Session } from "./session.ts";
import { logStatus } from "./status.ts";
import type { Terminal } from "./terminal.ts";
import { formatDuration } from "./units.ts";
import { VERSION } from "../version.ts";

/** Opens the listeners and serves until it is stopped. */
export async function runServe(session: Session, urls: readonly string[], flags: ServeFlags): Promise<number> {
  const { terminal, stop, drop } = session;
  const { logLevel, logFormat, drainTimeout } = flags;
  session.debug = logLevel === "debug";
  const stopLogging = startLogging(terminal, logLevel, logFormat);
  let mob: Mob | undefined;
  // Before the listeners open, since a signal without a handler ends the process.
  const stopTelling = terminal.onSignal("SIGUSR2", () => mob !== undefined && logStatus(mob, logFormat));
  const stopReloading = terminal.onSignal("SIGHUP", () => mob !== undefined && void reload(mob, flags));
  try {
    mob = await openListeners(session, urls, flags);
    if (mob === undefined) return 0;
    for (const listener of mob.listeners) void terminal.stdout.write(`listening on ${described(listener)}\n`);
    if (mob.statusUrl !== undefined) void terminal.stdout.write(`status on ${mob.statusUrl}\n`);
    tellOfStart(session, mob, logFormat);
    tellOfClosing(mob, stop, drainTimeout);
    drop.addEventListener("abort", () => void mob?.close({ drain: 0 }), { once: true });
    await mob.closed;
    logger.info("Closed");
    return 0;
  } finally {
    stopTelling();
    stopReloading();
    stopLogging();
  }
}

/** The URL; for a host name, also the addresses that it has. */
function described({ url, addresses }: ListenerInfo): string {
  const others = addresses.filter((address) => address !== url);
  return others.length === 0 ? url : `${url} (${others.join(", ")})`;
}

/** The mob with its listeners open; `undefined` when the command was stopped meanwhile. */
async function openListeners(session: Session, urls: readonly string[], flags: ServeFlags): Promise<Mob | undefined> {
  const { terminal, stop } = session;
  try {
    const credentials = await attempt(readCredentials(terminal, flags));
    const { unixMode } = flags;
    const status = flags.status === undefined
      ? undefined
      : (await import("./status_listener_flags.ts")).statusOf(flags);
    const options = { ...toOptions(flags), ...credentials, unixMode, listen: urls, status, signal: stop };
    return await attempt(serve(options, terminal.adapter));
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

/** The secret, and what reads the certificates, now and at each reload. A plain listener loads neither. */
async function readCredentials(
  terminal: Terminal,
  flags: ServeFlags,
): Promise<Pick<ServeOptions, "tls" | "secret">> {
  if (flags.cert === undefined && flags.secretFile === undefined) return {};
  const { Credentials } = await import("./credentials.ts");
  const files = new Credentials(terminal, (file, mode) => {
    logger.warning("Others than its owner may use {file} (mode {mode}): chmod 600 {file}", { file, mode });
  });
  const secret = await files.secret(flags.secretFile);
  return { secret, tls: flags.cert === undefined ? undefined : () => files.forListeners(flags) };
}

/** Reads the certificates again. When the new ones are wrong, the listeners keep the old ones. */
async function reload(mob: Mob, { cert }: ServeFlags): Promise<void> {
  if (cert === undefined) return logger.info("Nothing to reload: no listener is over TLS");
  try {
    await mob.reload();
    logger.info("Certificates reloaded");
  } catch (error) {
    const { message } = error as Error;
    logger.error("Cannot reload certificates, the old ones stay: {message}", { message, error });
  }
}

/** Logs what runs, where, and which clients may come in. */
function tellOfStart({ terminal: { pid, runtime } }: Session, { urls, statusUrl }: Mob, format: LogFormat): void {
  const status = statusUrl === undefined ? undefined : { status: statusUrl };
  const and = status ? ", status on {status}" : "";
  logger.info(`Started: mobcast {version} on {runtime} {runtimeVersion}, pid {pid}, {urls}${and}`, {
    version: VERSION,
    runtime: runtime.name,
    runtimeVersion: runtime.version,
    pid,
    urls: format === "json" ? urls : urls.join(" "),
    ...status,
  });
}

/** Logs what the server waits for when it is stopped. */
function tellOfClosing(mob: Mob, stop: AbortSignal, drainTimeout: number): void {
  const tell = (): void => {
    const { connections } = mob.stats();
    const drain = formatDuration(drainTimeout);
    logger.info(`Closing: connections {connections}, with ${drain} to receive what is pending`, {
      connections,
      drainTimeout,
    });
  };
  onAny([stop], tell);
}
