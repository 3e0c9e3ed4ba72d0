/** What the application does with a mob: it publishes, disconnects, authorizes and reads messages. */

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import type { ConnectionInfo } from "../../src/server/hooks.ts";
import type { MobStats } from "../../src/status/stats.ts";
import { concat, frameOf } from "../helpers/bytes.ts";
import { World } from "../helpers/scripted_server.ts";

/** Lets promises go on, then runs what follows. */
async function settle(world: World): Promise<void> {
  for (let index = 0; index < 5; index++) await Promise.resolve();
  world.run();
}

// --- publish ---

test("publish() reaches every connection, in one order with what they send", async () => {
  const world = await World.open();
  const [one, two] = [world.join(), world.join()];
  world.say(one, "a");
  assertEquals(world.mob.publish("b"), true);
  assertEquals(world.mob.publish(new Uint8Array([99]).buffer), true);
  world.run();
  world.say(two, "d");
  for (const { socket } of [one, two]) assertEquals(socket.texts, ["a", "b", "c", "d"]);
  const { published, received, delivered } = world.mob.stats();
  assertEquals([published.frames, received.frames, delivered.frames], [4, 2, 8]);
});

test("publish() needs no connection, and keeps nothing when there is none", async () => {
  const world = await World.open();
  for (let index = 0; index < 1000; index++) world.mob.publish("x".repeat(1000));
  world.run();
  const late = world.join();
  world.run();
  assertEquals(late.socket.texts, []);
  assertEquals([world.mob.stats().published.frames, world.mob.stats().logBytes], [1000, 0]);
});

test("publish() reaches the feeds of other framings when the mob's own has no connection", async () => {
  const world = await World.open();
  const lines = await world.listen("tcp://127.0.0.2:0?framing=line");
  const member = lines();
  world.mob.publish("one");
  world.mob.publish("not\none line");
  world.mob.publish("two");
  world.run();
  assertEquals(member.socket.textsIn("line"), ["one", "two"]);
  const [stats] = world.mob.connections();
  assertEquals([stats!.delivered.frames, stats!.skipped.frames], [2, 1]);
});

test("publish() under echo: others reaches every connection", async () => {
  const world = await World.open({ echo: "others" });
  const member = world.join();
  world.say(member, "own");
  world.mob.publish("all");
  world.run();
  assertEquals(member.socket.texts, ["all"]);
});

test("publish() of far more than maxLag at once costs no connection that keeps up", async () => {
  const world = await World.open({ maxLag: 64 * 1024 });
  const member = world.join();
  const flags = Array.from({ length: 1000 }, (_, index) => world.mob.publish(`${index} ${"x".repeat(1000)}`));
  assert(flags[0] && !flags.at(-1));
  assert(world.mob.stats().bufferedAmount > 900_000);
  world.run();
  assertEquals(world.mob.stats().bufferedAmount, 0);
  assertEquals(world.reasons, []);
  assertEquals(member.socket.texts.map((text) => Number(text.split(" ")[0])), flags.map((_, index) => index));
});

test("publish() under block waits with the others until the slow connection has caught up", async () => {
  const world = await World.open({ maxLag: 1000, slowConsumer: "block" });
  const [slow, other] = [world.join(), world.join()];
  slow.socket.room = 0;
  const flags = Array.from({ length: 20 }, (_, index) => world.mob.publish(`${index} ${"x".repeat(200)}`));
  world.run();
  assertEquals(flags.at(-1), false);
  const waiting = world.mob.stats().bufferedAmount;
  assert(waiting > 2000, `${waiting}`);
  for (let tick = 0; tick < 20; tick++) world.say(other, "");
  assertEquals(world.mob.stats().bufferedAmount, waiting);
  assert(world.mob.connections()[0]!.lag.bytes < 2000);
  world.makeRoom(slow.socket, slow.token, Infinity);
  // In this tick the hold ends; what waits is published in the next, and before anything else.
  world.adapter.run(1);
  assertEquals(world.mob.publish("last"), false);
  world.run();
  assertEquals(world.mob.stats().bufferedAmount, 0);
  for (const { socket } of [slow, other]) assertEquals([socket.texts.length, socket.texts.at(-1)], [21, "last"]);
});

test("close() delivers what publish() has taken, and then publish() throws", async () => {
  const world = await World.open({ maxLag: 64 * 1024 });
  const member = world.join();
  for (let index = 0; index < 500; index++) world.mob.publish("x".repeat(1000));
  void world.mob.close();
  assertThrows(() => world.mob.publish("late"), Error, "Cannot publish: the mob is closed");
  world.run();
  assertEquals(member.socket.texts.length, 500);
});

test("publish() checks its payload before anything changes", async () => {
  const world = await World.open({ maxFrame: 10 });
  const member = world.join();
  for (const wrong of [undefined, null, 42, {}, [1, 2], Promise.resolve("x"), new Date()]) {
    assertThrows(() => world.mob.publish(wrong as never), TypeError, "Cannot publish: a payload is");
  }
  assertThrows(() => world.mob.publish("x".repeat(11)), RangeError, "maxFrame is 10");
  assertEquals(world.mob.publish(""), true);
  world.run();
  assertEquals([member.socket.texts, world.mob.stats().published.frames], [[], 0]);
  const lines = await World.open({ framing: "line" });
  assertThrows(() => lines.mob.publish("a\nb"), TypeError, "Cannot publish:");
});

