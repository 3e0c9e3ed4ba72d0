/**
 * Healing: the second half of a run. Faults end, everybody reads, and now everything must arrive; then everybody goes,
 * and nothing may be left behind.
 *
 * @module
 */

import type { Observed } from "./observed.ts";
import type { Simulation } from "./simulation.ts";

/** Rounds without faults in which nothing moves, after which the world is said never to come to rest. */
const ROUNDS = 2000;

/** Rounds without a message after which members have heard all that they will. */
const STILL = 5;

/** The most milliseconds that pass in a round in which nothing moves: one that is over its rate waits for minutes. */
const LONGEST_PAUSE = 1000;

/** Heals the world and looks whether everything arrives and everybody can come and go. */
export async function heal(simulation: Simulation): Promise<void> {
  endFaults(simulation);
  await untilQuiet(simulation);
  if (simulation.violation !== undefined) return;
  checkArrived(simulation);
  if (!simulation.closing) await checkNewcomer(simulation);
  await leave(simulation);
  if (simulation.violation === undefined) checkEmpty(simulation);
}

function endFaults(simulation: Simulation): void {
  simulation.healing = true;
  simulation.network.acceptErrors.length = 0;
  simulation.hooks.next = -1;
  for (const socket of simulation.inside.values()) socket.trap = -1;
  for (const client of simulation.clients) {
    client.eager = true;
    if (!client.sane) client.reset();
  }
}

/** Handshakes come to an end, also of those who knock now that their door has opened again. */
function endHandshakes({ network }: Simulation): void {
  for (const client of [...network.handshakes.keys()]) network.endHandshake(client, client.number % 2 === 0);
}

/** Lets everything happen that is due, and time pass, until nothing more does. */
async function untilQuiet(simulation: Simulation): Promise<void> {
  let missing = -1;
  let still = 0;
  let moved = simulation.moved;
  for (let round = 0; round < ROUNDS; round++) {
    if (simulation.violation !== undefined) return;
    if (simulation.moved > moved) round = 0;
    moved = simulation.moved;
    endHandshakes(simulation);
    simulation.clientsAct();
    simulation.deliverAll();
    const busy = simulation.turnDue;
    simulation.turn();
    await simulation.settle();
    if (busy || simulation.turnDue || simulation.network.waiting.length > 0) {
      still = 0;
      continue;
    }
    // Members hear at the pace of promises: a few rounds without a message are their end.
    const missed = missing;
    missing = simulation.members.reduce((sum, member) => sum + member.missing, 0);
    still = missing === missed ? still + 1 : 0;
    if (still < (missing > 0 ? STILL : 0)) continue;
    if (isQuiet(simulation)) return;
    simulation.pass(Math.min(LONGEST_PAUSE, 20 + round));
  }
  simulation.violate("will go on", "the healed world does not come to rest");
}

/** Nobody has anything more to send, to read or to be given. */
function isQuiet(simulation: Simulation): boolean {
  if (simulation.closing) return simulation.isClosed;
  for (const client of simulation.clients) {
    if (client.broken || client.over) continue;
    if (client.socket.held > 0 || (client.speaks && client.outbox.length > 0)) return false;
    // It knocks, and a failed accept is not tried again yet.
    if (client.stream === undefined) return false;
  }
  for (const socket of simulation.inside.values()) {
    if (isAdriftAndGone(simulation, socket)) continue;
    if (socket.inner.held > 0 || socket.told || socket.lag > 0) return false;
  }
  return simulation.members.length === 0 || simulation.mob.stats().lag.bytes === 0;
}

/**
 * Under skip one that was skipped is not read from until it takes bytes, and is owed nothing. When its peer is gone and
 * nothing shows that, it stays until there are news that it does not take.
 */
function isAdriftAndGone({ options }: Simulation, { client, blocked, lag }: Observed): boolean {
  return options.slowConsumer === "skip" && client.broken && blocked && lag === 0;
}

