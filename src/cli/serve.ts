/**
 * The command `serve`.
 *
 * @module
 */

import { logger } from "../logger.ts";
import type { Mob } from "../mob.ts";
import type { ResolvedOptions } from "../options.ts";
import { serve } from "../serve.ts";
import type { LogFormat, LogLevelName } from "./levels.ts";
import { startLogging } from "./logging.ts";
import { attempt, type Session } from "./session.ts";
import { logTable } from "./table.ts";
import { formatDuration } from "./units.ts";

/** The options of `serve`. */
export interface ServeFlags extends ResolvedOptions {
  /** How much is logged. */
  readonly logLevel: LogLevelName;
  /** How a log line looks. */
  readonly logFormat: LogFormat;
}

/** Opens the doors and serves until it is told to stop. */
export async function runServe(session: Session, urls: readonly string[], flags: ServeFlags): Promise<number> {
  const { terminal, stop, drop } = session;
  const { logLevel, logFormat, ...options } = flags;
  session.debug = logLevel === "debug";
  const stopLogging = startLogging(terminal, logLevel, logFormat);
  let mob: Mob | undefined;
  // Before the doors open: without a listener the signal would end the process.
  const stopTelling = terminal.onSignal("SIGUSR2", () => mob !== undefined && logTable(mob));
  try {
    mob = await openDoors(session, urls, options);
    if (mob === undefined) return 0;
    for (const url of mob.urls) void terminal.stdout.write(`listening on ${url}\n`);
    tellOfClosing(mob, stop, options.drainTimeout);
    drop.addEventListener("abort", () => void mob?.close({ drain: 0 }), { once: true });
    await mob.closed;
    logger.info("Closed");
    return 0;
  } finally {
    stopTelling();
    stopLogging();
  }
}

/** The mob with its doors open; `undefined` when it was told to stop meanwhile. */
async function openDoors(
  { stop }: Session,
  urls: readonly string[],
  options: ResolvedOptions,
): Promise<Mob | undefined> {
  try {
    return await attempt(serve({ ...options, listen: urls, signal: stop }));
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

/** Whoever ends a server wants to know what it waits for. */
function tellOfClosing(mob: Mob, stop: AbortSignal, drainTimeout: number): void {
  const tell = (): void => {
    const { connections } = mob.stats();
    const drain = formatDuration(drainTimeout);
    logger.info("Closing: connections {connections}, they have {drain} to take what they are owed", {
      connections,
      drain,
    });
  };
  if (stop.aborted) tell();
  else stop.addEventListener("abort", tell, { once: true });
}
