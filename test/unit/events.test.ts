/** What `mob.events` yields, what it drops, and when it ends; and the lines of slow connections in the log. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HUP } from "../../src/contract/adapter.ts";
import { Mob } from "../../src/server/mob.ts";
import { EventStream } from "../../src/status/event_stream.ts";
import type { MobEvent } from "../../src/status/events.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { World } from "../helpers/scripted_server.ts";

type Events = AsyncIterator<MobEvent, undefined>;

function iterate(mob: Mob): Events {
  return mob.events[Symbol.asyncIterator]() as Events;
}

/** A loop over the events of a mob. */
class Watcher {
  readonly events: Events;
  #came: MobEvent[] = [];

  constructor(mob: Mob) {
    this.events = iterate(mob);
    void this.#watch();
  }

  /** What has come since it was asked last. */
  async taken(): Promise<MobEvent[]> {
    // The loop gets one event in each of a few microtasks.
    await new Promise((resolve) => setTimeout(resolve));
    const came = this.#came;
    this.#came = [];
    return came;
  }

  async #watch(): Promise<void> {
    for await (const event of { [Symbol.asyncIterator]: () => this.events }) this.#came.push(event);
  }
}

function brief(events: readonly MobEvent[]): string[] {
  return events.map((event) => "remoteAddress" in event ? `${event.type} ${event.remoteAddress}` : event.type);
}

test("events tell of each connection that joins and leaves, with the reason, its detail and its lag", async () => {
  const world = await World.open();
  world.adapter.advance(10);
  const watcher = new Watcher(world.mob);
  const [speaker, slow] = [world.join(), world.join()];
  slow.socket.room = 5;
  world.say(speaker, "hello");
  world.adapter.advance(5);
  world.mob.disconnect(slow.token, "too slow");
  world.ready(speaker.token, HUP);
  world.run();
  const [url] = world.mob.urls;
  const [one, two] = [speaker, slow].map(({ token, socket: { remoteAddress } }) => ({ token, remoteAddress }));
  const due: readonly MobEvent[] = [
    { type: "joined", at: 10, ...one!, listener: url },
    { type: "joined", at: 10, ...two!, listener: url },
    { type: "left", at: 15, ...two!, reason: "disconnected", detail: "too slow", lag: 8 },
    { type: "left", at: 15, ...one!, reason: "end", detail: undefined, lag: 0 },
  ];
  assertEquals(await watcher.taken(), due);
});

test("events tell of those that never joined: by a limit, a wrong secret, a failed TLS handshake", async () => {
  const world = await World.open({ maxConnections: 1, secret: "open" });
  const watcher = new Watcher(world.mob);
  const wrong = world.join("10.0.0.1:1");
  world.come("10.0.0.1:2");
  world.say(wrong, "close");
  world.registry.handshakeStarted!("10.0.0.1:3");
  const code = "x".repeat(1000);
  world.registry.handshakeFailed!("10.0.0.1:3", Object.assign(new Error("no"), { code }));
  const due: readonly MobEvent[] = [
    { type: "refused", at: 0, remoteAddress: "10.0.0.1:2", reason: "refused", why: "maxConnections 1" },
    {
      type: "refused",
      at: 0,
      remoteAddress: "10.0.0.1:1",
      reason: "unauthorized",
      why: "its first frame is not the secret",
    },
    { type: "refused", at: 0, remoteAddress: "10.0.0.1:3", reason: "handshake-failed", why: code.slice(0, 200) },
  ];
  assertEquals(await watcher.taken(), due);
  const { closed } = world.mob.stats();
  assertEquals([closed.refused, closed.unauthorized, closed["handshake-failed"]], [1, 1, 1]);
});

test("events tell of each failed accept and each failed hook", async () => {
  const world = await World.open({
    onJoin: () => {
      throw new RangeError("no room");
    },
    onMessage: () => {
      throw { secret: 1 };
    },
  });
  const watcher = new Watcher(world.mob);
  const gone = Object.assign(new Error("aborted"), { code: "ECONNABORTED" });
  void world.registry.acceptFailed(gone);
  void world.registry.acceptFailed(new Error("no descriptors"));
  world.say(world.join(), "hello");
  const due = [
    { type: "accept-failed", at: 0, error: "ECONNABORTED" },
    { type: "accept-failed", at: 0, error: "no descriptors" },
    "joined",
    { type: "hook-failed", at: 0, hook: "onMessage", error: "[object Object]" },
    { type: "hook-failed", at: 0, hook: "onJoin", error: "RangeError: no room" },
  ];
  const came = (await watcher.taken()).map((event) => event.type === "joined" ? event.type : event);
  assertEquals(came as unknown[], due);
  assertEquals([world.mob.stats().acceptFailures, world.mob.stats().hookFailures], [2, 2]);
});

