/**
 * Healing of a world of several mobs on a bus: faults end, everything arrives, all mobs agree, and nothing is left.
 *
 * @module
 */

import type { BusClient } from "./bus_client.ts";
import type { BusMob } from "./bus_mob.ts";
import type { BusWorld } from "./bus_world.ts";
import { LEAST_PAYLOAD, MOST_MOBS } from "./bus_settings.ts";
import { HelloWire } from "./bus_wire.ts";

/** Rounds in which nothing moves, after which the world counts as never coming to rest. */
const ROUNDS = 400;

/** Rounds in which something moves, which are many when all goes in small pieces. */
const FLOWS = 20_000;

/** Milliseconds of a round in which nothing moves: a batch that is stored and does not come is sent again after 5 s. */
const PAUSE = 200;

/** How long everything must be still. */
const STILL = 7000;

/** Heals the world, and checks what must then hold. */
export async function healBus(world: BusWorld): Promise<void> {
  endFaults(world);
  await untilQuiet(world);
  if (world.violation) return;
  for (const mob of world.here) checkArrived(mob);
  // A mob more, and one frame from each: all must get all of them.
  if (world.here.length < MOST_MOBS) await world.start();
  for (const mob of world.here) if (!mob.isClosing) mob.connect(0, true);
  await untilQuiet(world);
  sayAtEach(world);
  await untilQuiet(world);
  for (const mob of world.here) checkArrived(mob);
  if (!world.violation) checkLastFrames(world);
  if (!world.violation) checkAgreement(world);
  if (!world.violation) checkOffsets(world);
  if (!world.violation && world.here.some(({ settings }) => settings.resumes)) await resumeElsewhere(world);
  markCrashes(world);
  if (!world.violation) await leave(world);
}

function sayAtEach({ here }: BusWorld): void {
  for (const mob of here) mob.clients.at(-1)?.say(LEAST_PAYLOAD, 1, false);
}

/**
 * Where nothing fails, all mobs count alike as soon as each has heard the others, and a client that comes to another mob goes on
 * there: it misses nothing that the history holds.
 */
async function resumeElsewhere(world: BusWorld): Promise<void> {
  if (world.isCountUnsure) return;
  for (let round = 0; round < 2; round++) {
    sayAtEach(world);
    await untilQuiet(world);
  }
  const { here } = world;
  const first = here.map((mob) => mob.resumeAt(undefined, true));
  await untilQuiet(world);
  // The last client of each mob is now one that resumes: what it says it receives.
  sayAtEach(world);
  await untilQuiet(world);
  for (const client of first) client?.reset();
  const speakers = here.map((mob) => mob.connect(0, true));
  await untilQuiet(world);
  for (const speaker of speakers) speaker?.say(LEAST_PAYLOAD, 2, false);
  await untilQuiet(world);
  for (const [index, client] of first.entries()) {
    const next = (index + 1) % here.length;
    const back = here[next]!.resumeAt(client, true);
    // One that began in what its mob has published before it heard of the others counts as none of them does.
    if (back && epochOf(client) === epochOf(first[next])) back.mustBeKnown = true;
  }
  await untilQuiet(world);
  for (const mob of here) if (!world.violation) checkArrived(mob);
}

/** By which way of counting a client was told where it begins. */
function epochOf(client: BusClient | undefined): string | undefined {
  return client?.wire instanceof HelloWire ? client.wire.answer?.epoch : undefined;
}

function endFaults(world: BusWorld): void {
  const { engine, settings } = world;
  world.healing = true;
  engine.fates.length = 0;
  engine.maxMessage = Math.max(engine.maxMessage, settings.maxMessage);
  while (engine.late.length > 0) engine.storeLate(0, true);
  for (const answer of engine.answers.splice(0)) engine.answer(answer);
  for (const mob of world.mobs) mob.resume();
  for (const { stream } of world.here) if (stream.isAway) engine.comeBack(stream);
  for (const mob of world.here) for (const client of mob.clients) client.eager = true;
}

