/** Work is counted, not timed: what a turn does depends on what happened in it, not on how many are connected. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/adapter.ts";
import { frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/world.ts";
import { listenToCore, type Tap } from "./tap.ts";

interface Work extends Tap {
  reads: number;
  writes: number;
}

/** What the core does when an event comes that publishes nothing, among so many who are idle. */
async function workAmong(idle: number, event: (world: World, active: Member) => void): Promise<Partial<Work>> {
  const world = await World.open({ maxConnections: 20_000, idleTimeout: 60_000, slowConsumer: "block" });
  const sockets = Array.from({ length: idle }, () => world.join().socket);
  const active = world.join();
  world.run();
  const tap: Tap = { published: () => {}, lookups: 0, walks: 0 };
  let reads = 0;
  for (const socket of [...sockets, active.socket]) {
    const { read } = socket;
    socket.read = () => (reads++, read.call(socket));
  }
  listenToCore(tap);
  for (let count = 0; count < 100; count++) {
    event(world, active);
    world.run();
  }
  listenToCore(undefined);
  const writes = [...sockets, active.socket].reduce((sum, { offers }) => sum + offers.length, 0);
  return { lookups: tap.lookups, walks: tap.walks, reads, writes };
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
  "a turn without events": (world) => world.adapter.advance(10),
  "a newcomer who leaves at once": (world) => {
    const { socket, token } = world.join();
    socket.incoming.push(null);
    world.ready(token, READABLE);
  },
};

for (const [name, event] of Object.entries(EVENTS)) {
  test(`the work of ${name} is the same among 10, 1,000 and 10,000 who are idle`, { timeout: 60_000 }, async () => {
    const few = await workAmong(10, event);
    assertEquals(few.walks, 0);
    assertEquals(await workAmong(1000, event), few);
    assertEquals(await workAmong(10_000, event), few);
  });
}

test("a turn's news are one write for each, however many frames they are", async () => {
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
