/**
 * What `top` has seen, for tests.
 *
 * @module
 */

import type { Seen } from "../../src/cli/status_watch.ts";
import { ratesOf } from "../../src/status/rates.ts";
import type { ListedConnection } from "../../src/status/report.ts";
import { verdictsOf } from "../../src/status/verdict.ts";
import { wordsOf } from "../../src/status/words.ts";
import type { View } from "../../src/cli/top_view.ts";
import { connectionOf, histogramOf, lookOf, MIB } from "./reports.ts";

/** How many connections were closed, by reason. */
export const CLOSED = { lagged: 3, end: 1200 };

/** What is seen of a mob whose first connection is stuck, after two looks. */
export function seenOf(...others: readonly ListedConnection[]): Seen {
  const stuck = (lag: number, stallsIn: number): ListedConnection =>
    connectionOf(1, { lag, delivered: 7 * MIB, stallsIn, paused: lag > 8 * MIB });
  const before = lookOf({ now: 99_000, closed: CLOSED }, stuck(4 * MIB, 20_000), ...others);
  const look = lookOf(
    {
      now: 100_000,
      stats: {
        tickDurations: histogramOf([1, 10], [0.5, 0.5, 5, 20]),
        listeners: [{ url: "tcp://127.0.0.1:8080", connections: 119 }, { url: undefined, connections: 1 }],
      },
      closed: CLOSED,
    },
    stuck(8 * MIB, 19_000),
    ...others,
  );
  const verdicts = verdictsOf(look, before);
  return {
    report: look.report,
    rates: ratesOf(look.report, before.report),
    past: undefined,
    words: wordsOf(look, before),
    connections: look.list.connections.map((connection, index) => ({
      ...connection,
      verdict: verdicts[index]!,
      in: 0,
      out: index === 0 ? 0 : 64_000,
    })),
    total: look.list.total,
    events: [{ type: "left", at: 97_000, token: "9v1", reason: "lagged", detail: undefined, lag: 3 * MIB }],
  };
}

/** Connections that are well. */
export const OTHERS: readonly ListedConnection[] = Array.from({ length: 60 }, (_, index) => connectionOf(index + 2));

/** How it is looked at: a terminal of the usual size. */
export const VIEW: View = {
  url: "http://127.0.0.1:9100/",
  sort: "lag",
  offset: 0,
  isPaused: false,
  lost: undefined,
  columns: 80,
  rows: 24,
  hasKeys: true,
};
