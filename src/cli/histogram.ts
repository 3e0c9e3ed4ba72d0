/**
 * The picture of `bench --histogram`.
 *
 * @module
 */

import type { Bar } from "../load/latency.ts";

/** Columns beside the bar: the delay, the share, and what is between. */
const BESIDE = 24;

/** Bars for delays, one a line, the longest as wide as there is room. */
export function drawHistogram(bars: readonly Bar[], columns: number): string {
  const all = bars.reduce((sum, { count }) => sum + count, 0);
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const room = Math.max(10, columns - BESIDE);
  return bars.map(({ to, count }) => {
    const share = 100 * count / Math.max(1, all);
    // Anything that was counted can be seen.
    const bar = count === 0 ? "" : "█".repeat(Math.floor(room * count / most)) || "▏";
    return `${label(to).padStart(12)} ${`${share.toFixed(2)} %`.padStart(9)} ${bar}`.trimEnd() + "\n";
  }).join("");
}

function label(milliseconds: number): string {
  if (milliseconds >= 1000) return `<= ${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds >= 10 ? `<= ${Math.round(milliseconds)} ms` : `<= ${milliseconds.toPrecision(2)} ms`;
}
