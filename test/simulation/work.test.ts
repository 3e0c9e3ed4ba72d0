/** Work is counted, not timed: what a tick does depends on what happened in it, not on how many are connected. */

import { test } from "node:test";
import { assertEquals, assertLessOrEqual } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { concat, frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";
import { listenToCore, type Probe } from "./probe.ts";

interface Work extends Probe {
  reads: number;
  writes: number;
}

/** The work of the core for an event that publishes nothing, among so many idle connections. */
async function workAmong(idle: number, event: (world: World, active: Member) => void): Promise<Partial<Work>> {
  const world = await World.open({ maxConnections: 20_000, idleTimeout: 60_000, slowConsumer: "block" });
  const sockets = Array.from({ length: idle }, () => world.join().socket);
  const active = world.join();
  world.run();
  const [joined, published, publishedPieces, leaving, rejected, turnedAway, control, sealed] = Array<() => void>(8)
    .fill(() => {});
  const probe = {
    joined,
    published,
    publishedPieces,
    leaving,
    rejected,
    turnedAway,
    control,
    sealed,
    lookups: 0,
    walks: 0,
  } as Probe;
  let reads = 0;
  for (const socket of [...sockets, active.socket]) {
    const { read } = socket;
    socket.read = () => (reads++, read.call(socket));
  }
  listenToCore(probe);
  for (let count = 0; count < 100; count++) {
    event(world, active);
    world.run();
  }
  listenToCore(undefined);
  const writes = [...sockets, active.socket].reduce((sum, { offers }) => sum + offers.length, 0);
  return { lookups: probe.lookups, walks: probe.walks, reads, writes };
}

const EVENTS: Readonly<Record<string, (world: World, active: Member) => void>> = {
  "part of a frame": (world, { socket, token }) => {
    socket.incoming.push(frameOf("x".repeat(1000)).subarray(0, 1));
    world.ready(token, READABLE);
  },
  "a ping": (world, { socket, token }) => {
    socket.incoming.push(frameOf(""));
    world.ready(token, READABLE);
  },
  "a spurious event": (world, { token }) => world.ready(token, READABLE | WRITABLE),
  "a tick without events": (world) => world.adapter.advance(10),
  "an incoming connection that leaves at once": (world) => {
    const { socket, token } = world.join();
    socket.incoming.push(null);
    world.ready(token, READABLE);
  },
};

for (const [name, event] of Object.entries(EVENTS)) {
  test(`the work of ${name} is the same among 10, 1,000 and 10,000 idle connections`, { timeout: 60_000 }, async () => {
    const few = await workAmong(10, event);
    assertEquals(few.walks, 0);
    assertEquals(await workAmong(1000, event), few);
    assertEquals(await workAmong(10_000, event), few);
  });
}

test("the new frames of a tick are one write for each connection, however many they are", async () => {
  const world = await World.open();
  const speakers = Array.from({ length: 10 }, () => world.join());
  const listeners = Array.from({ length: 100 }, () => world.join());
  for (const { socket, token } of speakers) {
    for (let count = 0; count < 50; count++) socket.incoming.push(frameOf(`${count}`));
    world.ready(token, READABLE);
  }
  world.run();
  for (const { socket } of [...speakers, ...listeners]) {
    assertEquals([socket.offers.length, socket.texts.length], [1, 500]);
  }
});

test("ticks of one size are one write each, also where a segment of the log ends: 512 KiB hold five of them", async () => {
  const world = await World.open();
  const speaker = world.join();
  const listener = world.join();
  speaker.socket.keeps = listener.socket.keeps = false;
  const ticks = 200;
  for (let tick = 0; tick < ticks; tick++) {
    for (let count = 0; count < 1000; count++) speaker.socket.incoming.push(frameOf("x".repeat(92)));
    world.ready(speaker.token, READABLE);
    world.run();
  }
  assertEquals(listener.socket.offers.length, ticks);
});

/** How many bytes are copied, for each that is published, when one sends so and 50 receive it. */
async function copiedPerByte(chunks: readonly Uint8Array[]): Promise<number> {
  const world = await World.open({ maxFrame: 2 ** 21 });
  const speaker = world.join();
  for (let count = 0; count < 50; count++) world.join().socket.keeps = false;
  speaker.socket.keeps = false;
  speaker.socket.incoming.push(...chunks);
  let copied = 0;
  const { set } = Uint8Array.prototype;
  Uint8Array.prototype.set = function (from, at): void {
    copied += from.length;
    set.call(this, from, at);
  };
  try {
    for (let tick = 0; tick < 20; tick++) {
      world.ready(speaker.token, READABLE);
      world.run();
    }
  } finally {
    Uint8Array.prototype.set = set;
  }
  return copied / world.mob.stats().published.bytes;
}

test("a published byte is copied once, into the log, however many receive it", async () => {
  const chunks = Array.from({ length: 8 }, () => concat(...Array.from({ length: 400 }, () => frameOf("x".repeat(92)))));
  // But for the few frames that the end of a budget cuts.
  assertLessOrEqual(await copiedPerByte(chunks), 1.001);
});

test("a byte of a large frame is copied once, too, when it comes in large parts, and twice in small ones", async () => {
  const frame = frameOf("x".repeat(2 ** 20));
  const cut = (size: number): Uint8Array[] =>
    Array.from(
      { length: Math.ceil(frame.length / size) },
      (_, index) => frame.slice(index * size, (index + 1) * size),
    );
  assertLessOrEqual(await copiedPerByte(cut(65_536)), 1.001);
  assertLessOrEqual(await copiedPerByte(cut(700)), 2.1);
});