// --- disconnect ---

test("disconnect() ends one connection, and onLeave gets the text", async () => {
  const world = await World.open();
  const [one, two] = [world.join(), world.join()];
  assertEquals(world.mob.disconnect(one.token, "too loud"), true);
  world.run();
  assertEquals(world.departures.map(({ token, reason, detail }) => [token, reason, detail]), [
    [one.token, "disconnected", "too loud"],
  ]);
  assertEquals([one.socket.closes, two.socket.closes, world.mob.stats().closed.disconnected], [1, 0, 1]);
  assertEquals(world.mob.disconnect(one.token), false);
});

test("disconnect() of an earlier occupant's token leaves the next one of its slot alone", async () => {
  const world = await World.open({ maxConnections: 1 });
  const first = world.join();
  world.mob.disconnect(first.token);
  const second = world.join();
  assertEquals(world.mob.disconnect(first.token), false);
  world.run();
  assertEquals(second.socket.closes, 0);
});

test("disconnect() refuses what is no token and no text", async () => {
  const world = await World.open();
  const { token } = world.join();
  assertThrows(() => world.mob.disconnect("1v0" as never), TypeError, "Cannot use token");
  assertThrows(() => world.mob.disconnect(token, 7 as never), TypeError, "Cannot use detail 7");
  assertThrows(() => world.mob.disconnect(token, "x".repeat(201)), RangeError, "Cannot use detail");
  assertEquals(world.mob.stats().connections, 1);
});

// --- onMessage ---

test("onMessage sees each message once and withholds those that it returns false for", async () => {
  const seen: [string, ConnectionInfo][] = [];
  const world = await World.open({
    onMessage: (message, from) => {
      const text = new TextDecoder().decode(message);
      seen.push([text, from]);
      message.fill(0);
      return text !== "bad";
    },
  });
  const [one, two] = [world.join(), world.join()];
  world.say(one, "good", "", "bad", "fine");
  // The same, a byte at a time.
  for (const byte of concat(frameOf("bad"), frameOf("slow"))) {
    two.socket.incoming.push(new Uint8Array([byte]));
    world.ready(two.token, READABLE);
    world.run();
  }
  world.mob.publish("own");
  world.run();
  assertEquals(seen.map(([text]) => text), ["good", "bad", "fine", "bad", "slow"]);
  assertEquals(seen.map(([, from]) => from.token === one.token), [true, true, true, false, false]);
  for (const { socket } of [one, two]) assertEquals(socket.texts, ["good", "fine", "slow", "own"]);
  const { withheld, published, hookFailures } = world.mob.stats();
  assertEquals([withheld, published.frames, hookFailures], [{ frames: 2, bytes: 22 }, 4, 0]);
});

test("onMessage that fails, or returns a promise, withholds the message and is counted", async () => {
  const answers: (() => unknown)[] = [
    () => {
      throw new Error("planned");
    },
    () => Promise.reject(new Error("planned")),
    () => Promise.resolve(true),
    () => undefined,
  ];
  const world = await World.open({ onMessage: () => answers.shift()!() as boolean });
  const member = world.join();
  world.say(member, "1", "2", "3", "4");
  await settle(world);
  assertEquals(member.socket.texts, ["4"]);
  assertEquals([world.mob.stats().hookFailures, world.mob.stats().withheld.frames], [3, 3]);
});

test("onMessage may publish, disconnect, join and close: each message comes before the next", async () => {
  const world: World = await World.open({
    onMessage: (message, from) => {
      const text = new TextDecoder().decode(message);
      if (text === "replace") return !world.mob.publish("replaced");
      if (text === "kick") return world.mob.disconnect(from.token, "asked for it");
      if (text === "stats") return world.mob.connections().length === 2;
      return true;
    },
  });
  const [one, two] = [world.join(), world.join()];
  world.say(one, "a", "replace", "b", "stats");
  assertEquals(two.socket.texts, ["a", "replaced", "b", "stats"]);
  // Neither the message at which it goes nor those behind it are published.
  world.say(one, "c", "kick", "d");
  assertEquals(two.socket.texts.slice(4), ["c"]);
  assertEquals(world.departures.map(({ detail }) => detail), ["asked for it"]);
  assertEquals(world.mob.stats().withheld.frames, 3);
});

test("onMessage may close the mob at once: nothing is handled for a connection that is gone", async () => {
  const world: World = await World.open({
    onMessage: () => void world.mob.close({ drain: 0 }),
  });
  const [one, two] = [world.join(), world.join()];
  one.socket.incoming.push(concat(frameOf("1"), frameOf("2")));
  two.socket.incoming.push(frameOf("3"));
  world.ready(one.token, READABLE);
  world.ready(two.token, READABLE);
  world.run();
  assertEquals([one.socket.closes, two.socket.closes, world.reasons], [1, 1, ["shutdown", "shutdown"]]);
  await world.mob.closed;
});

