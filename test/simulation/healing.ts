/**
 * Healing: the second half of a run. Faults end, all clients read, and now everything must arrive. Then all of them leave,
 * and nothing may be left behind.
 *
 * @module
 */

import type { CheckedSocket } from "./checked_socket.ts";
import type { Simulation } from "./simulation.ts";
import { checkMetrics } from "./status.ts";

/** Rounds without faults in which nothing moves, after which the world counts as never coming to rest. */
const ROUNDS = 2000;

/** Rounds without a message after which members have received all that they will. */
const STILL = 5;

/** The most milliseconds that pass in a round in which nothing moves: a connection over its rate waits for minutes. */
const LONGEST_PAUSE = 1000;

/** Heals the world, and checks that everything arrives and that clients can join and leave. */
export async function heal(simulation: Simulation): Promise<void> {
  endFaults(simulation);
  await untilQuiet(simulation);
  if (simulation.violation !== undefined) return;
  checkArrived(simulation);
  if (!simulation.closing) await checkIncoming(simulation);
  await leave(simulation);
  if (simulation.violation === undefined) checkEmpty(simulation);
  if (simulation.violation === undefined) await simulation.watcher?.check();
}

function endFaults(simulation: Simulation): void {
  simulation.healing = true;
  simulation.network.acceptErrors.length = 0;
  simulation.hooks.next = -1;
  if (simulation.application !== undefined) simulation.application.command = undefined;
  simulation.application?.authorizer.answerAll();
  for (const socket of simulation.inside.values()) socket.trap = -1;
  // After a stop the clock rests a while.
  if (simulation.stops.any) simulation.pass(1000);
  for (const client of simulation.clients) {
    client.eager = true;
    client.answersPings = false;
    if (!client.sane) client.reset();
  }
}

/** Handshakes come to an end, also those that begin now that their listener has opened again. */
function endHandshakes({ network }: Simulation): void {
  for (const client of [...network.handshakes.keys()]) network.endHandshake(client, client.number % 2 === 0);
}

/** Bytes that connections were given of their streams, ever. */
function givenBytes({ inside }: Simulation): number {
  let given = 0;
  for (const { stream } of inside.values()) given += stream.given.bytes;
  return given;
}

/** Lets everything happen that is due, and time pass, until nothing more does. */
async function untilQuiet(simulation: Simulation): Promise<void> {
  let missing = -1;
  let still = 0;
  let { moved } = simulation;
  let given = givenBytes(simulation);
  for (let round = 0; round < ROUNDS; round++) {
    if (simulation.violation !== undefined) return;
    // A WebSocket that takes a byte at a time is not counted as moved, since pings move it for ever.
    const progresses = round === ROUNDS - 1 && givenBytes(simulation) > given;
    if (simulation.moved > moved || progresses) round = 0;
    if (progresses) given = givenBytes(simulation);
    moved = simulation.moved;
    endHandshakes(simulation);
    simulation.clientsAct();
    simulation.deliverAll();
    const busy = simulation.tickDue;
    simulation.tick();
    await simulation.settle();
    if (busy || simulation.tickDue || simulation.network.waiting.length > 0) {
      still = 0;
      continue;
    }
    // Members receive at the pace of promises: a few rounds without a message are their end.
    const missed = missing;
    missing = simulation.members.reduce((sum, member) => sum + member.missing, 0);
    still = missing === missed ? still + 1 : 0;
    if (still < (missing > 0 ? STILL : 0)) continue;
    if (isQuiet(simulation)) return;
    simulation.pass(Math.min(LONGEST_PAUSE, 20 + round));
  }
  simulation.violate("will go on", "the healed world does not come to rest");
}

/** Nothing is left to send, to read or to deliver. */
function isQuiet(simulation: Simulation): boolean {
  if (simulation.closing) return simulation.isClosed;
  for (const client of simulation.clients) {
    if (client.broken || client.over) continue;
    if (client.socket.bufferedBytes > 0 || (client.speaks && client.outbox.length > 0)) return false;
    // Its handshake begins, and a failed accept is not tried again yet.
    if (client.stream === undefined) return false;
  }
  for (const socket of simulation.inside.values()) {
    if (isSkippingAndGone(simulation, socket)) continue;
    if (socket.inner.bufferedBytes > 0 || socket.reported || socket.lag > 0) return false;
  }
  return simulation.members.length === 0 || simulation.mob.stats().lag.bytes === 0;
}

/**
 * Under skip, a skipped connection is not read from until it takes bytes, and nothing is pending for it. When its client is
 * gone and nothing shows that, it stays until there are new frames that it does not take.
 */
function isSkippingAndGone({ options }: Simulation, { client, blocked, lag }: CheckedSocket): boolean {
  return options.slowConsumer === "skip" && client.broken && blocked && lag === 0;
}

