/**
 * Three servers of NATS that have one stream, and the leader of that is killed, stopped and ended: nothing is lost, repeated or
 * reordered that no gap tells. The longest wait is printed: the election of a leader takes seconds, on any runtime, so this
 * is on Node alone.
 */

import { test, type TestContext } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { BusMember, sameForAll } from "../helpers/bus_member.ts";
import { OURS } from "../helpers/command_line.ts";
import { NatsCluster, type NatsServer, NO_NATS } from "../helpers/nats_server.ts";
import { meanwhile, pause, within } from "../helpers/wait.ts";

const options = { skip: NO_NATS || (OURS === "node" ? false : "the same on all: on Node"), timeout: 500_000 };

/** How long a machine that does ten other things may take for what follows an election, in milliseconds. */
const PATIENCE = 60_000;

/** How long all of it may take, in milliseconds: then it is told how far it has come. */
const LONGEST = 150_000;

/** Servers that elect no leader are not what is tested here: others are started (2.9.10, 1 of 40 runs). */
class NoLeader extends Error {}
const MOST_CLUSTERS = 3;

/** What servers answer while they elect. */
async function ask<Answer>(what: () => Promise<Answer>): Promise<Answer> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await what();
    } catch (error) {
      if (performance.now() > deadline) throw new NoLeader(`the servers have no leader: ${(error as Error).message}`);
      await pause(100);
    }
  }
}

/** The leader of the stream, when all three have it. */
async function leaderOf(cluster: NatsCluster): Promise<NatsServer> {
  const connection = await connect({ servers: cluster.urls });
  try {
    const { streams } = await ask(() => jetstreamManager(connection));
    const deadline = performance.now() + PATIENCE;
    for (;;) {
      const { cluster: state } = await ask(() => streams.info("mobcast_room"));
      const replicas = state?.replicas ?? [];
      if (state?.leader && replicas.length === 2 && replicas.every(({ current }) => current)) {
        return cluster.named(state.leader);
      }
      if (performance.now() > deadline) throw new NoLeader("the servers do not agree");
      await pause(100);
    }
  } finally {
    await connection.close();
  }
}

/** Does something to the leader under load, and waits until all are back. Returns the longest time without a batch. */
async function disturb(members: readonly BusMember[], what: () => Promise<void>): Promise<number> {
  let longest = 0;
  let heard = 0;
  let since = performance.now();
  const load = async (): Promise<void> => {
    for (const member of members) member.say(200);
    await pause(10);
    const now = performance.now();
    const current = Math.min(...members.map((member) => member.heard.length));
    longest = Math.max(longest, now - since);
    if (current > heard) [heard, since] = [current, now];
  };
  await meanwhile([load], async () => {
    await pause(200);
    await what();
    const at = members.map(({ heard }) => heard.length);
    for (const [index, member] of members.entries()) {
      await member.until(() => member.heard.length > at[index]! + 20, "batches again", PATIENCE);
    }
  });
  return longest;
}

/**
 * Servers of NATS that lose their leader do not always have the same afterwards (2.9.10, 1 of 5 runs on a busy machine): one that
 * was killed has handed out messages that no other has, one that was stopped takes and hands out messages of its own for a
 * moment when it goes on. A mob that has heard such a message is told of a gap, once it is clear; what all hear behind their last
 * gap is the same, in the same order. Returns what is not so.
 */
