/**
 * Invariants: what must hold for each connection after every tick: its limits, its next event, its input, its end.
 *
 * @module
 */

import type { ConnectionStats } from "../../src/status/stats.ts";
import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";

/** Milliseconds: how long a connection whose stream was ended may take to hang up. */
export const LINGER = 1000;

/** How it stood when the tick began. */
interface Before {
  /** Whether the lag of one connection holds all others. */
  readonly holds: boolean;
  /** Whether this one was leaving. */
  readonly wasLeaving: boolean;
}

/** Checks one connection after a tick. */
export function checkInvariants(
  simulation: Simulation,
  socket: CheckedSocket,
  row: ConnectionStats,
  before: Before,
): void {
  checkLimits(simulation, socket, row);
  checkHeld(simulation, socket, row);
  checkWaits(simulation, socket, row, before.holds);
  checkPublished(simulation, socket);
  checkLeaver(simulation, socket, row, before.wasLeaving);
}

/** No connection is further behind than it may be. */
function checkLimits(simulation: Simulation, socket: CheckedSocket, { lag }: ConnectionStats): void {
  const { maxLag, slowConsumer } = simulation.options;
  if (slowConsumer === "block") {
    if (lag.bytes > maxLag) {
      simulation.marks.reach("held the others");
      if (simulation.hasSeveralFramings) simulation.marks.reach("held the others in several feeds");
    }
    return;
  }
  // What is pending for a leaving connection does not grow any more.
  const behind = lag.bytes - (socket.web === undefined ? 0 : socket.stream.boundary - socket.stream.at);
  if (behind <= maxLag || isSkipped(simulation, socket, lag.bytes) || simulation.closing) return;
  simulation.violate("limits", `${simulation.nameOf(socket)} is ${lag.bytes} bytes behind, and stays`);
}

/** What a connection counts as holding is what it has sent and not finished, and no more than twice that. */
function checkHeld(simulation: Simulation, socket: CheckedSocket, { receiveBytes }: ConnectionStats): void {
  const { leastHeld, mostHeld } = socket;
  const least = socket.stream.until === Infinity ? leastHeld : 0;
  if (receiveBytes >= least && receiveBytes <= mostHeld) return;
  simulation.violate(
    "memory",
    `${simulation.nameOf(socket)} is reported to hold ${receiveBytes} bytes, and that is ${least} to ${mostHeld}`,
  );
}

/** No more than the rest of a frame is pending for a skipped connection. */
function isSkipped(simulation: Simulation, { stream }: CheckedSocket, lag: number): boolean {
  if (simulation.options.slowConsumer !== "skip") return false;
  return stream.gap !== undefined || lag <= stream.boundary - stream.at;
}

/** A connection with pending bytes will get WRITABLE, and a connection whose bytes wait will be read. */
function checkWaits(
  simulation: Simulation,
  socket: CheckedSocket,
  { lag, paused }: ConnectionStats,
  holds: boolean,
): void {
  const { options, now } = simulation;
  if (paused) simulation.marks.reach("paused");
  checkControl(simulation, socket);
  if (lag.bytes === 0 && !socket.blocked) socket.waitingSince = undefined;
  // One that joined at the end of the tick is served in the next.
  const isServed = !socket.stream.isUnserved || !simulation.tickDue;
  if (lag.bytes > 0 && !socket.blocked && isServed) {
    simulation.violate(
      "will go on",
      `${simulation.nameOf(socket)} has ${lag.bytes} bytes pending, and will get no WRITABLE`,
    );
  }
  const isWaiting = lag.bytes > 0 || socket.web?.isPending === true && socket.blocked;
  if (isWaiting && socket.waitingSince !== undefined && socket.stream.gap === undefined) {
    const late = now - socket.waitingSince - options.stallTimeout - simulation.stops.excuse(socket.waitingSince);
    if (late > 10) simulation.violate("deadlines", `${simulation.nameOf(socket)} is stalled for ${late} ms too long`);
  }
  if (simulation.tickDue || !socket.reported) return;
  const excused = paused || holds || options.maxFrameRate > 0 || options.maxByteRate > 0;
  if (!excused) simulation.violate("will go on", `${simulation.nameOf(socket)} was not read to its end`);
  if (paused && !isSkipped(simulation, socket, lag.bytes) && lag.bytes <= options.maxLag / 2) {
    simulation.violate("will go on", `${simulation.nameOf(socket)} is paused, and only ${lag.bytes} bytes behind`);
  }
}

