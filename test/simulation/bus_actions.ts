/**
 * Actions: what each step of a world of several mobs on a bus does.
 *
 * @module
 */

import { encodeFrame } from "../../src/framing/framing.ts";
import type { BusClient } from "./bus_client.ts";
import { FATES } from "./bus_engine.ts";
import type { BusMob } from "./bus_mob.ts";
import { MESSAGE_HEADER, messageOf } from "./bus_order.ts";
import type { BusStepName } from "./bus_steps.ts";
import { HelloWire } from "./bus_wire.ts";
import type { BusWorld } from "./bus_world.ts";
import { LEAST_PAYLOAD } from "./bus_settings.ts";
import type { Step } from "./steps.ts";

/** Does one step, and lets promises resolve. */
export async function actOnBus(world: BusWorld, step: Step<BusStepName>): Promise<void> {
  await ACTIONS[step.do](world, step);
  await world.settle();
}

/** How many messages are discarded: some, many, or all. */
const DISCARDED = [2, 10, Infinity] as const;

/** What becomes of what was appended when the engine goes away. */
const AWAY_FATES = ["lost", "unanswered", "late"] as const;

const ACTIONS: Readonly<Record<BusStepName, (world: BusWorld, step: Step<BusStepName>) => void | Promise<void>>> = {
  connect: (world, { who, how }) => void mobAt(world, who)?.connect(who >> 2, how > 1),
  say: (world, { who, size, how }) => clientAt(world, who)?.say(size, [1, 1, 2, 3, 10, 40][how]!, how % 2 === 0),
  read: (world, { who, size }) => clientAt(world, who)?.receive(size),
  appetite: (world, { who, how }) => {
    const client = clientAt(world, who);
    if (client) client.eager = how === 0;
  },
  finish: (world, { who }) => clientAt(world, who)?.finish(),
  reset: (world, { who }) => clientAt(world, who)?.reset(),
  publish: (world, { who, size, how }) => mobAt(world, who)?.publish(size, how === 0),
  flow: async (world) => {
    for (let round = 0; round < 3; round++) await world.flow();
  },
  advance: (world, { size }) => world.pass(size),
  tick: (world, { who }) => void mobAt(world, who)?.tick(),
  store: ({ engine }, { size }) => {
    for (let left = size; left > 0 && engine.handle(); left--);
  },
  fate: ({ engine }, { how }) => void engine.fates.push(FATES[how]!),
  late: (world, { who, how }) => storeLate(world, who, how),
  answer: ({ engine }, { who, how }) => {
    const [answer] = engine.answers.splice(who % Math.max(1, engine.answers.length), 1);
    if (answer) engine.answer(how === 0 ? answer : { ...answer, sequence: undefined });
  },
  deliver: (world, { who, size }) => {
    const stream = mobAt(world, who)?.stream;
    for (let left = size; left > 0 && stream?.deliver(); left--);
  },
  forget: ({ engine, settings }) => {
    if (settings.forgets) engine.forget();
  },
  discard: ({ engine, here, marks }, { how }) => {
    engine.discard(DISCARDED[how]!);
    if (here.some(({ stream }) => stream.position + 1 < engine.first)) marks.reach("discarded before it was read");
  },
  restart,
  resize: ({ engine, settings }, { how }) => {
    engine.maxMessage = MESSAGE_HEADER +
      (how === 0 ? settings.maxMessage : Math.max([20, 50, 400][how - 1]!, settings.maxFrame >> 4));
  },
  away: (world, { who, how }) => {
    for (const mob of how < 3 ? [mobAt(world, who)] : world.here) {
      if (!mob || mob.stream.isAway) continue;
      if (mob.link.stats().inFlight.frames > 0) world.marks.reach("away");
      world.engine.leave(mob.stream, AWAY_FATES[how % 3]!);
    }
  },
  back: (world, { who, how }) => {
    for (const mob of how === 0 ? [mobAt(world, who)] : world.here) {
      if (mob?.stream.isAway) world.engine.comeBack(mob.stream);
    }
  },
  foreign,
  stop: (world, { who }) => mobAt(world, who)?.stop(),
  resume: ({ mobs }) => mobs.forEach((mob) => mob.resume()),
  crash: (world, { who, how }) => crash(world, mobAt(world, who), AWAY_FATES[how]!),
  close: (world, { who, how }) => {
    const mob = mobAt(world, who);
    if (mob && mob.link.stats().inFlight.frames > 0 && !mob.isClosing && !mob.isStopped) mob.closedInFlight = true;
    mob?.close([undefined, 1, 3000][how]);
  },
  start: (world) => world.start(),
  comeBack: (world, { who, how }) => {
    const mob = mobAt(world, who);
    const { resumable } = world;
    // One that is there may break, and come back at once.
    if (how > 4 || resumable.length === 0) {
      const present = world.here.flatMap(({ clients }) => clients.filter((each) => isBreakable(each)));
      if (present.length > 2 || how > 6) present[(who >> 2) % present.length]?.reset();
    }
    const all = world.resumable;
    if (mob && !mob.isClosing) mob.resumeAt(how === 0 ? undefined : all[(who >> 2) % all.length], how % 4 !== 3);
  },
  web: (world, { who, how }) => mobAt(world, who)?.connectWeb(how % 2 === 1, how > 1),
};

