/**
 * A watch on a mob: its reports, and what happened between them.
 *
 * @module
 */

import { formatToken, type Token } from "../contract/token.ts";
import { VERSION } from "../version.ts";
import type { MobEvent } from "./events.ts";
import { LoopDelay } from "./loop_delay.ts";
import type { ConnectionList, ReportedEvent, StatusReport } from "./report.ts";
import type { InThread, StatusSource } from "./source.ts";
import type { ConnectionQuery } from "./stats.ts";

/** Makes the reports of a mob. It measures the delay of the event loop from its first report until the mob has closed. */
export class Watch {
  readonly #source: StatusSource;
  readonly #loopDelay: LoopDelay;
  #measures = false;

  /** A watch on this mob, which measures nothing yet. */
  constructor(source: StatusSource) {
    this.#source = source;
    this.#loopDelay = new LoopDelay(source.adapter);
  }

  /** How the mob is now. */
  async report(): Promise<StatusReport> {
    const { adapter, options, threads } = this.#source;
    if (threads === undefined && !this.#measures && this.#source.state !== "closed") this.#measure();
    const stats = await this.#source.stats();
    const process = await adapter.processInfo?.();
    const { maxLag, slowConsumer, stallTimeout, maxConnections } = options;
    return {
      server: {
        version: VERSION,
        runtime: `${adapter.name} ${process?.version ?? ""}`.trim(),
        state: this.#source.state,
        ...(threads !== undefined && { threads }),
      },
      options: { maxLag, slowConsumer, stallTimeout, maxConnections },
      stats,
      process,
      loopDelays: this.#source.loopDelays ?? this.#loopDelay.histogram,
      now: adapter.now(),
    };
  }

  /** Some of the connections. */
  async list(query: ConnectionQuery): Promise<ConnectionList> {
    const connections = await this.#source.connections(query);
    return {
      total: this.#source.connectionCount,
      now: this.#source.adapter.now(),
      connections: connections.map(({ thread, ...connection }) => ({
        ...connection,
        token: nameOf(connection.token, thread),
      })),
    };
  }

  #measure(): void {
    this.#measures = true;
    this.#loopDelay.start();
    void this.#source.closed.then(() => this.#loopDelay.stop());
  }
}

/** An event as everybody may see it: without the remote address, which only a list of connections has. */
export function reportedEvent(event: MobEvent & InThread): ReportedEvent {
  const { remoteAddress: _hidden, thread, ...shown } = event as MobEvent & InThread & {
    readonly remoteAddress?: string;
  };
  return "token" in shown ? { ...shown, token: nameOf(shown.token, thread) } : shown as ReportedEvent;
}

/** The name of a connection: `3v1`, or `2:3v1` in the second thread, since each thread has tokens of its own. */
function nameOf(token: Token, thread: number | undefined): string {
  return thread === undefined ? formatToken(token) : `${thread}:${formatToken(token)}`;
}