function untold(members: readonly BusMember[]): string | undefined {
  const lists = members.map(({ heard }) => heard.slice(heard.findLastIndex((frame) => !frame.includes(".")) + 1));
  const sets = lists.map((list) => new Set(list));
  const common = lists.map((list) => list.filter((frame) => sets.every((set) => set.has(frame))));
  const at = common[0]!.findIndex((frame, index) => frame !== common[1]![index]);
  const around = (list: string[]): string => list.slice(Math.max(0, at - 3), at + 10).join(" ");
  if (at >= 0) return `another order: ${around(common[0]!)} and ${around(common[1]!)}`;
  for (const [index, { heard, mob }] of members.entries()) {
    const other = lists[1 - index]!;
    const [first, last] = [other.indexOf(common[0]![0]!), other.lastIndexOf(common[0]!.at(-1)!)];
    const all = new Set(heard);
    const missing = other.slice(first, last).filter((frame) => !all.has(frame));
    if (missing.length > 0) return `mob ${mob} has missed ${missing.join(" ")}`;
  }
  return common[0]!.length > 0 ? undefined : "nothing is common";
}

/** Waits until all that is missing or in another order is told. */
async function allTold(members: readonly BusMember[]): Promise<void> {
  for (const member of members) await member.until(() => member.open === 0, "its batches", PATIENCE);
  for (let waited = 0;; waited += 100) {
    const why = untold(members);
    if (why === undefined) return;
    assert(waited < PATIENCE / 2, why);
    // Something must come, or nothing is common.
    for (const member of members) if (member.open === 0) member.say(200);
    await pause(100);
  }
}

const DISTURBANCES: Record<string, (leader: NatsServer) => Promise<void>> = {
  "killed": async (leader) => {
    await leader.stop();
    await pause(500);
    await leader.start();
  },
  "stopped": async (leader) => {
    await leader.freeze();
    await pause(8_000);
    leader.signal("SIGCONT");
  },
  "ended": async (leader) => {
    await leader.stop("SIGTERM");
    await leader.start();
  },
};

/** What the one who judges a failure needs: what happened to whom, and what the servers said. */
function tellAll(context: TestContext, cluster: NatsCluster, members: readonly BusMember[]): void {
  for (const { diary, heard, open, mob } of members) {
    context.diagnostic(`mob ${mob} has heard ${heard.length}, ${open} of its own are open`);
    for (const line of diary) context.diagnostic(line);
  }
  for (const server of cluster.servers) {
    for (const line of server.lastLines(30)) context.diagnostic(line);
  }
}

for (const storage of ["file", "memory"] as const) {
  const round = async (context: TestContext): Promise<void> => {
    await using cluster = await NatsCluster.start();
    const join = { storage, replicas: 3 } as const;
    // A member that is left behind would keep the process for ever when something fails.
    await using one = await ask(() => BusMember.join(1, cluster.urls, join));
    await using two = await ask(() => BusMember.join(2, cluster.urls, join));
    const members = [one, two];
    const disturbAll = async (): Promise<void> => {
      for (const [name, what] of Object.entries(DISTURBANCES)) {
        // One of three is enough for memory.
        if (storage === "memory" && name !== "killed") continue;
        const leader = await leaderOf(cluster);
        for (const member of members) member.note(`the leader at ${leader.port} will be ${name}`);
        const wait = await disturb(members, () => what(leader));
        for (const member of members) member.note("batches came again");
        context.diagnostic(`leader ${name}: the longest wait was ${Math.round(wait)} ms`);
      }
      await allTold(members);
    };
    try {
      await within(disturbAll(), "all of it", LONGEST);
      const gaps = members.flatMap(({ whys }) => whys);
      if (gaps.length > 0) {
        context.diagnostic(`servers of NATS did not have the same, which is told: ${gaps.join("; ")}`);
        tellAll(context, cluster, members);
      } else {
        await sameForAll(members);
        for (const member of members) assertEquals(member.lost, []);
      }
    } catch (error) {
      tellAll(context, cluster, members);
      throw error;
    }
  };
  test(`three servers with ${storage}: the leader is killed, stopped, and ended`, options, async (context) => {
    for (let clusters = 1;; clusters++) {
      try {
        return await round(context);
      } catch (error) {
        if (!(error instanceof NoLeader) || clusters === MOST_CLUSTERS) throw error;
        context.diagnostic(`${error.message}, others are started`);
      }
    }
  });
}
