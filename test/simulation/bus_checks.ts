/**
 * What must hold for a mob on a simulated bus after each of its ticks.
 *
 * @module
 */

import { brokenInvariants } from "../helpers/invariants.ts";
import type { BusClient } from "./bus_client.ts";
import type { BusMob } from "./bus_mob.ts";

/** Totals are looked at now and then: they do not heal by themselves. */
const STATS_EVERY = 4;

/** Bytes of the largest header. */
const HEADER = 9;

/** Checks a mob after a tick. */
export function checkBusMob(mob: BusMob): void {
  const broken = brokenInvariants();
  if (broken !== undefined) mob.violate("invariants", broken);
  checkBus(mob);
  checkBounds(mob);
  if (mob.ticks % STATS_EVERY === 0) checkRows(mob);
}

/** The accounts of the bus. */
function checkBus(mob: BusMob): void {
  const { sent, returned, inFlight, lost, received, gaps, state } = mob.link.stats();
  for (const unit of ["frames", "bytes"] as const) {
    if (sent[unit] !== returned[unit] + inFlight[unit] + lost[unit]) {
      mob.violate("accounts", `${JSON.stringify({ sent, returned, inFlight, lost })} do not add up`);
    }
  }
  const { counts, read } = mob;
  const due = {
    sent: read.length,
    returned: counts.own,
    lost: counts.lost,
    received: counts.others,
    gaps: counts.gaps,
  };
  const are = { sent: sent.frames, returned: returned.frames, lost: lost.frames, received: received.frames, gaps };
  if (JSON.stringify(are) !== JSON.stringify(due)) {
    mob.violate("accounts", `they are ${JSON.stringify(are)}, not ${JSON.stringify(due)}`);
  }
  const isAway = state === "away";
  const { isToldAway, mayBeStuck } = mob.stream;
  const isRight = isAway === isToldAway || (isAway && mayBeStuck);
  if (mob.stream.reader && !isRight && state !== "joining" && !mob.isClosing) {
    mob.violate("accounts", `the bus is ${state}`);
  }
}

/** What waits in memory has a bound, and so has what a tick publishes. */
function checkBounds(mob: BusMob): void {
  const { tickBudget, clients, world, grown } = mob;
  const { maxFrame, capacity } = world.settings;
  // What is left of a chunk, and what the socket of a connection holds that has ended, is read at once.
  const ended = clients.filter((client) => !client.speaks).length;
  const all = mob.isClosing ? clients.length : ended;
  // A read may complete a frame of each connection.
  const bound = 2 * tickBudget + (2 + clients.length) * (maxFrame + HEADER) + 2 * all * capacity + mob.flushed;
  const { bytes } = mob.link.stats().inFlight;
  if (bytes > bound) mob.violate("memory", `${bytes} bytes are on their way, more than ${bound}`);
  if (bytes > tickBudget && mob.stream.isAway) world.marks.reach("bounded while away");
  // A frame of each framing may have a longer header elsewhere.
  const most = 2 * tickBudget + 2 * (maxFrame + HEADER);
  if (grown > most) mob.violate("limits", `a tick published ${grown} bytes, the budget is ${tickBudget}`);
}

/** The accounts of connections, and of the mob. */
function checkRows(mob: BusMob): void {
  const { published, counts } = mob;
  const stats = mob.mob.stats();
  if (stats.published.frames !== published.length || counts.own + counts.others !== published.length) {
    mob.violate("accounts", `it has published ${stats.published.frames} frames, not ${published.length}`);
  }
  for (const row of mob.mob.connections()) {
    const client = mob.clients.find(({ token }) => token === row.token);
    if (!client) mob.violate("accounts", "a connection is nobody's");
    // What was published before it joined, and is delivered as well, is no part of what follows.
    else if (client.isJoined) {
      checkRow(mob, client, row.delivered.frames - row.replayed.frames, row.skipped.frames, row.lag.frames);
    }
    const { slowConsumer, maxLag } = mob.settings;
    const most = maxLag + 2 * mob.tickBudget + 2 * (mob.world.settings.maxFrame + HEADER);
    if (slowConsumer === "block" && row.lag.bytes > most) {
      mob.violate("limits", `under block a connection is ${row.lag.bytes} bytes behind, of ${maxLag}`);
    }
  }
}

function checkRow(mob: BusMob, client: BusClient, delivered: number, skipped: number, lag: number): void {
  const all = mob.published.length - client.joinedAt;
  const sum = delivered + skipped + lag;
  const leaves = client.finished || client.broken || client.gapAt !== undefined || mob.isClosing;
  if (leaves ? sum > all : sum !== all) {
    mob.violate("accounts", `${client.name}: ${delivered} + ${skipped} + ${lag} frames are not ${all}`);
  }
  if (client.counts.received > delivered + client.replayed) {
    mob.violate("accounts", `${client.name} received what was not delivered`);
  }
  if (
    lag > 0 && mob.link.backpressure && mob.settings.slowConsumer === "block" && client.behind > mob.settings.maxLag
  ) {
    mob.world.marks.reach("held under block");
  }
}