test("a connection that passes half of maxLag is slow once, until it was well under it", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open({ maxLag: 1000 });
    const watcher = new Watcher(world.mob);
    const [speaker, slow, other] = [world.join(), world.join(), world.join()];
    const slowOnes = async (): Promise<unknown[]> =>
      (await watcher.taken()).flatMap((event) => event.type === "slow" ? [[event.remoteAddress, event.lag]] : []);
    slow.socket.room = 0;
    const say = (): void => world.say(speaker, "x".repeat(92));
    for (let count = 0; count < 5; count++) say();
    assertEquals(await slowOnes(), []);
    say();
    assertEquals(await slowOnes(), [[slow.socket.remoteAddress, 600]]);
    say();
    assertEquals(await slowOnes(), []);
    // Under the half, over a quarter: it stays slow, and is told of once.
    world.makeRoom(slow.socket, slow.token, 300);
    world.run();
    say();
    say();
    assertEquals(await slowOnes(), []);
    // Another one is told of for itself.
    other.socket.room = 0;
    world.makeRoom(slow.socket, slow.token, 400);
    world.run();
    for (let count = 0; count < 6; count++) say();
    assertEquals(await slowOnes(), [[slow.socket.remoteAddress, 600], [other.socket.remoteAddress, 600]]);
    // What it has received to its end is over, too.
    world.makeRoom(slow.socket, slow.token, Infinity);
    world.run();
    slow.socket.room = 0;
    for (let count = 0; count < 6; count++) {
      say();
      world.makeRoom(other.socket, other.token, 100);
      world.run();
    }
    assertEquals(await slowOnes(), [[slow.socket.remoteAddress, 600]]);
    // Even when it is far behind at once.
    world.makeRoom(slow.socket, slow.token, Infinity);
    world.run();
    slow.socket.room = 0;
    world.say(speaker, "x".repeat(392));
    assertEquals(await slowOnes(), []);
    say();
    say();
    assertEquals(await slowOnes(), [[slow.socket.remoteAddress, 600]]);
  });
  const slow = lines.filter((line) => lineOf(line).startsWith("Slow"));
  assertEquals(slow.map(({ level }) => level), ["info", "info", "info", "info", "info"]);
  assertEquals(slow[0]!.properties, { remoteAddress: "10.0.0.1:2", token: "1v1", lag: 600 });
});

test("a leaving connection is not slow, and one that is skipped at once is", async () => {
  const world = await World.open({ maxLag: 1000, slowConsumer: "skip" });
  const watcher = new Watcher(world.mob);
  const [speaker, leaving, skipped] = [world.join(), world.join(), world.join()];
  leaving.socket.room = 0;
  world.say(speaker, "x".repeat(192));
  leaving.socket.incoming.push(null);
  world.ready(leaving.token, 1);
  world.run();
  for (let count = 0; count < 4; count++) world.say(speaker, "x".repeat(192));
  skipped.socket.room = 0;
  world.say(speaker, "x".repeat(492));
  world.say(speaker, "x".repeat(992));
  const told = (await watcher.taken()).flatMap((event) =>
    event.type === "slow" ? [[event.remoteAddress, event.lag]] : []
  );
  // Its last frame made it skip: that is when it was told of, with what it had not received.
  assertEquals(told, [[skipped.socket.remoteAddress, 1500]]);
});

test("block: who holds all others is told once for each hold, and again when that one is gone and another holds", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open({ maxLag: 1000, slowConsumer: "block", stallTimeout: 60_000 });
    const watcher = new Watcher(world.mob);
    const holders = async (): Promise<unknown[]> =>
      (await watcher.taken()).flatMap((event) => event.type === "held-back" ? [[event.remoteAddress, event.lag]] : []);
    const [speaker, first, second] = [world.join(), world.join(), world.join()];
    [first.socket.room, second.socket.room] = [0, 100];
    for (let count = 0; count < 11; count++) world.say(speaker, "x".repeat(92));
    assertEquals(await holders(), [[first.socket.remoteAddress, 1100]]);
    for (let count = 0; count < 5; count++) {
      world.ready(speaker.token, 1);
      world.run();
    }
    world.makeRoom(first.socket, first.token, 200);
    world.run();
    assertEquals(await holders(), [], "the same hold");
    world.mob.disconnect(first.token);
    world.run();
    assertEquals(await holders(), [[second.socket.remoteAddress, 1000]]);
    world.makeRoom(second.socket, second.token, Infinity);
    world.run();
    assertEquals(await holders(), []);
    second.socket.room = 0;
    for (let count = 0; count < 11; count++) world.say(speaker, "x".repeat(92));
    assertEquals(await holders(), [[second.socket.remoteAddress, 1100]]);
  });
  const held = lines.filter((line) => lineOf(line).startsWith("Held"));
  assertEquals(held.map(lineOf), [
    "Held back by 10.0.0.1:2, lag 1100 bytes",
    "Held back by 10.0.0.1:3, lag 1000 bytes",
    "Held back by 10.0.0.1:3, lag 1100 bytes",
  ]);
  assertEquals(held[0]!.level, "warning");
  assertEquals(held[0]!.properties, { remoteAddress: "10.0.0.1:2", token: "1v1", lag: 1100 });
});