/** What waits besides the feed will be sent, and pings come when they are due. */
function checkControl(simulation: Simulation, socket: CheckedSocket): void {
  const { web, blocked, stream } = socket;
  const { pingInterval } = simulation.options;
  if (web === undefined || simulation.tickDue) return;
  if (web.isPending && !blocked) {
    simulation.violate(
      "will go on",
      `${simulation.nameOf(socket)} has control frames pending, and will get no WRITABLE`,
    );
  }
  if (web.isPending || blocked) web.busyAt = simulation.now;
  if (pingInterval === 0 || stream.until !== Infinity) return;
  // A ping goes when an interval has passed in which nothing was delivered.
  const late = web.latenessOfPing();
  if (late > 10) simulation.violate("deadlines", `${simulation.nameOf(socket)} is pinged ${late} ms too late`);
}

/** What was read is published. */
function checkPublished(simulation: Simulation, socket: CheckedSocket): void {
  if (simulation.tickDue || !socket.drained || socket.reported || socket.stream.until !== Infinity) return;
  const { author, header, listener } = socket.client;
  const { whole } = socket;
  const missing = socket.web?.missing;
  if (missing !== undefined) simulation.violate("control frames", `${simulation.nameOf(socket)} ${missing}`);
  const telling = socket.web !== undefined
    ? Infinity
    : listener.framing === "line"
    ? simulation.options.maxFrame + 1
    : header;
  if (socket.bytesRead >= author.poisonedAt + telling) {
    simulation.violate("limits", `${simulation.nameOf(socket)} sent a frame over the limit, and stays`);
  }
  if (author.published === whole) return;
  simulation.violate(
    "published once, in order",
    `${simulation.nameOf(socket)}: ${whole} frames were read and ${author.published} published`,
  );
}

/** The stream of a leaving connection that has everything is ended, and the connection does not stay forever. */
function checkLeaver(
  simulation: Simulation,
  socket: CheckedSocket,
  { lag }: ConnectionStats,
  wasLeaving: boolean,
): void {
  const { options, now } = simulation;
  if (socket.stream.until === Infinity) return;
  // A skipped connection gets WRITABLE when it takes bytes again.
  const isFull = socket.blocked && (options.slowConsumer === "skip" || socket.web !== undefined);
  // It begins to leave at the end of a tick, too.
  const isLater = socket.web !== undefined && simulation.tickDue;
  if (lag.bytes === 0 && !socket.shut && !isFull && !isLater) {
    simulation.violate("ends", `${simulation.nameOf(socket)} has everything, and its stream is not ended`);
  }
  const linger = Math.min(LINGER, options.drainTimeout);
  if (now - socket.shutAt > linger + 10 + simulation.stops.excuse(socket.shutAt)) {
    simulation.violate("deadlines", `${simulation.nameOf(socket)} has the end of its stream, and stays`);
  }
  const isOut = socket.web !== undefined && socket.web.leaving !== "shutdown";
  if (!simulation.drains || wasLeaving || isOut) return;
  const { author, sent } = socket.client;
  const whole = author.wholeWithin(Math.min(sent, author.poisonedAt));
  if (author.published !== whole) {
    simulation.violate("ends", `${simulation.nameOf(socket)} had sent ${whole} frames when the mob was closed`);
  }
}
