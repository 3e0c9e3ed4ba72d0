/**
 * The bus, and what runs, in one line: for tables and logs.
 *
 * @module
 */

import type { BusStats } from "../bus/bus_stats.ts";
import type { ServerReport } from "./report.ts";
import { quantity, roundAge, roundCount } from "./figures.ts";

/** The runtime of a server, and how many threads it has: `node 24.1.0`, `bun 1.4.5, 4 threads`. */
export function runtimeWords({ runtime, threads }: ServerReport): string {
  return threads === undefined ? runtime : `${runtime}, ${threads} threads`;
}

/** How the bus is: `chat joined at 1,204, 3 frames in flight, no gap`. */
export function busWords({ name, state, awayFor, sequence, inFlight, gaps }: BusStats): string {
  const how = state === "joined" ? state : `${state} for ${roundAge(awayFor)}`;
  const missed = gaps === 0 ? "no gap" : quantity(gaps, "gap");
  return `${name} ${how} at ${roundCount(sequence)}, ${quantity(inFlight.frames, "frame")} in flight, ${missed}`;
}