test("lines of slow connections are limited, and events are not", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open({ maxLag: 1000 });
    const watcher = new Watcher(world.mob);
    const [speaker, ...slow] = Array.from({ length: 101 }, () => world.join());
    for (const { socket } of slow) socket.room = 0;
    for (let count = 0; count < 6; count++) world.say(speaker!, "x".repeat(92));
    assertEquals((await watcher.taken()).filter(({ type }) => type === "slow").length, 100);
  });
  assertEquals(lines.filter((line) => lineOf(line).startsWith("Slow")).length, 10);
});

test("each loop gets what happens from its start on, and costs nothing when it has ended", async () => {
  const world = await World.open();
  world.join();
  const [one, two] = [new Watcher(world.mob), new Watcher(world.mob)];
  world.join();
  assertEquals(brief(await one.taken()), ["joined 10.0.0.1:2"]);
  await one.events.return!();
  world.join();
  assertEquals([await one.taken(), brief(await two.taken())], [[], ["joined 10.0.0.1:2", "joined 10.0.0.1:3"]]);
  assertEquals(await one.events.next(), { done: true, value: undefined });
  const stream = new EventStream(() => 0);
  assert(!stream.watched);
  const [first, second] = [stream.subscribe(), stream.subscribe()];
  await first.return!();
  assert(stream.watched);
  await second.return!();
  assert(!stream.watched);
});

test("nothing is made of an event while no loop iterates", async () => {
  const world = await World.open();
  const looked = async (watched: boolean): Promise<number> => {
    const events = watched ? iterate(world.mob) : undefined;
    const { socket, token } = world.join();
    let count = 0;
    const { remoteAddress } = socket;
    Object.defineProperty(socket, "remoteAddress", { get: () => (count++, remoteAddress) });
    world.ready(token, HUP);
    world.run();
    if (events) await events.return!();
    return count;
  };
  const [without, having] = [await looked(false), await looked(true)];
  assertEquals(having, without + 1);
});

test("return() ends a next() that waits, and several calls of next() get one event each", async () => {
  const stream = new EventStream(() => 0);
  const events = stream.subscribe();
  const waiting = [events.next(), events.next(), events.next()];
  for (const hook of ["one", "two"]) stream.emit({ type: "hook-failed", at: 0, hook, error: "" });
  await events.return!();
  const results = (await Promise.all(waiting)).map(({ value }) => (value as { hook?: string } | undefined)?.hook);
  assertEquals(results, ["one", "two", undefined]);
});

test("a loop that is too slow misses the oldest events, and is told how many", async () => {
  let now = 0;
  const stream = new EventStream(() => now);
  const events = stream.subscribe();
  const emit = (from: number, to: number): void => {
    for (let at = from; at < to; at++) stream.emit({ type: "accept-failed", at, error: "" });
  };
  const take = async (count: number): Promise<MobEvent[]> => {
    const list: MobEvent[] = [];
    while (list.length < count) list.push((await events.next()).value);
    return list;
  };
  emit(0, 1024);
  assertEquals((await take(1))[0]!.at, 0);
  emit(1024, 1030);
  now = 5000;
  const all = await take(1025);
  assertEquals([all[0], all[1]!.at, all.at(-1)!.at], [{ type: "dropped", at: 5000, count: 5 }, 6, 1029]);
  emit(0, 3000);
  assertEquals((await take(1025))[0], { type: "dropped", at: 5000, count: 3000 - 1024 });
  emit(7, 8);
  assertEquals((await take(1))[0]!.at, 7);
});

test("events end when the mob has closed, after the last one; a loop that begins then ends at once", async () => {
  const adapter = memoryAdapter();
  const mob = new Mob(adapter);
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { type } of mob.events) seen.push(type);
  })();
  mob.join({ receive: false });
  const waits = mob.close();
  const late = iterate(mob);
  await waits;
  await watching;
  assertEquals(seen, ["joined", "left"]);
  assertEquals([(await late.next()).value?.type, (await late.next()).done], ["left", true]);
  assertEquals((await iterate(mob).next()).done, true);
});