/** Lets everything happen that is due, and time pass, until nothing more does. */
async function untilQuiet(world: BusWorld): Promise<void> {
  let still = 0;
  let flows = 0;
  let { moved } = world;
  for (let round = 0; round < ROUNDS && !world.violation; round++) {
    const moves = await world.flow();
    if (moves || world.moved > moved) still = 0;
    if (world.moved > moved) round = 0;
    ({ moved } = world);
    if (moves && flows++ < FLOWS) {
      round = 0;
      continue;
    }
    if (isQuiet(world) && still * PAUSE >= (isResting(world) ? PAUSE : STILL)) return;
    still++;
    await world.pass(PAUSE);
  }
  world.violate("will go on", "the healed world does not come to rest");
}

/** Nothing is on its way. */
function isResting({ here }: BusWorld): boolean {
  return here.every(({ link }) => link.empty);
}

/** Nothing is left to send, to read, to store or to publish. */
function isQuiet({ engine, here }: BusWorld): boolean {
  if (engine.waiting.length > 0) return false;
  for (const mob of here) {
    if (mob.isClosing) return false;
    const { inFlight } = mob.link.stats();
    if (inFlight.frames > 0 || mob.stream.position + 1 < engine.end || mob.isInBatch) return false;
    // A connection that takes nothing more holds back what has come, until it is let go (`block`).
    if (mob.link.backpressure) return false;
    if (mob.clients.some((client) => client.isWaiting || (client.isPresent && client.socket.bufferedBytes > 0))) {
      return false;
    }
  }
  return true;
}

/** Everything was read, is back or told as lost, and was received. */
function checkArrived(mob: BusMob): void {
  const { order, channel, published } = mob;
  const due = order.next();
  if (due) {
    mob.violate("arrives", `it has not ${due.type === "gap" ? "told a gap" : `published ${due.node}.${due.number}`}`);
  }
  const { refused, repeated, missedBatches, restarts, sequence } = channel.stats();
  const are = JSON.stringify({ refused, missed: missedBatches, restarts, sequence });
  const { missed } = order;
  const were = JSON.stringify({
    refused: order.refused,
    missed,
    restarts: order.restarts,
    sequence: mob.holes.length + order.sequence > 0 ? order.sequence : sequence,
  });
  // What was missed of a batch of its own counts as read, and then as repeated.
  if (are !== were || repeated < order.repeated) mob.violate("accounts", `its channel counts ${are}, not ${were}`);
  if (mob.gapsTold !== mob.counts.gaps) mob.violate("accounts", `it told ${mob.gapsTold} of ${mob.counts.gaps} gaps`);
  if (refused > 0) mob.world.marks.reach("foreign");
  if (repeated > 0) mob.world.marks.reach("read twice");
  for (const client of mob.clients) {
    const { author } = client;
    const { count, lost } = mob.countOf(author);
    if (client.isPresent && client.speaks && author.read !== author.said.length) {
      mob.violate("arrives", `${client.name}: ${author.read} of ${author.said.length} frames were read`);
    }
    if (count + lost !== author.read) {
      mob.violate("arrives", `${client.name}: ${count} frames were published and ${lost} lost, of ${author.read}`);
    }
    if (!client.isPresent || client.reason !== undefined) continue;
    if (mob.settings.slowConsumer === "skip") client.passAll();
    else client.passLeftOut();
    if (client.at !== published.length) {
      mob.violate("arrives", `${client.name} has received the order to ${client.at} of ${published.length}`);
    }
    if (client.finished && mob.settings.slowConsumer !== "skip") {
      mob.violate("ends", `${client.name} has ended its half, everything is back, and its end does not come`);
    }
    const { own, uncarried, missed: skipped } = client.counts;
    for (
      const [mark, reached] of [["own frames left out", own], ["not carried", uncarried], ["skipped", skipped]] as const
    ) {
      if (reached > 0) mob.world.marks.reach(mark);
    }
  }
}

/** What was said at the very end is published by all mobs. */
function checkLastFrames(world: BusWorld): void {
  for (const mob of world.here) {
    const author = mob.clients.at(-1)?.author;
    if (!author || author.said.length === 0) continue;
    for (const other of world.here) {
      if (other.countOf(author).count !== author.said.length) {
        other.violate("arrives", `it has not published what client ${author.number} of ${mob.name} has sent`);
      }
    }
  }
}