/** Whether it has joined, and can resume. */
function isBreakable(client: BusClient): boolean {
  return client.isPresent && client.isJoined && client.wire instanceof HelloWire;
}

function storeLate({ engine, marks, repeated }: BusWorld, who: number, how: number): void {
  if (engine.late.length === 0) return;
  const { size } = repeated;
  engine.storeLate(who % engine.late.length, how === 0);
  if (how === 0) marks.reach(repeated.size > size ? "message late behind its copy" : "message late");
}

function restart(world: BusWorld, { size, how }: Step<BusStepName>): void {
  const { engine, here, marks } = world;
  marks.reach(how === 0 || size >= engine.log.length ? "began empty" : "lost its end");
  engine.restart(how === 0 ? Infinity : size, how === 2, how === 3);
  if (how === 3) world.isCountUnsure = true;
  if (how === 3 && here.some(({ stream }) => stream.life === engine.life)) marks.reach("lost its end quietly");
}

/** Something that is not of a mob of this world comes into the stream. */
function foreign({ engine, settings, foreign: author }: BusWorld, { who, size, how }: Step<BusStepName>): void {
  const { framing, maxFrame } = settings;
  const noise = Uint8Array.from({ length: size + who }, (_, at) => (at * 31 + who * 7 + size) & 255);
  // Each is a mob of its own.
  const node = `f0${(author.said.length * 64 + who).toString(16).padStart(6, "0")}${
    (engine.end & 0xffff).toString(16).padStart(8, "0")
  }`;
  const piece = { node, number: 1 + who, start: 0, isLast: true };
  if (how === 0) return void engine.store(noise, undefined);
  if (how === 1) return void engine.store(messageOf({ ...piece, bytes: noise }, framing), undefined);
  const other = framing === "u64" ? "line" : "u64";
  if (how === 2) return void engine.store(messageOf({ ...piece, bytes: noise }, other), undefined);
  // Of a mob whose batch was refused, the one with its number still counts.
  if (how === 5) engine.store(messageOf({ ...piece, bytes: noise }, framing), undefined);
  // A batch of a mob that this world does not know; whole, or too large a frame in it.
  const payload = how === 3
    ? new Uint8Array(maxFrame + 1).fill(65)
    : author.say(Math.max(LEAST_PAYLOAD, Math.min(size, maxFrame)), false);
  const frame = encodeFrame(framing, payload);
  const batch = new Uint8Array(9 + frame.length);
  batch.set([["", "u64", "u32", "line"].indexOf(framing), 0, 0, 0, 1]);
  new DataView(batch.buffer).setUint32(5, frame.length);
  batch.set(frame, 9);
  engine.store(messageOf({ ...piece, bytes: batch }, framing), undefined);
}

/** The process of a mob ends: what it has appended is lost, stored or late. */
function crash(world: BusWorld, mob: BusMob | undefined, fate: (typeof AWAY_FATES)[number]): void {
  if (!mob || world.here.length < 2) return;
  if (mob.link.stats().inFlight.frames > 0) world.marks.reach("crashed");
  mob.crash();
  world.engine.leave(mob.stream, fate);
}

/** A mob that is there. */
function mobAt({ here }: BusWorld, who: number): BusMob | undefined {
  return here[who % Math.max(1, here.length)];
}

/** A client that is there. */
function clientAt({ here }: BusWorld, who: number): BusClient | undefined {
  const clients = here.flatMap((mob) => mob.clients.filter((client) => client.isPresent));
  return clients[who % Math.max(1, clients.length)];
}
