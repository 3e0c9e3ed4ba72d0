/** What the simulation has found: each bug by the name of what went wrong. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { ERROR, READABLE } from "../../src/contract/adapter.ts";
import { concat, frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";

/** A member sends some bytes, and the tick runs. */
function send(world: World, { socket, token }: Member, bytes: Uint8Array | null): void {
  socket.incoming.push(bytes);
  world.ready(token, READABLE);
  world.run();
}

test("a frame's time does not run while its sender's rate holds it back", async () => {
  const world = await World.open({ frameTimeout: 1000, maxByteRate: 100 });
  const sender = world.join();
  const frame = frameOf("x".repeat(900));
  // The first part overdraws the rate for eight seconds; the rest is here all the time.
  send(world, sender, frame.subarray(0, 900));
  send(world, sender, frame.subarray(900));
  world.adapter.advance(7000);
  assertEquals([world.reasons, world.mob.stats().published.frames], [[], 0]);
  world.adapter.advance(3000);
  assertEquals([world.reasons, world.mob.stats().published.frames], [[], 1]);
});

test("a frame's time does not run while it waits for the next tick's budget", async () => {
  const world = await World.open({ frameTimeout: 40, maxLag: 100, maxFrame: 92 });
  const sender = world.join();
  // A quarter of maxLag is read in a tick, and the process stands still after the first.
  sender.socket.incoming.push(frameOf("x".repeat(92)));
  world.ready(sender.token, READABLE);
  world.adapter.run(1);
  world.adapter.advance(50);
  world.run();
  assertEquals([world.reasons, world.mob.stats().published.frames], [[], 1]);
});

test("a connection that leaves is not idle: its reason is the end", async () => {
  const world = await World.open({ idleTimeout: 500, drainTimeout: 5000 });
  const leaving = world.join();
  send(world, leaving, concat(frameOf("bye")));
  send(world, leaving, null);
  // It has ended its stream and gets the end; what it still sends is read and dropped.
  send(world, leaving, frameOf("too late"));
  world.adapter.advance(600);
  assertEquals(world.reasons, []);
  world.adapter.advance(500);
  assertEquals(world.reasons, ["end"]);
});

test("a closing mob removes no connection for the lag of its last tick", async () => {
  const world = await World.open({ maxLag: 1000 });
  const speakers = Array.from({ length: 5 }, () => world.join());
  const listener = world.join();
  listener.socket.room = 10;
  // More than maxLag is here when the mob is closed, and all of it is published.
  for (const { socket } of speakers) socket.incoming.push(frameOf("x".repeat(500)));
  void world.mob.close();
  world.run();
  assertEquals([world.reasons, world.mob.stats().published.frames], [[], 5]);
  world.makeRoom(listener.socket, listener.token, Infinity);
  world.run();
  assertEquals(listener.socket.texts.length, 5);
});

test("the log holds nothing when all connections have left, and no large frame that all of them have", async () => {
  const world = await World.open({ maxLag: 2 ** 22, maxFrame: 2 ** 20 });
  const [speaker, listener] = [world.join(), world.join()];
  world.say(speaker, "x".repeat(600_000));
  assertEquals(world.mob.stats().logBytes, 0);
  world.say(speaker, "small");
  for (const member of [speaker, listener]) send(world, member, null);
  world.adapter.advance(2000);
  assertEquals([world.mob.stats().connections, world.mob.stats().logBytes], [0, 0]);
});

test("sockets that throw in one tick are reported in the order in which they were written to", async () => {
  const world = await World.open();
  const speaker = world.join();
  const broken = [world.join(), world.join(), world.join()];
  for (const { socket } of broken) {
    socket.write = () => {
      throw new Error("no socket may throw");
    };
  }
  world.say(speaker, "hello");
  // The last in the list takes the place of one that leaves it, so that is the order of writing.
  const order = [0, 2, 1].map((index) => broken[index]!.token);
  assertEquals(world.departures.map(({ token, reason }) => [token, reason]), order.map((token) => [token, "internal"]));
});

test("a connection that breaks right behind its secret does not stay while authorize decides", async () => {
  const world = await World.open({ secret: "s", authorize: () => new Promise<boolean>(() => {}) });
  const { socket, token } = world.join();
  // The secret and the final event come in one batch, after which there are no more events.
  socket.incoming.push(frameOf("s"));
  world.ready(token, READABLE | ERROR);
  world.run();
  const { unauthenticated, closed } = world.mob.stats();
  assertEquals([socket.closes, unauthenticated, closed.unauthorized], [1, 0, 1]);
});

test("the end of a client whose frames were withheld has no guess at what it speaks", async () => {
  const details: (string | undefined)[] = [];
  const world = await World.open({ onMessage: () => false, onLeave: ({ detail }) => void details.push(detail) });
  const sender = world.join();
  send(world, sender, concat(frameOf("x"), new TextEncoder().encode("GET / HTTP/1.1")));
  world.run();
  assertEquals([details, world.mob.stats().withheld.frames], [[undefined], 1]);
});
