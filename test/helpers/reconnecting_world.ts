/**
 * A mob that comes and goes, and clients that connect again.
 *
 * @module
 */

import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory.ts";
import { connect } from "../../mod.ts";
import type { Mob } from "../../src/server/mob.ts";
import type { Client } from "../../src/client/client.ts";
import type { ConnectionChange, ReconnectOptions } from "../../src/client/reconnect_options.ts";
import { serve, type ServeOptions } from "../../mod.ts";
import { bytesOf, textOf } from "./bytes.ts";
import { settle } from "./settle.ts";

/** For all tests of it. */
export const TIMEOUT = { timeout: 30_000 };

/** Where the mob listens. */
export const URL = "tcp://127.0.0.1:7000";

/** A network in memory, a mob on it that starts and stops, and everything that was reported to a client of it. */
export class World {
  readonly adapter: MemoryAdapter = memoryAdapter({ manual: true });
  readonly reported: string[] = [];
  readonly waits: number[] = [];
  #mob: Mob | undefined;

  /** Lets everything happen that can happen now. */
  settle(): Promise<void> {
    return settle(this.adapter);
  }

  /** Moves the clock on, and lets everything happen. */
  async pass(milliseconds: number): Promise<void> {
    this.adapter.advance(milliseconds);
    await this.settle();
  }

  get mob(): Mob {
    return this.#mob!;
  }

  async up(options: ServeOptions = {}): Promise<void> {
    this.#mob = await serve({ adapter: this.adapter, listen: URL, ...options });
  }

  async down(): Promise<void> {
    const closed = this.mob.close({ drain: 0 });
    await this.settle();
    await closed;
  }

  /** What was sent inside the mob. */
  async say(text: string): Promise<void> {
    const inside = this.mob.join({ receive: false });
    await inside.send(bytesOf(text));
    await this.settle();
    void inside.close();
    await this.settle();
  }

  /** The options of a client that reports everything here; each wait is the longest that it could be. */
  options(options: ReconnectOptions = {}): ReconnectOptions {
    return {
      random: () => 0.999999,
      onChange: (change) => {
        if (change.kind === "waiting") this.waits.push(change.milliseconds);
        this.reported.push(describe(change));
      },
      onGap: ({ milliseconds }) => void this.reported.push(`gap ${milliseconds}`),
      ...options,
    };
  }

  connect(options: ReconnectOptions = {}): Promise<Client> {
    return connect(URL, { adapter: this.adapter, reconnect: this.options(options) });
  }

  /** Writes down what the client receives, among all else; returns what it ends with. */
  listen(client: Client): Promise<string> {
    const receive = async (): Promise<void> => {
      for await (const message of client) this.reported.push(textOf(message));
    };
    return receive().then(() => "the end", (error: Error) => error.message);
  }
}

/** A change in words. */
export function describe(change: ConnectionChange): string {
  if (change.kind === "waiting") return `waiting ${change.attempt}`;
  if (change.kind === "reconnected") return `reconnected after ${change.attempt}`;
  return change.kind;
}
