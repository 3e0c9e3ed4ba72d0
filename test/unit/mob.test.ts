import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import type { ConnectionStats } from "../../src/status/stats.ts";
import { formatToken } from "../../src/contract/token.ts";
import { concat, frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";

test("Mob lets every connection receive everything in one order, the sender too", async () => {
  const world = await World.open();
  const members = [world.join(), world.join(), world.join()];
  for (const [index, member] of members.entries()) {
    member.socket.incoming.push(concat(frameOf(`${index} one`), frameOf(`${index} two`)));
    world.ready(member.token, READABLE);
  }
  world.run();
  const order = members[0]!.socket.texts;
  assertEquals(order, ["0 one", "0 two", "1 one", "1 two", "2 one", "2 two"]);
  for (const { socket } of members) assertEquals(socket.texts, order);
});

test("Mob asks one write a tick of each connection, however many frames the tick brought", async () => {
  const world = await World.open();
  const members = Array.from({ length: 10 }, () => world.join());
  for (const { socket, token } of members) {
    socket.incoming.push(concat(...Array.from({ length: 100 }, () => frameOf("tick"))));
    world.ready(token, READABLE);
  }
  assertEquals(world.run(), 1);
  for (const { socket } of members) assertEquals([socket.offers.length, socket.texts.length], [1, 1000]);
  assertEquals(world.mob.stats().writes, 10);
});

test("Mob gives every connection the same bytes, not copies of them", async () => {
  const world = await World.open();
  const members = [world.join(), world.join(), world.join()];
  const given = new Set<Uint8Array>();
  for (const { socket } of members) socket.write = (bytes) => (given.add(bytes), bytes.length);
  world.say(members[0]!, "hello");
  assertEquals(given.size, 1);
});

test("Mob does nothing for idle connections in a tick", async () => {
  const world = await World.open();
  const idle = Array.from({ length: 1000 }, () => world.join());
  let touched = 0;
  for (const { socket } of idle) {
    socket.read = () => (touched++, undefined);
    socket.write = () => (touched++, 0);
  }
  const ping = world.join();
  world.say(ping, "");
  assertEquals([touched, world.mob.stats().writes], [0, 0]);
});

test("Mob lets a connection receive what is published after it joined", async () => {
  const world = await World.open();
  const first = world.join();
  world.say(first, "before");
  const second = world.join();
  world.say(first, "after");
  assertEquals([first.socket.texts, second.socket.texts], [["before", "after"], ["after"]]);
});

test("Mob closes a connection that joined and left in the same batch, once", async () => {
  const world = await World.open();
  const [leaving, listener] = [world.join(), world.join()];
  leaving.socket.incoming.push(frameOf("last words"), null);
  world.ready(leaving.token, READABLE);
  world.ready(leaving.token, HUP);
  world.ready(leaving.token, READABLE);
  world.run();
  world.ready(leaving.token, HUP);
  world.run();
  assertEquals([listener.socket.texts, leaving.socket.closes, world.reasons], [["last words"], 1, ["end"]]);
});

test("Mob delivers to a connection that ended its stream what was published until then, and no more", async () => {
  const world = await World.open();
  const [leaving, speaker] = [world.join(), world.join()];
  leaving.socket.room = 4;
  world.say(speaker, "one", "two");
  leaving.socket.incoming.push(null);
  world.ready(leaving.token, READABLE);
  world.run();
  world.say(speaker, "three");
  assertEquals(leaving.socket.shutdowns, 0);
  world.makeRoom(leaving.socket, leaving.token, Infinity);
  world.run();
  assertEquals([leaving.socket.texts, leaving.socket.shutdowns, leaving.socket.closes], [["one", "two"], 1, 0]);
  world.ready(leaving.token, HUP);
  world.run();
  assertEquals([leaving.socket.closes, world.reasons], [1, ["end"]]);
});

test("Mob may have dropped the log behind the cursor of a connection that has everything when it hangs up", async () => {
  const world = await World.open();
  const [leaving, speaker] = [world.join(), world.join()];
  world.say(speaker, "received by both");
  leaving.socket.incoming.push(null);
  world.ready(leaving.token, READABLE);
  world.run();
  // More than a segment, so that the log drops what held the cursor of the leaving connection.
  for (let count = 0; count < 10; count++) world.say(speaker, "x".repeat(100_000));
  assertEquals(world.mob.connections().map(({ delivered: given, lag }) => [given.frames, lag.frames]).sort(), [[1, 0], [
    11,
    0,
  ]]);
  world.ready(leaving.token, HUP);
  world.run();
  assertEquals([world.reasons, world.mob.stats().delivered.frames], [["end"], 12]);
});

test("Mob drops a connection that does not hang up a second after the end of its stream", async () => {
  const world = await World.open();
  const { socket, token } = world.join();
  socket.incoming.push(null);
  world.ready(token, READABLE);
  world.run();
  world.adapter.advance(999);
  assertEquals(socket.closes, 0);
  world.adapter.advance(1);
  assertEquals([socket.closes, world.reasons], [1, ["end"]]);
});

test("Mob calls an end inside a frame truncated", async () => {
  for (const length of [1, 7, 8, 11]) {
    const world = await World.open();
    const { socket, token } = world.join();
    socket.incoming.push(frameOf("torn").subarray(0, length), null);
    world.ready(token, READABLE | HUP);
    world.run();
    assertEquals(world.reasons, ["truncated"]);
  }
});

test("Mob publishes the good frames before a frame that is too large, then removes the sender", async () => {
  const world = await World.open({ maxFrame: 10 });
  const [sender, listener] = [world.join(), world.join()];
  world.say(sender, "good", "much too large");
  assertEquals([listener.socket.texts, world.reasons, sender.socket.closes], [["good"], ["frame-too-large"], 1]);
});

test("Mob bounds what one tick publishes, and loses nothing by it", async () => {
  const world = await World.open();
  const speakers = Array.from({ length: 40 }, () => world.join());
  const frame = frameOf("x".repeat(200_000));
  for (const { socket, token } of speakers) {
    socket.incoming.push(frame, frame);
    world.ready(token, READABLE);
  }
  world.adapter.run(1);
  assert(world.mob.stats().published.bytes < 5 * 2 ** 20, `${world.mob.stats().published.bytes} bytes in one tick`);
  world.run();
  for (const { socket } of speakers) assertEquals(socket.received.length, 80 * frame.length);
});

test("Mob bounds what one tick publishes of many connections that leave at once, too, and loses nothing by it", async () => {
  const world = await World.open({ maxLag: 2 ** 20, maxFrame: 2 ** 17 });
  const listener = world.join();
  const speakers = Array.from({ length: 40 }, () => world.join());
  const frame = frameOf("x".repeat(60_000));
  for (const { socket, token } of speakers) {
    socket.incoming.push(frame, frame.subarray(0, 5));
    world.ready(token, READABLE | HUP);
  }
  const ticks: number[] = [];
  while (ticks.length < 100 && world.reasons.length < speakers.length) {
    const before = world.mob.stats().published.bytes;
    world.adapter.run(1);
    ticks.push(world.mob.stats().published.bytes - before);
  }
  // The budget is a quarter of maxLag; what one of them has left may go over it.
  assert(Math.max(...ticks) <= 2 ** 18 + frame.length, `${ticks}`);
  assertEquals(listener.socket.received.length, 40 * frame.length);
  assertEquals(world.reasons, speakers.map(() => "truncated"));
});

test("Mob removes only the connection whose handling fails, as internal, and goes on", async () => {
  const world = await World.open();
  const [poisoned, healthy] = [world.join(), world.join()];
  poisoned.socket.read = () => {
    throw new Error("an adapter that breaks its promise");
  };
  world.ready(poisoned.token, READABLE);
  world.say(healthy, "hello");
  assertEquals([healthy.socket.texts, world.reasons], [["hello"], ["internal"]]);
});

test("Mob removes only the connection whose write throws", async () => {
  const world = await World.open();
  const [before, poisoned, after] = [world.join(), world.join(), world.join()];
  poisoned.socket.write = () => {
    throw new Error("an adapter that breaks its promise");
  };
  world.say(before, "hello");
  assertEquals([before.socket.texts, after.socket.texts, world.reasons], [["hello"], ["hello"], ["internal"]]);
});

test("Mob calls onJoin and onLeave at the end of the tick, and survives hooks that throw", async () => {
  const reported: string[] = [];
  const world = await World.open({
    onJoin: ({ token, remoteAddress: client }) => reported.push(`${formatToken(token)} ${client} came`),
    onLeave: ({ token, reason }) => {
      reported.push(`${formatToken(token)} ${reason}`);
      throw new Error("a defect of the application");
    },
  });
  const { token } = world.join();
  assertEquals(reported, []);
  world.run();
  // Nothing else happens: a new connection alone must cause a tick.
  assertEquals(reported, ["0v1 10.0.0.1:1 came"]);
  world.ready(token, HUP);
  const other = world.join();
  world.say(other, "hello");
  assertEquals(reported, ["0v1 10.0.0.1:1 came", "1v1 10.0.0.1:2 came", "0v1 end"]);
  assertEquals(other.socket.texts, ["hello"]);
});

test("Mob calls onJoin for the application's own client without any other event", async () => {
  const told: string[] = [];
  const world = await World.open({ onJoin: ({ remoteAddress }) => told.push(remoteAddress) });
  const client = world.mob.join();
  assertEquals(told, []);
  world.run();
  assertEquals(told.length, 1);
  void client.close();
  world.run();
});

test("Mob may be joined, closed and asked from its own hooks", async () => {
  let seen: ConnectionStats[] = [];
  const world: World = await World.open({
    onLeave: () => {
      if (seen.length > 0) return;
      seen = world.mob.connections();
      world.mob.join();
      void world.mob.close({ drain: 0 });
    },
  });
  const [leaving, stayer] = [world.join(), world.join()];
  world.ready(leaving.token, HUP);
  world.run();
  assertEquals(seen.map(({ token }) => token), [stayer.token]);
  assertEquals([stayer.socket.closes, world.mob.stats().connections], [1, 0]);
});

test("Mob.join is a member like any other, and counts as one", async () => {
  const world = await World.open({ maxConnections: 2 });
  const member = world.join();
  const client = world.mob.join();
  assertThrows(() => world.mob.join(), Error, "Cannot join: maxConnections 2");
  await client.send(new TextEncoder().encode("from inside"));
  world.run();
  assertEquals(member.socket.texts, ["from inside"]);
  const iterator = client[Symbol.asyncIterator]();
  assertEquals(new TextDecoder().decode((await iterator.next()).value!), "from inside");
  void client.close();
  world.run();
  await client.closed;
  assertEquals([world.reasons, world.mob.stats().connections], [["end"], 1]);
});

test("Mob refuses options that are wrong, naming the option and the value", async () => {
  await assertRejects(() => World.open({ maxFrame: 0 }), RangeError, "Cannot use maxFrame 0");
  await assertRejects(() => World.open({ maxFrame: 1.5 }), RangeError, "maxFrame 1.5");
  await assertRejects(() => World.open({ stallTimeout: 2 ** 31 }), RangeError, "stallTimeout 2147483648");
  await assertRejects(() => World.open({ framing: "u128" as "u64" }), TypeError, 'framing "u128"');
  await assertRejects(() => World.open({ maxFrmae: 1 } as object), TypeError, "option maxFrmae");
});

// --- closing ---

test("Mob.close publishes what was read, delivers what is pending, then half-closes", async () => {
  const world = await World.open();
  const [speaker, slow] = [world.join(), world.join()];
  slow.socket.room = 3;
  speaker.socket.incoming.push(concat(frameOf("one"), frameOf("two"), frameOf("torn").subarray(0, 9)));
  const closed = world.mob.close();
  world.run();
  assertEquals([speaker.socket.texts, speaker.socket.shutdowns, slow.socket.shutdowns], [["one", "two"], 1, 0]);
  assertEquals(world.come().token, undefined);
  world.makeRoom(slow.socket, slow.token, Infinity);
  world.run();
  assertEquals([slow.socket.texts, slow.socket.shutdowns], [["one", "two"], 1]);
  for (const { token } of [speaker, slow]) world.ready(token, HUP);
  world.run();
  await closed;
  assertEquals([world.reasons, world.adapter.timers], [["shutdown", "shutdown"], 0]);
});

test("Mob.close reads and drops what comes after, so that an end does not become a reset", async () => {
  const world = await World.open();
  const [speaker, listener] = [world.join(), world.join()];
  void world.mob.close();
  world.run();
  world.say(speaker, "too late");
  assertEquals([speaker.socket.incoming.length, listener.socket.texts], [0, []]);
});

test("Mob.close drops at the drain deadline the connections that took nothing", async () => {
  const world = await World.open({ drainTimeout: 3000, stallTimeout: 60_000 });
  const [speaker, stuck] = [world.join(), world.join()];
  stuck.socket.room = 0;
  world.say(speaker, "hello");
  const closed = world.mob.close();
  world.run();
  world.ready(speaker.token, HUP);
  world.run();
  world.adapter.advance(2999);
  assertEquals(stuck.socket.closes, 0);
  world.adapter.advance(1);
  await closed;
  assertEquals([stuck.socket.closes, world.mob.stats().undelivered, world.adapter.timers], [1, {
    frames: 1,
    bytes: 13,
  }, 0]);
});

test("Mob.close with drain 0 drops at once, also when a drain is under way", async () => {
  const world = await World.open();
  const members = [world.join(), world.join()];
  void world.mob.close();
  world.run();
  assert(members.every(({ socket }) => socket.closes === 0));
  const closed = world.mob.close({ drain: 0 });
  assert(members.every(({ socket }) => socket.closes === 1));
  world.run();
  await closed;
  assertEquals(world.adapter.timers, 0);
});

test("Mob.close of an empty mob, twice, leaves nothing behind", async () => {
  const world = await World.open();
  const closed = [world.mob.close(), world.mob.close()];
  world.run();
  await Promise.all(closed);
  await world.mob.close();
  assertEquals([world.adapter.timers, world.mob.urls], [0, []]);
  await assertRejects(() => world.mob.listen("tcp://127.0.0.1:0"), Error, "the mob is closed");
  assertThrows(() => world.mob.join(), Error, "Cannot join: the mob is closed");
});

// --- accounts ---

test("Mob.stats adds up: published since it joined = delivered + skipped + lag, for each and in total", async () => {
  const world = await World.open();
  const members = [world.join(), world.join()];
  world.say(members[0]!, "one", "two");
  members.push(world.join());
  members[1]!.socket.room = 5;
  world.say(members[2]!, "three", "four");
  checkAccounts(world, members);
  assertEquals(world.mob.connections().map(({ lag }) => lag.frames), [2, 0, 0]);
  world.ready(members[1]!.token, HUP);
  world.run();
  const { delivered: given, lag, undelivered, closed: left, connections, joined } = world.mob.stats();
  assertEquals([left.end, connections, joined], [1, 2, 3]);
  assertEquals([given.frames, lag.frames, undelivered.frames], [4 + 2 + 2, 0, 2]);
});

/** Checks the accounts of all members against what their sockets really took. */
function checkAccounts(world: World, members: readonly Member[]): void {
  const listed = new Map(world.mob.connections().map((connection) => [connection.token, connection]));
  for (const { socket, token } of members) {
    assertEquals(listed.get(token)!.delivered.bytes, socket.received.length);
  }
}