// --- authorize ---

/** A world whose `authorize` answers as told, and what it was asked. */
async function deciding(answer: (info: ConnectionInfo) => unknown, options = {}): Promise<[World, ConnectionInfo[]]> {
  const asked: ConnectionInfo[] = [];
  const authorize = (info: ConnectionInfo): boolean => {
    asked.push(info);
    return answer(info) as boolean;
  };
  return [await World.open({ authorize, ...options }), asked];
}

/** What became of connections. */
function fates({ connections, unauthenticated, closed, hookFailures }: MobStats): number[] {
  return [connections, unauthenticated, closed.unauthorized, hookFailures];
}

test("authorize lets a connection join for true and a promise of it, and for nothing else", async () => {
  const failing = (): never => {
    throw new Error("planned");
  };
  for (
    const [answer, expected] of [
      [() => true, [1, 0, 0, 0]],
      [() => Promise.resolve(true), [1, 0, 0, 0]],
      [() => false, [0, 0, 1, 0]],
      [() => Promise.resolve(false), [0, 0, 1, 0]],
      [() => undefined, [0, 0, 1, 1]],
      [() => 1, [0, 0, 1, 1]],
      [() => "yes", [0, 0, 1, 1]],
      [failing, [0, 0, 1, 1]],
      [() => Promise.reject(new Error("planned")), [0, 0, 1, 1]],
    ] as const
  ) {
    const [world, asked] = await deciding(answer);
    const { socket, token } = world.come("10.1.2.3:4");
    assertEquals(asked, []);
    socket.incoming.push(frameOf("early"));
    world.ready(token!, READABLE);
    world.run();
    await settle(world);
    assertEquals(fates(world.mob.stats()), [...expected], String(answer));
    assertEquals(asked, [
      {
        token: token!,
        remoteAddress: "10.1.2.3:4",
        listener: world.mob.urls[0],
        subject: undefined,
        origin: undefined,
      },
    ]);
    assertEquals(socket.texts, expected[0] === 1 ? ["early"] : []);
    assertEquals(world.departures, []);
  }
});

test("authorize comes after the secret, and nothing is read while it decides", async () => {
  let decide: (allowed: boolean) => void = () => {};
  const [world, asked] = await deciding(() => new Promise<boolean>((resolve) => decide = resolve), { secret: "s" });
  const { socket, token } = world.join();
  world.run();
  assertEquals(asked.length, 0);
  socket.incoming.push(concat(frameOf("s"), frameOf("1")), frameOf("2"));
  world.ready(token, READABLE);
  world.run();
  assertEquals([asked.length, socket.incoming.length], [1, 1]);
  world.ready(token, READABLE);
  world.run();
  assertEquals([socket.incoming.length, world.mob.stats().connections], [1, 0]);
  assertEquals(world.mob.stats().receiveBytes > 0, true);
  decide(true);
  await settle(world);
  assertEquals([world.mob.stats().connections, socket.texts, asked.length], [1, ["1", "2"], 1]);
});

test("authorize is not asked when the secret is wrong, nor about mob.join()", async () => {
  const [world, asked] = await deciding(() => true, { secret: "s" });
  world.say(world.join(), "x");
  world.mob.join();
  world.run();
  assertEquals([asked.length, ...fates(world.mob.stats())], [0, 1, 0, 1, 0]);
});

test("authorize that never answers is bounded by the handshake's time, and a late answer changes nothing", async () => {
  let decide: (allowed: boolean) => void = () => {};
  const [world] = await deciding(() => new Promise<boolean>((resolve) => decide = resolve), { frameTimeout: 1000 });
  const { socket } = world.join();
  world.run();
  world.adapter.advance(999);
  assertEquals(fates(world.mob.stats()), [0, 1, 0, 0]);
  world.adapter.advance(2);
  world.run();
  assertEquals([...fates(world.mob.stats()), socket.closes], [0, 0, 1, 0, 1]);
  decide(true);
  await settle(world);
  assertEquals(fates(world.mob.stats()), [0, 0, 1, 0]);
});

test("a connection that goes while authorize decides is gone, and so is one of a mob that closes", async () => {
  const [world] = await deciding(() => new Promise<boolean>(() => {}));
  const [one, two] = [world.join(), world.join()];
  world.run();
  world.ready(one.token, READABLE | HUP);
  world.run();
  assertEquals([one.socket.closes, two.socket.closes], [1, 0]);
  void world.mob.close();
  world.run();
  assertEquals([two.socket.closes, world.mob.stats().unauthenticated], [1, 0]);
  await world.mob.closed;
});

test("what a hook publishes before it closes the mob is in its feeds before that has closed", async () => {
  const world = await World.open({
    maxLag: 400,
    maxFrame: 100,
    history: 100,
    onLeave: () => {
      for (let count = 0; count < 5; count++) world.mob.publish("x".repeat(90));
      void world.mob.close();
    },
  });
  world.ready(world.join().token, HUP);
  world.run();
  await world.mob.closed;
  const { published, feeds } = world.mob.stats();
  assertEquals([published.frames, feeds[0]!.published.frames], [5, 5]);
});
