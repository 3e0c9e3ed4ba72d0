/**
 * `serve --threads`: several mobs in threads of one process, behind the same ports and in one order. This thread starts
 * them, hands signals on, serves the status of all and writes their log lines; it serves no client.
 *
 * All of them live or none: when one ends by itself, so does the process.
 *
 * @module
 */

import { THREADS } from "../bus/shared_ring.ts";
import { parseUrl } from "../framing/url.ts";
import { logger } from "../logger.ts";
import { CertificateSources } from "../server/certificates.ts";
import { StatusListener } from "../server/status_listener.ts";
import { NoAnswer } from "../status/source.ts";
import { startLogging } from "./logging.ts";
import type { ServeFlags } from "./serve_flags.ts";
import { described, filesOf, logClosing, needsFiles, readCredentials, tellOfStart } from "./serve.ts";
import { attempt, Failure, onAny, problemOf, type Session } from "./session.ts";
import { LISTED, logStats } from "./status.ts";
import { statusOf } from "./status_listener_flags.ts";
import { threadFlag } from "./thread_flags.ts";
import { ThreadGroup } from "./thread_group.ts";
import type { Threads } from "./thread_messages.ts";
import { ThreadSource } from "./thread_source.ts";

/** Serves in threads; `undefined`: there is one core, so that no thread is of use. Throws when there can be none. */
export async function planThreads(
  session: Session,
  flags: ServeFlags,
): Promise<{ run(urls: readonly string[]): Promise<number> } | undefined> {
  const threads = await session.terminal.threads();
  const count = flags.threads ?? Math.min(threads.cores(), THREADS.max);
  if (count < THREADS.min) return undefined;
  if (threads.whyNot !== undefined) throw new Failure(`Cannot use ${threadFlag(flags)}: ${threads.whyNot}`);
  return { run: (urls) => runThreads(session, threads, urls, flags, count) };
}

/** Opens the listeners in so many threads, and serves until it is stopped, or a thread ends. */
async function runThreads(
  session: Session,
  threads: Threads,
  urls: readonly string[],
  flags: ServeFlags,
  count: number,
): Promise<number> {
  const { terminal, stop } = session;
  const { logLevel, logFormat } = flags;
  session.debug = logLevel === "debug";
  const stopLogging = startLogging(terminal, logLevel, logFormat);
  const group = new ThreadGroup(session, threads);
  const source = new ThreadSource(group, count, flags, await terminal.adapter());
  const status = new Status(source, flags);
  const undo = [
    terminal.onSignal("SIGUSR2", () => void tell(source, flags)),
    terminal.onSignal("SIGHUP", () => void reload(group, status, flags)),
  ];
  try {
    const opened = await group.open(urls, flags, count, isShared);
    if (opened === undefined) return 0;
    const statusUrl = await status.open(session);
    if (stop.aborted) return 0;
    for (const listener of opened.listeners) {
      const by = isShared(listener.url) ? `${count} threads` : `thread 1 of ${count}`;
      void terminal.stdout.write(`listening on ${described(listener)} with ${by}\n`);
    }
    if (statusUrl !== undefined) void terminal.stdout.write(`status on ${statusUrl}\n`);
    tellOfStart(session, { urls: opened.urls, statusUrl }, logFormat, count);
    let told: Promise<void> | undefined;
    const closing = (): void => {
      source.state = "draining";
      // A thread that does not answer now does not drain either, and the log need not say how many it has.
      told = source.stats().then(({ connections }) => logClosing(connections, flags.drainTimeout), () => {});
      group.order({ type: "stop" });
    };
    onAny([stop], closing);
    await group.closed;
    // Threads without connections have closed before the last of them has answered.
    await told;
    await status.close();
    logger.info("Closed");
    return 0;
  } finally {
    for (const each of undo) each();
    await status.close();
    source.end();
    group.end();
    stopLogging();
  }
}

/** Whether all threads listen at a URL. A Unix socket is one file, so the first thread has it alone. */
function isShared(url: string): boolean {
  return parseUrl(url).address.transport !== "unix";
}

/** Logs the numbers of all threads together, and the connections that are the furthest behind. */
async function tell(source: ThreadSource, { logFormat }: ServeFlags): Promise<void> {
  try {
    const [stats, connections] = await Promise.all([source.stats(), source.connections({ limit: LISTED })]);
    logStats(stats, connections, logFormat);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    logger.error("Cannot tell the status: {message}", { message: error.message });
  }
}

/** Reads the certificates again, in all threads and for the status. Each that cannot keeps its old ones. */
async function reload(group: ThreadGroup, status: Status, { cert }: ServeFlags): Promise<void> {
  if (cert === undefined) return logger.info("Nothing to reload: no listener is over TLS");
  const answers = await group.ask({ about: "reload" }, true);
  const message = [...answers.values()].find(({ problem }) => problem !== undefined)?.problem ?? await status.reload();
  if (message === undefined) logger.info("Certificates reloaded");
  else logger.error("Cannot reload certificates, the old ones stay: {message}", { message });
}

/** The status listener of all threads, if there is one. */
class Status {
  readonly #source: ThreadSource;
  readonly #flags: ServeFlags;
  readonly #certificates: CertificateSources = new CertificateSources();
  #listener: StatusListener | undefined;

  constructor(source: ThreadSource, flags: ServeFlags) {
    this.#source = source;
    this.#flags = flags;
  }

  /** Opens it, and returns its URL; `undefined`: there is none. */
  async open({ terminal }: Session): Promise<string | undefined> {
    const options = statusOf(this.#flags);
    if (options === undefined) return undefined;
    const isSecure = /^https:/i.test(String(options.url));
    const { tls } = isSecure && needsFiles(this.#flags)
      ? await attempt(readCredentials(await filesOf(terminal), this.#flags))
      : { tls: undefined };
    this.#listener = new StatusListener(this.#source, { tls, unixMode: this.#flags.unixMode });
    return await attempt(this.#listener.open(options, () => Promise.resolve(this.#certificates)));
  }

  /** Shows the certificates anew. Resolves to what went wrong. */
  reload(): Promise<string | undefined> {
    return problemOf(this.#certificates.reload());
  }

  async close(): Promise<void> {
    await this.#listener?.close();
  }
}
