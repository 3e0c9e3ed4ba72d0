/**
 * The command `serve`.
 *
 * @module
 */

import { logger } from "../logger.ts";
import type { Mob } from "../server/mob.ts";
import type { ListenerInfo } from "../server/mob_options.ts";
import { serve, type ServeOptions } from "../server/serve.ts";
import type { Credentials } from "./credentials.ts";
import { startLoggingSoon } from "./early_log.ts";
import { type LogFormat, type ServeFlags, toOptions } from "./serve_flags.ts";
import { attempt, onAny, type Session } from "./session.ts";
import { logStatus } from "./status.ts";
import type { Terminal } from "./terminal.ts";
import { formatDuration } from "./units.ts";
import { VERSION } from "../version.ts";

/** Opens the listeners and serves until it is stopped. */
export async function runServe(session: Session, urls: readonly string[], flags: ServeFlags): Promise<number> {
  const isThreaded = flags.threads !== undefined || flags.busLocal === true;
  const plan = isThreaded ? await (await import("./threads.ts")).planThreads(session, flags) : undefined;
  if (plan !== undefined) return await plan.run(urls);
  const { terminal, stop, drop } = session;
  const { logLevel, logFormat, drainTimeout } = flags;
  session.debug = logLevel === "debug";
  const log = startLoggingSoon(terminal, logLevel, logFormat);
  session.flushLog = log.flush;
  let mob: Mob | undefined;
  // Before the listeners open, since a signal without a handler ends the process.
  const stopTelling = terminal.onSignal("SIGUSR2", () => mob !== undefined && logStatus(mob, logFormat));
  const stopReloading = terminal.onSignal("SIGHUP", () => mob !== undefined && void reload(mob, flags));
  try {
    if (isThreaded) logger.info("One thread serves, since there is one core for this process");
    mob = await openListeners(session, urls, flags);
    if (mob === undefined) return 0;
    for (const listener of mob.listeners) void terminal.stdout.write(`listening on ${described(listener)}\n`);
    if (mob.statusUrl !== undefined) void terminal.stdout.write(`status on ${mob.statusUrl}\n`);
    const { bus } = mob.stats();
    if (bus !== undefined) void terminal.stdout.write(`joined bus ${bus.name} at ${bus.sequence}\n`);
    tellOfStart(session, mob, logFormat);
    tellOfClosing(mob, stop, drainTimeout);
    drop.addEventListener("abort", () => void mob?.close({ drain: 0 }), { once: true });
    await mob.closed;
    logger.info("Closed");
    return 0;
  } finally {
    stopTelling();
    stopReloading();
    await log.end();
  }
}

/** The URL; for a host name, also the addresses that it has. */
export function described({ url, addresses }: ListenerInfo): string {
  const others = addresses.filter((address) => address !== url);
  return others.length === 0 ? url : `${url} (${others.join(", ")})`;
}

/** The mob with its listeners open; `undefined` when the command was stopped meanwhile. */
async function openListeners(session: Session, urls: readonly string[], flags: ServeFlags): Promise<Mob | undefined> {
  const { terminal, stop } = session;
  try {
    const files = needsFiles(flags) ? await filesOf(terminal) : undefined;
    const credentials = files && await attempt(readCredentials(files, flags));
    const relay = flags.bus && await orStopped((await import("./bus.ts")).openBus(terminal, flags, files!), stop);
    const { unixMode } = flags;
    const status = flags.status === undefined
      ? undefined
      : (await import("./status_listener_flags.ts")).statusOf(flags);
    const options = { ...toOptions(flags), ...credentials, unixMode, listen: urls, status, relay, signal: stop };
    const opening = attempt(serve(options, terminal.adapter));
    return relay ? await orStopped(opening, stop) : await opening;
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

/** Whether anything is read from files. A plain listener reads none. */
export function needsFiles({ cert, secretFile, bus }: ServeFlags): boolean {
  return cert !== undefined || secretFile !== undefined || bus !== undefined;
}

/** What reads them. */
export async function filesOf(terminal: Terminal): Promise<Credentials> {
  const { Credentials } = await import("./credentials.ts");
  return new Credentials(terminal, (file, mode) => {
    logger.warning("Others than its owner may use {file} (mode {mode}): chmod 600 {file}", { file, mode });
  });
}

/** The secret, and what reads the certificates, now and at each reload. */
export async function readCredentials(
  files: Credentials,
  flags: ServeFlags,
): Promise<Pick<ServeOptions, "tls" | "secret">> {
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

/** Waits for a promise; rejects when the command is stopped, since joining a bus may take long. */
function orStopped<Result>(promise: Promise<Result>, stop: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    onAny([stop], () => reject(stop.reason));
    promise.then(resolve, reject);
  });
}

/** Logs what runs, where, and which clients may come in. */
export function tellOfStart(
  { terminal: { pid, runtime } }: Session,
  { urls, statusUrl }: Pick<Mob, "urls" | "statusUrl">,
  format: LogFormat,
  threads?: number,
): void {
  const status = statusUrl === undefined ? undefined : { status: statusUrl };
  const and = `${threads === undefined ? "" : ", {threads} threads"}${status ? ", status on {status}" : ""}`;
  logger.info(`Started: mobcast {version} on {runtime} {runtimeVersion}, pid {pid}, {urls}${and}`, {
    version: VERSION,
    runtime: runtime.name,
    runtimeVersion: runtime.version,
    pid,
    urls: format === "json" ? urls : urls.join(" "),
    ...(threads !== undefined && { threads }),
    ...status,
  });
}

/** Logs what the server waits for when it is stopped. */
function tellOfClosing(mob: Mob, stop: AbortSignal, drainTimeout: number): void {
  onAny([stop], () => logClosing(mob.stats().connections, drainTimeout));
}

/** Logs how many connections are waited for, and for how long. */
export function logClosing(connections: number, drainTimeout: number): void {
  const drain = formatDuration(drainTimeout);
  logger.info(`Closing: connections {connections}, with ${drain} to receive what is pending`, {
    connections,
    drainTimeout,
  });
}