/** Every connection that is still there has sent everything, and received everything. */
function checkArrived(simulation: Simulation): void {
  for (const socket of simulation.inside.values()) {
    const { client, stream } = socket;
    const { author } = client;
    if (client.broken || socket.web?.refused !== undefined) continue;
    const isOnItsWayOut = socket.web !== undefined && (socket.web.refused !== undefined || stream.until !== Infinity);
    if (socket.unauthenticated && client.speaks && client.sane && !isOnItsWayOut) {
      simulation.violate(
        "arrives",
        `${simulation.nameOf(socket)} has sent the secret, and is unauthenticated`,
      );
    }
    if (author.published !== author.sent.length && client.speaks && !isOnItsWayOut) {
      simulation.violate(
        "arrives",
        `${simulation.nameOf(socket)}: ${author.published} of ${author.sent.length} frames`,
      );
    }
    stream.hop();
    const end = Math.min(stream.image.end, stream.until);
    if (stream.at !== end) {
      simulation.violate("arrives", `${simulation.nameOf(socket)} has received the log to ${stream.at} of ${end}`);
    }
    if (stream.image.unsealed > 0) simulation.violate("arrives", `${stream.image.unsealed} frames are in no message`);
    const unreceived = socket.web?.unreceived ?? stream.unreceived;
    if (unreceived > 0) simulation.violate("arrives", `${unreceived} bytes are lost on the way`);
  }
  for (const member of simulation.members) {
    if (member.wrong !== undefined) simulation.violate("stream", member.wrong);
    if (
      !member.inside || member.leaving || member.missing === 0 || member.mayMiss(simulation.model.images[0]!.frames - 1)
    ) continue;
    simulation.violate("arrives", `a member has not received the last ${member.missing} frames`);
  }
}

/** The listener still opens: a new connection is accepted, sends a frame, and it is received. */
async function checkIncoming(simulation: Simulation): Promise<void> {
  const { ended } = simulation.admission;
  const refusedBefore = ended.refused;
  const incoming = simulation.connect(true);
  simulation.pass(1100);
  await untilQuiet(simulation);
  if (ended.refused > refusedBefore || simulation.violation !== undefined) return;
  if (incoming.stream === undefined) return simulation.violate("arrives", "an incoming connection is not accepted");
  incoming.say(1);
  await untilQuiet(simulation);
  if (incoming.author.published !== 1 && incoming.speaks) {
    simulation.violate("arrives", "an incoming connection is not received");
  }
  checkArrived(simulation);
}

/** All clients leave in one batch, some in order, and the mob is closed. */
async function leave(simulation: Simulation): Promise<void> {
  for (const client of simulation.clients) client.number % 2 === 0 ? client.finish() : client.reset();
  for (const member of simulation.members) member.leave();
  for (let round = 0; round < 100 && population(simulation) > 0; round++) {
    endHandshakes(simulation);
    simulation.clientsAct();
    simulation.deliverAll();
    simulation.tick();
    await simulation.settle();
    simulation.pass(100);
  }
  if (!simulation.closing) {
    simulation.tick();
    const { logBytes: logHeld } = simulation.mob.stats();
    const connections = population(simulation);
    const gone = [...simulation.inside.values()].filter((socket) => isSkippingAndGone(simulation, socket)).length;
    if (connections > gone) simulation.violate("ends", `${connections} connections stay though their clients are gone`);
    if (logHeld > 0 && simulation.options.history === 0) {
      simulation.violate("memory", `${logHeld} bytes are held, and no connection is there`);
    }
    simulation.close(undefined);
  }
  // Within drainTimeout, and what the last ticks take.
  for (let round = 0; round < 15 && !simulation.isClosed; round++) {
    simulation.deliverAll();
    simulation.tick();
    await simulation.settle();
    if (!simulation.isClosed) simulation.pass(Math.ceil(simulation.options.drainTimeout / 10));
  }
}

/** All connections that have a place, unauthenticated ones too. */
function population({ mob }: Simulation): number {
  const { connections, unauthenticated: unauthenticated, handshakes } = mob.stats();
  return connections + unauthenticated + handshakes;
}

/** Nothing is left: no connection, no timer, no byte; and every account adds up. */
function checkEmpty(simulation: Simulation): void {
  const { mob, model, inside, members } = simulation;
  if (!simulation.isClosed) simulation.violate("ends", "the mob does not close");
  if (inside.size > 0) simulation.violate("ends", `${inside.size} sockets are not closed`);
  // A member that has left counts the seconds until it hangs up by itself.
  simulation.pass(members.length > 0 ? 6000 : 0);
  simulation.tick();
  if (simulation.network.adapter.timers > 0) {
    simulation.violate("ends", `${simulation.network.adapter.timers} timers are left`);
  }
  const stats = mob.stats();
  simulation.admission.checkCounts(stats);
  simulation.checker.checkApplication(stats);
  const all = Object.values(stats.closed).reduce((sum, count) => sum + count, 0);
  const left = Object.values(simulation.admission.ended).reduce((sum, count) => sum - count, all);
  const sums = [population(simulation), stats.lag.bytes, stats.logBytes, stats.receiveBytes, stats.bufferedAmount];
  sums.push(stats.joined - left);
  if (sums.some((sum) => sum !== 0)) simulation.violate("accounts", `at the end there is left over: ${sums}`);
  checkMetrics(simulation);
  if (stats.published.bytes !== model.bytes) simulation.violate("accounts", "published bytes do not add up");
}
