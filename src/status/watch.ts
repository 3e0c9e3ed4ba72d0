/**
 * A watch on a mob: its reports, and what happened between them.
 *
 * @module
 */

import { formatToken } from "../contract/token.ts";

import { VERSION } from "../version.ts";
import type { MobEvent } from "./events.ts";
import { LoopDelay } from "./loop_delay.ts";
import type { ConnectionList, ReportedEvent, StatusReport } from "./report.ts";
import type { StatusSource } from "./source.ts";
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
    const { adapter, options } = this.#source;
    if (!this.#measures && this.#source.state !== "closed") this.#measure();
    const process = await adapter.processInfo?.();
    const { maxLag, slowConsumer, stallTimeout, maxConnections } = options;
    return {
      server: {
        version: VERSION,
        runtime: `${adapter.name} ${process?.version ?? ""}`.trim(),
        state: this.#source.state,
      },
      options: { maxLag, slowConsumer, stallTimeout, maxConnections },
      stats: this.#source.stats(),
      process,
      loopDelays: this.#loopDelay.histogram,
      now: adapter.now(),
    };
  }

  /** Some of the connections. */
  list(query: ConnectionQuery): ConnectionList {
    const connections = this.#source.connections(query);
    return {
      total: this.#source.connectionCount,
      now: this.#source.adapter.now(),
      connections: connections.map((connection) => ({ ...connection, token: formatToken(connection.token) })),
    };
  }

  #measure(): void {
    this.#measures = true;
    this.#loopDelay.start();
    void this.#source.closed.then(() => this.#loopDelay.stop());
  }
}

/** An event as everybody may see it: without the remote address, which only a list of connections has. */
export function reportedEvent(event: MobEvent): ReportedEvent {
  const { remoteAddress: _hidden, ...shown } = event as MobEvent & { readonly remoteAddress?: string };
  return "token" in shown ? { ...shown, token: formatToken(shown.token) } : shown as ReportedEvent;
}
