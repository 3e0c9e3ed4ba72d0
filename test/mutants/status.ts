/**
 * Mutants of what a mob tells those who watch it: stats, lists of connections, events.
 *
 * @module
 */

import type { Group, Proof } from "./mutant.ts";

function unit(file: string, named: string): Proof {
  return { on: ["node"], tests: `test/unit/${file}.test.ts`, named };
}

/** The bugs of what is told. */
export const STATUS: readonly Group[] = [
  {
    file: "src/broadcast/blocked_list.ts",
    proof: unit("events", "is slow once"),
    bugs: [
      {
        in: "tellSlow",
        from: "    connection.slow = true;\n",
        to: "",
        why: "a connection that is behind for long is told of as slow again and again",
        sample: true,
      },
      {
        in: "add",
        from: "connection.cursor <= this.#options.maxLag / 4) connection",
        to: "connection.cursor <= this.#options.maxLag / 2) connection",
        why: "a connection that stays around half of maxLag is told of each time",
      },
      {
        in: "tellSlow",
        from: " || connection.until !== Infinity",
        to: "",
        why: "a leaving connection is told of as slow",
        proof: unit("events", "a leaving connection is not slow"),
      },
    ],
  },
  {
    file: "src/broadcast/blocked_list.ts",
    proof: unit("events", "block: who holds"),
    bugs: [
      {
        in: "settle",
        from: " || this.#holder.heapIndex === -1",
        to: "",
        why: "only the first of those that hold all others is told of",
      },
      {
        in: "settle",
        from: "else if (!this.#holder || this.#holder.heapIndex === -1) this",
        to: "else this",
        why: "who holds all others is told with each tick",
      },
    ],
  },
  {
    file: "src/broadcast/feed.ts",
    bugs: [
      {
        in: "#addCurrent",
        from: "    connection.slow = false;\n",
        to: "",
        why: "a connection that has caught up is not told of when it is slow again",
        proof: unit("events", "is slow once"),
      },
      {
        in: "#skip",
        from: "    this.#blocked.tellSlow(connection);\n",
        to: "",
        why: "a connection that skips at once is not told of as slow",
        proof: unit("events", "skipped at once"),
      },
    ],
  },
  {
    file: "src/broadcast/log.ts",
    proof: unit("log", "framesBefore walks few frames"),
    bugs: [
      {
        in: "#boundary",
        from: "      if (walked % MARKED === 0) marks.push({ at, frames });\n",
        to: "",
        why: "to count the frames before a connection is to walk over a segment",
      },
      {
        in: "#boundary",
        from: "if (marks[middle]!.at <= to) low = middle;",
        to: "if (marks[middle]!.frames <= to) low = middle;",
        why: "frames are counted from a mark that lies behind them",
      },
    ],
  },
  {
    file: "src/status/event_stream.ts",
    proof: unit("events", "misses the oldest events"),
    bugs: [
      {
        in: "push",
        from: "      this.#dropped++;\n",
        to: "",
        why: "events that were dropped are not counted",
      },
      {
        in: "push",
        from: "if (this.#events.length === MOST) {",
        to: "if (this.#events.length < 0) {",
        why: "a loop that is too slow keeps every event",
        sample: true,
      },
      {
        in: "return",
        from: "    this.#stop();\n",
        to: "",
        why: "a loop that has ended costs on",
        proof: unit("events", "costs nothing when it has ended"),
      },
    ],
  },
  {
    file: "src/server/lifecycle.ts",
    proof: unit("events", "nothing is made of an event"),
    bugs: [
      {
        in: "left",
        from: "if (this.events.watched) {",
        to: "{",
        why: "events are made for nobody",
      },
      {
        in: "left",
        from: "const at = this.#now();",
        to: "const at = now;",
        why: "a connection has left when the last tick began",
        proof: unit("events", "each connection that joins and leaves"),
      },
    ],
  },
  {
    file: "src/status/histogram.ts",
    proof: unit("stats", "a histogram counts"),
    bugs: [
      {
        in: "add",
        from: "value > bounds[index]!",
        to: "value >= bounds[index]!",
        why: "a value is not within the bound that it is equal to",
        sample: true,
      },
      {
        in: "histogram",
        from: "[...this.#counts]",
        to: "this.#counts as unknown as number[]",
        why: "a histogram changes after it was read",
      },
    ],
  },
  {
    file: "src/server/connection_list.ts",
    proof: unit("stats", "connections are sorted"),
    bugs: [
      {
        in: "listConnections",
        from: "offset + limit",
        to: "limit",
        why: "a later page has too few connections",
      },
      {
        in: "cut",
        from: " || one.connection.since - other.connection.since",
        to: " || other.connection.since - one.connection.since",
        why: "of equals the younger comes first",
      },
      {
        in: "firstOf",
        from: "key < least.key || key === least.key && connection.since >= least.connection.since",
        to: "key <= 2 * least.key",
        why: "a connection that belongs to the first is left out",
        proof: unit("stats", "a few of many"),
      },
    ],
  },
  {
    file: "src/server/counters.ts",
    proof: unit("stats", "stats count the connections of each listener"),
    bugs: [
      {
        in: "stats",
        from: "new Map<Listener | undefined, number>(listeners.map((listener) => [listener, 0]))",
        to: "new Map<Listener | undefined, number>()",
        why: "a listener without connections is not in the stats",
      },
      {
        in: "stats",
        from: "lagSizes.add(counts.lag.bytes);",
        to: "lagSizes.add(counts.lag.frames);",
        why: "the histogram of lags counts frames",
        proof: unit("stats", "the lag of each connection in a histogram"),
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    proof: unit("stats", "the duration of each tick"),
    bugs: [
      {
        in: "#tick",
        from: "tickDurations.add(this.#adapter.now() - this.#now)",
        to: "tickDurations.add(this.#now - this.#now)",
        why: "ticks take no time",
      },
    ],
  },
  {
    file: "src/server/timeouts.ts",
    proof: unit("stats", "skip: a full socket with nothing pending"),
    bugs: [
      {
        in: "stallsIn",
        from: "canStall(connection) ? this.stall.left(connection.token) : undefined",
        to: "this.stall.left(connection.token)",
        why: "a connection for which nothing is pending says when it is removed",
      },
    ],
  },
];
