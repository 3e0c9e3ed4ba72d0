/**
 * Several threads as one source of status: their numbers are added up, their lists merged.
 *
 * @module
 */

import type { Adapter } from "../contract/adapter.ts";
import type { ProcessInfo } from "../contract/process_info.ts";
import { EventStream } from "../status/event_stream.ts";
import type { MobEvent } from "../status/events.ts";
import {
  type Connections,
  type InThread,
  type MobState,
  NoAnswer,
  type StatusOptions,
  type StatusSource,
} from "../status/source.ts";
import type { ConnectionQuery, ConnectionSort, ConnectionStats, Histogram, MobStats } from "../status/stats.ts";
import { SharedAnswer } from "./shared_answer.ts";
import type { ThreadGroup } from "./thread_group.ts";
import type { ThreadStats } from "./thread_messages.ts";
import { sumOf } from "./thread_stats.ts";

/** How many connections can be listed, the first of all threads: more would keep each of them for more than a moment. */
const MOST_LISTED = 2000;

/** The threads of a server, as their status is read. */
export class ThreadSource implements StatusSource {
  readonly threads: number;
  readonly closed: Promise<void>;
  readonly whyBusAway = undefined;
  readonly options: StatusOptions;
  readonly adapter: Adapter;
  readonly events: AsyncIterable<MobEvent & InThread>;
  /** Whether it accepts connections. */
  state: MobState = "open";
  /** Its connections, as the last list told. */
  connectionCount = 0;
  readonly #group: ThreadGroup;
  readonly #stats: SharedAnswer<ThreadStats>;
  readonly #life: SharedAnswer<string | undefined>;
  #last: ThreadStats | undefined;
  #resolveClosed: () => void = () => {};

  /** The source of so many threads. `options` are those of each. */
  constructor(group: ThreadGroup, threads: number, options: StatusOptions, adapter: Adapter) {
    this.#group = group;
    this.threads = threads;
    this.options = { ...options, maxConnections: options.maxConnections * threads };
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    const { processInfo } = adapter;
    this.adapter = { ...adapter, ...processInfo && { processInfo: async () => this.#withHeaps(await processInfo()) } };
    this.#stats = new SharedAnswer(() => this.#askStats());
    this.#life = new SharedAnswer(() => this.#askLife());
    this.events = watched(group, adapter);
  }

  /** How late the timers of its threads were, when they were last asked. */
  get loopDelays(): Histogram | undefined {
    return this.#last?.loopDelays;
  }

  /** The numbers of all threads, added up. */
  async stats(): Promise<MobStats> {
    return (await this.#stats.get()).stats;
  }

  async #askStats(): Promise<ThreadStats> {
    const answers = await this.#group.ask({ about: "stats" });
    return this.#last = sumOf([...answers.values(), ...this.#group.last]);
  }

  /** The first connections of all threads. What is behind the first few thousand is not listed. */
  async connections({ sort = "lag", limit = Infinity, offset = 0 }: ConnectionQuery = {}): Promise<Connections> {
    const end = Math.min(offset + limit, MOST_LISTED);
    const lists = await this.#group.ask({ about: "list", query: { sort, limit: end } });
    this.connectionCount = [...lists.values()].reduce((sum, { total }) => sum + total, 0);
    const figure = FIGURES[sort];
    return [...lists]
      .flatMap(([thread, { connections }]) => connections.map((each) => ({ ...each, thread: thread + 1 })))
      .sort((one, other) => figure(other) - figure(one))
      .slice(offset, end);
  }

  /** Resolves to which thread does not answer. */
  async whyDead(): Promise<string | undefined> {
    return await this.#life.get();
  }

  async #askLife(): Promise<string | undefined> {
    try {
      await this.#group.ask({ about: "life" });
      return undefined;
    } catch (error) {
      if (error instanceof NoAnswer) return error.message;
      throw error;
    }
  }

  /** The figures of the process are those of all threads, but for objects, which each has for itself. */
  #withHeaps(info: ProcessInfo): ProcessInfo {
    return { ...info, heapBytes: info.heapBytes + (this.#last?.heapBytes ?? 0) };
  }

  /** Nothing comes any more. */
  end(): void {
    this.state = "closed";
    this.#resolveClosed();
  }
}

/** What lists are sorted by. */
const FIGURES: Readonly<Record<ConnectionSort, (connection: ConnectionStats) => number>> = {
  lag: ({ lag }) => lag.bytes,
  age: ({ age }) => age,
  received: ({ received }) => received.bytes,
  delivered: ({ delivered }) => delivered.bytes,
  skipped: ({ skipped }) => skipped.bytes,
  receiveBytes: ({ receiveBytes }) => receiveBytes,
};

/** What happens in all threads, which tell of it while it is watched. */
function watched(group: ThreadGroup, { now }: Pick<Adapter, "now">): AsyncIterable<MobEvent & InThread> {
  const stream = new EventStream(now);
  group.onEvents = (thread, events, theirs) => {
    // Each thread has a clock of its own.
    const shift = now() - theirs;
    for (const event of events) {
      stream.emit({ ...event, at: event.at + shift, thread: thread + 1 } as MobEvent & InThread);
    }
  };
  return {
    [Symbol.asyncIterator]() {
      if (!stream.watched) group.order({ type: "watch", isOn: true });
      const iterator = stream.subscribe();
      return {
        next: () => iterator.next(),
        async return() {
          const result = await iterator.return!();
          if (!stream.watched) group.order({ type: "watch", isOn: false });
          return result;
        },
      };
    },
  };
}
