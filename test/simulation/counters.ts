/**
 * Counters: what the core counts as delivered, skipped and lag of a connection, compared with the model.
 *
 * @module
 */

import type { ConnectionStats } from "../../src/status/stats.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";

/** Checks one row of `mob.connections()`, and learns from it where a gap is that `skip` has made. */
export function checkCounters(simulation: Simulation, socket: CheckedSocket, row: ConnectionStats): void {
  const { stream, client } = socket;
  const { delivered: given, skipped, lag } = row;
  const wrong = (what: string): void => {
    simulation.violate(
      "accounts",
      `${simulation.nameOf(socket)}: ${what}, in ${JSON.stringify({ given, skipped, lag })}`,
    );
  };
  // What was published for it: until now, or until it began to leave.
  const end = stream.ended ?? stream.image.place;
  if (given.bytes !== stream.given.bytes || given.frames !== stream.given.frames) {
    return wrong(`it was given ${stream.given.frames} frames, ${stream.given.bytes} bytes`);
  }
  for (const unit of ["bytes", "frames"] as const) {
    const sum = given[unit] + skipped[unit] + lag[unit];
    const due = end[unit] - stream.joined[unit];
    if (sum !== due) return wrong(`${sum} ${unit} are counted, and ${due} were published since it joined`);
  }
  const { replayed } = stream;
  if (row.replayed.bytes !== replayed.bytes || row.replayed.frames !== replayed.frames) {
    return wrong(`${JSON.stringify(row.replayed)} was replayed to it, not ${JSON.stringify(replayed)}`);
  }
  if (replayed.frames > 0) simulation.marks.reach("replayed");
  if (replayed.frames > 0 && simulation.hasSeveralFramings) simulation.marks.reach("replayed in several framings");
  const { published, withheld } = client.author;
  if (row.received.frames !== published - withheld) wrong(`${published - withheld} frames were published from it`);
  const uncarried = end.uncarried - stream.joined.uncarried;
  const cursor = stream.joined.at + given.bytes + skipped.bytes - uncarried;
  const problem = stream.gap === undefined ? checkCursor(simulation, socket, cursor) : undefined;
  if (problem !== undefined) wrong(problem);
  else if (stream.gap !== undefined) followGap(socket, cursor);
}

/** The cursor of the counts is where the stream is; further on only after a skip. */
function checkCursor(simulation: Simulation, socket: CheckedSocket, cursor: number): string | undefined {
  const { stream } = socket;
  const { options, marks } = simulation;
  if (stream.behind > options.maxLag) stream.over = true;
  if (cursor < stream.at) return `its cursor is ${cursor}, and it was given all before ${stream.at}`;
  if (cursor === stream.at) {
    if (stream.atBoundary) stream.over = stream.behind > options.maxLag;
    return undefined;
  }
  const given = stream.at;
  stream.hop();
  if (stream.at > given) marks.reach("own frames left out");
  if (stream.at > given && simulation.hasSeveralFramings) marks.reach("own frames left out of one feed");
  if (cursor <= stream.at) {
    // It was over the limit by its own frames behind a control frame that waits: it may have been skipped over them.
    const isSkipped = options.slowConsumer === "skip" && stream.over && socket.blocked;
    if (isSkipped) stream.gap = { from: stream.at, to: stream.at };
    return undefined;
  }
  if (options.slowConsumer !== "skip") return `its cursor is ${cursor}, and it was given nothing after ${stream.at}`;
  if (!stream.over) return `it was skipped from ${given} on, within maxLag`;
  marks.reach("skipped one frame or more");
  if (stream.boundary < stream.joined.at + stream.replayed.bytes) marks.reach("skipped what was replayed");
  if (simulation.hasSeveralFramings) marks.reach("skipped in one of several feeds");
  if (!stream.atBoundary) marks.reach("skipped inside a frame");
  stream.gap = { from: stream.boundary, to: stream.boundary };
  return undefined;
}

/** The gap begins at the frame boundary where it stands, and ends where it will go on. */
function followGap({ stream }: CheckedSocket, cursor: number): void {
  const gap = stream.gap!;
  gap.to = cursor + gap.from - stream.at;
}
