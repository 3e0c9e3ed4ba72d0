/** The view of `top`: what it shows in how much room. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { columnsOf } from "../../src/cli/columns.ts";
import { plainText } from "../../src/cli/full_screen.ts";
import { type View, viewOf } from "../../src/cli/top_view.ts";
import type { Seen } from "../../src/cli/status_watch.ts";
import { connectionOf } from "../helpers/reports.ts";
import { OTHERS, seenOf, VIEW } from "../helpers/top_view.ts";

/** The lines of a view, as text. */
function textOf(seen: Seen, view: Partial<View> = {}): string[] {
  return viewOf(seen, { ...VIEW, ...view }).lines.map(plainText);
}

test("a view of 80 columns says what is wrong, and of which connection", () => {
  const lines = textOf(seenOf(...OTHERS));
  assertEquals(lines.slice(0, 10), [
    "mobcast  127.0.0.1:9100  1.2.3 on node 24.1.0, up 2 min",
    "10.0.0.1:50123 is behind and will be disconnected in about 2 s.",
    "delivered 120,000/s frames 1,000/s      out 7.3 MiB/s       in 62.5 KiB/s",
    "connections 120     lag 0 B             log 0 B             memory 90.0 MiB",
    "tick p50 ≤ 1 ms     tick p99 > 10 ms    loop p99 -          processor 13 %",
    "listeners tcp://127.0.0.1:8080 119, mob.join() 1",
    "ended 1,200 end, 3 lagged",
    "",
    "CONNECTION                  LAG▼      OUT/s       IN/s STATE",
    "10.0.0.1:50123           8.0 MiB        0 B        0 B disconnected in 2 s",
  ]);
  assertEquals(lines.at(-1), "s sort  l lag  a age  r in  d out  k skipped  m memory  p pause  q quit");
});

test("a view of any size has as many lines as there are rows, and none is too long", () => {
  const seen = seenOf(...OTHERS);
  for (const columns of [20, 40, 59, 60, 80, 100, 120, 200]) {
    for (const rows of [6, 12, 20, 23, 24, 31, 32, 60]) {
      for (const sort of ["lag", "age", "received", "delivered", "skipped", "receiveBytes"] as const) {
        const { lines, listed } = viewOf(seen, { ...VIEW, columns, rows, sort });
        if (columns >= 40 && rows >= 12) assertEquals(lines.length, rows, `${columns}x${rows}`);
        assert(listed >= 3 || rows < 12 || columns < 40, `${columns}x${rows}: ${listed}`);
        for (const line of lines) {
          const text = plainText(line);
          // Lists go on to the right, and the screen cuts them.
          if (columns >= 40 && !/^(?:listeners|ended) | ago /.test(text)) {
            assert(columnsOf(text) <= columns, `${columns}x${rows}: ${text}`);
          }
        }
      }
    }
  }
});

test("a narrow view keeps the connection, what it is sorted by, and what will happen", () => {
  const lines = textOf(seenOf(...OTHERS), { columns: 40, rows: 20 });
  assertEquals(lines[0], "mobcast  127.0.0.1:9100  1.2.3, up 2 min");
  assert(lines.includes("CONNECTION            LAG▼ STATE"), lines.join("\n"));
  assert(
    lines.includes("10.0.0.1:50123     8.0 MiB cut off in 2…") ||
      lines.includes("10.0.0.1:50123     8.0 MiB cut in 2 s"),
    lines.join("\n"),
  );
  assertEquals(lines.at(-1), "s sort  l a r d k m by  p pause  q quit");
});

test("a wide view says it in sentences, and a high one what happened lately", () => {
  const lines = textOf(seenOf(...OTHERS), { columns: 140, rows: 40 });
  assertStringIncludes(lines.join("\n"), "behind, will be disconnected in about 2 s");
  assertStringIncludes(lines.join("\n"), "LISTENER");
  assertStringIncludes(lines.join("\n"), "3 s ago  9v1 left: lagged, 3.0 MiB were pending");
});

test("a pause, a lost connection, no connections and scrolled ones are told", () => {
  const seen = seenOf(...OTHERS);
  assertMatch(textOf(seen, { isPaused: true })[0]!, /^ paused {2}mobcast {2}127\.0\.0\.1:9100 /);
  assertStringIncludes(textOf(seen, { isPaused: true }).at(-1)!, "p go on");
  const lost = textOf(seen, { lost: { reason: "connection refused (ECONNREFUSED)", lasted: 5000 } });
  assertEquals(lost[1], "No connection for 5 s, trying again: connection refused (ECONNREFUSED)");
  const empty = textOf({ ...seen, connections: [], total: 0 });
  assert(empty.includes("no connections"));
  assert(textOf(seen, { offset: 20, columns: 100 }).some((line) => line.startsWith("CONNECTION 21-3")));
});

test("names from the network can do nothing to a terminal", () => {
  const hostile = "\x1b[2J\u202e日本語\n\u0085";
  const seen = seenOf(connectionOf(2, { remoteAddress: hostile, listener: hostile, token: hostile }));
  const { server, stats } = seen.report;
  const report = {
    ...seen.report,
    server: { ...server, version: hostile, runtime: hostile },
    stats: { ...stats, listeners: [{ url: hostile, connections: 1 }, { url: hostile, connections: 1 }] },
  };
  const events = [{ type: "refused", at: 0, reason: hostile as "end", why: hostile }] as const;
  const lost = { reason: hostile, lasted: 1 };
  for (const view of [{ columns: 160, rows: 40 }, { columns: 160, rows: 40, lost }, { columns: 40, rows: 20 }]) {
    const text = textOf({ ...seen, report, events }, view).join("\n");
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.exec(text), null, JSON.stringify(text));
    assertStringIncludes(text, "\\x1b[2J");
  }
});