/** Whoever is still there has said everything, and heard everything. */
function checkArrived(simulation: Simulation): void {
  const { model } = simulation;
  for (const socket of simulation.inside.values()) {
    const { client, stream } = socket;
    const { author } = client;
    if (client.broken) continue;
    if (socket.stranger && client.speaks && client.sane) {
      simulation.violate("arrives", `${simulation.nameOf(socket)} has said the secret, and is a stranger`);
    }
    if (author.published !== author.said.length && client.speaks) {
      simulation.violate(
        "arrives",
        `${simulation.nameOf(socket)}: ${author.published} of ${author.said.length} frames`,
      );
    }
    stream.hop();
    const end = Math.min(model.end, stream.until);
    if (stream.at !== end) {
      simulation.violate("arrives", `${simulation.nameOf(socket)} has heard the log to ${stream.at} of ${end}`);
    }
    if (stream.unheard > 0) simulation.violate("arrives", `${stream.unheard} bytes are lost on the way`);
  }
  for (const member of simulation.members) {
    if (member.wrong !== undefined) simulation.violate("stream", member.wrong);
    if (!member.inside || member.leaving || member.missing === 0 || member.mayMiss(model.frames - 1)) continue;
    simulation.violate("arrives", `a member has not heard the last ${member.missing} frames`);
  }
}

/** The door still opens: a newcomer is let in, speaks, and is heard. */
async function checkNewcomer(simulation: Simulation): Promise<void> {
  const { ended } = simulation.newcomers;
  const refusedBefore = ended.refused;
  const newcomer = simulation.connect(true);
  simulation.pass(1100);
  await untilQuiet(simulation);
  if (ended.refused > refusedBefore || simulation.violation !== undefined) return;
  if (newcomer.stream === undefined) return simulation.violate("arrives", "a newcomer is not let in");
  newcomer.say(1);
  await untilQuiet(simulation);
  if (newcomer.author.published !== 1 && newcomer.speaks) simulation.violate("arrives", "a newcomer is not heard");
  checkArrived(simulation);
}

/** Everybody goes in one batch, some properly, and the mob is closed. */
async function leave(simulation: Simulation): Promise<void> {
  for (const client of simulation.clients) client.number % 2 === 0 ? client.finish() : client.reset();
  for (const member of simulation.members) member.leave();
  for (let round = 0; round < 100 && population(simulation) > 0; round++) {
    endHandshakes(simulation);
    simulation.clientsAct();
    simulation.deliverAll();
    simulation.turn();
    await simulation.settle();
    simulation.pass(100);
  }
  if (!simulation.closing) {
    simulation.turn();
    const { logHeld } = simulation.mob.stats();
    const connections = population(simulation);
    const gone = [...simulation.inside.values()].filter((socket) => isAdriftAndGone(simulation, socket)).length;
    if (connections > gone) simulation.violate("ends", `${connections} connections stay though their peers are gone`);
    if (logHeld > 0) simulation.violate("memory", `${logHeld} bytes are held, and nobody is there`);
    simulation.close(undefined);
  }
  // Within drainTimeout, and what the last turns take.
  for (let round = 0; round < 15 && !simulation.isClosed; round++) {
    simulation.deliverAll();
    simulation.turn();
    await simulation.settle();
    if (!simulation.isClosed) simulation.pass(Math.ceil(simulation.options.drainTimeout / 10));
  }
}

/** Everybody who has a place, strangers too. */
function population({ mob }: Simulation): number {
  const { connections, strangers, handshakes } = mob.stats();
  return connections + strangers + handshakes;
}

/** Nothing is left: no connection, no timer, no byte; and every account adds up. */
function checkEmpty(simulation: Simulation): void {
  const { mob, model, inside, members } = simulation;
  if (!simulation.isClosed) simulation.violate("ends", "the mob does not close");
  if (inside.size > 0) simulation.violate("ends", `${inside.size} sockets are not closed`);
  // A member that has left counts the seconds until it hangs up by itself.
  simulation.pass(members.length > 0 ? 6000 : 0);
  simulation.turn();
  if (simulation.network.adapter.timers > 0) {
    simulation.violate("ends", `${simulation.network.adapter.timers} timers are left`);
  }
  const stats = mob.stats();
  simulation.newcomers.checkCounts();
  const everybody = Object.values(stats.left).reduce((sum, count) => sum + count, 0);
  const left = Object.values(simulation.newcomers.ended).reduce((sum, count) => sum - count, everybody);
  const sums = [population(simulation), stats.lag.bytes, stats.logHeld, stats.joined - left];
  if (sums.some((sum) => sum !== 0)) simulation.violate("accounts", `at the end there is left over: ${sums}`);
  if (stats.published.bytes !== model.end) simulation.violate("accounts", "published bytes do not add up");
}