/** What two mobs have both published between gaps, they have published in the same order, with nothing in between. */
function checkAgreement({ mobs, repeated }: BusWorld): void {
  const runs = mobs.map((mob) => mob.segments.map((segment) => segment.filter((batch) => !repeated.has(batch))));
  for (const [index, mob] of mobs.entries()) {
    checkOnce(mob);
    for (const other of mobs.slice(index + 1)) {
      for (const one of runs[index]!) {
        for (const two of runs[other.number]!) {
          const [ours, theirs] = [between(one, two), between(two, one)];
          if (ours.join() !== theirs.join()) {
            mob.violate("order", `it published ${ours}, and ${other.name} ${theirs}`);
          }
        }
      }
    }
  }
}

/**
 * Mobs that count in the same way are at the same offset: a client may resume at any of them. Where more than one copy of a
 * batch was stored, it may be at another place for a mob that began between them.
 */
function checkOffsets({ here, repeated }: BusWorld): void {
  if (repeated.size > 0) return;
  const offsets = new Map<string, number>();
  for (const mob of here) {
    for (const { epoch, base } of mob.offsets.numberings) {
      const offset = base + mob.offsets.carried;
      const other = offsets.get(epoch) ?? offset;
      offsets.set(epoch, other);
      if (offset !== other) mob.violate("order", `it is at offset ${offset}, another at ${other}, by the same count`);
    }
  }
}

/** Of one list, from the first to the last that is in the other one, too. */
function between(one: readonly string[], other: readonly string[]): readonly string[] {
  const both = new Set(other);
  const first = one.findIndex((batch) => both.has(batch));
  return first === -1 ? [] : one.slice(first, one.findLastIndex((batch) => both.has(batch)) + 1);
}

/** Each batch at most once, those of a node in order, and none is missing but where a gap was told. */
function checkOnce(mob: BusMob): void {
  const last = new Map<string, { number: number; segment: number }>();
  for (const [segment, batches] of mob.segments.entries()) {
    for (const batch of batches) {
      const [node, text] = batch.split(".");
      const number = Number(text);
      const before = last.get(node!);
      if (before && number <= before.number) mob.violate("order", `it published ${batch} after ${before.number}`);
      if (before && number > before.number + 1 && before.segment === segment && node !== mob.order.own) {
        mob.violate("order", `it published ${batch} after ${before.number}, without a gap`);
      }
      last.set(node!, { number, segment });
    }
  }
}

/** What became of the last batches of mobs that have ended. */
function markCrashes({ mobs, marks, here }: BusWorld): void {
  for (const mob of mobs.filter(({ isCrashed }) => isCrashed)) {
    const last = mob.batches.length - 1;
    const unpublished = !mob.segments.some((segment) => segment.includes(`${mob.order.own}.${last}`));
    if (last < 1 || !unpublished) continue;
    const heard = here.some(({ segments }) => segments.some((segment) => segment.includes(`${mob.order.own}.${last}`)));
    marks.reach(heard ? "last batch for all" : "last batch for none");
  }
}

/** All clients leave, some in order, and the mobs are closed. */
async function leave(world: BusWorld): Promise<void> {
  for (const mob of world.here) {
    for (const client of mob.clients) client.author.number % 2 === 0 ? client.finish() : client.reset();
  }
  const population = (): number => world.here.reduce((sum, { mob }) => sum + mob.stats().connections, 0);
  for (let round = 0; round < 200 && population() > 0; round++) {
    await world.flow();
    await world.pass(PAUSE);
  }
  for (const mob of world.here) {
    const { connections, logBytes } = mob.mob.stats();
    if (connections > 0 && mob.settings.slowConsumer !== "skip") mob.violate("ends", `${connections} connections stay`);
    if (connections === 0 && logBytes > 0 && !mob.settings.history) {
      mob.violate("memory", `${logBytes} bytes are held for no connection`);
    }
    mob.close(undefined);
  }
  for (let round = 0; round < 200 && world.here.length > 0; round++) {
    await world.flow();
    await world.pass(PAUSE);
  }
  for (const mob of world.mobs) {
    if (mob.isCrashed) continue;
    if (!mob.isClosed) mob.violate("ends", "it does not close");
    if (!mob.stream.isClosed) mob.violate("ends", "it has not left the bus");
    mob.adapter.advance(20_000);
    if (mob.adapter.timers > 0) mob.violate("ends", `${mob.adapter.timers} timers are left`);
    if (mob.clients.some(({ isJoined, reason }) => isJoined && reason === undefined)) {
      mob.violate("ends", "a connection has no close reason");
    }
  }
}
