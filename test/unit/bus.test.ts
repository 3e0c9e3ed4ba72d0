/** Several mobs on one bus: one order for all, and what a mob does with its frames that are away, also when it closes. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { MemoryBus } from "../helpers/memory_bus.ts";
import type { World } from "../helpers/scripted_server.ts";
import { checkAccount, join, pair, run, say } from "../helpers/scripted_bus.ts";

/** The same, a tick at a time, with what promises do in between. */
async function runSlowly(...worlds: World[]): Promise<void> {
  for (let round = 0; round < 20; round++) {
    for (const world of worlds) world.adapter.run(1);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

test("two mobs publish the frames of both, in one order", async () => {
  const { one, two } = await pair();
  const [a, b, c] = [one.join(), one.join(), two.join()];
  say(one, a, "a1", "a2");
  say(two, c, "c1");
  say(one, b, "b1");
  run(one, two);
  say(two, c, "c2");
  run(two, one);
  const order = c.socket.texts;
  assertEquals([...order].sort(), ["a1", "a2", "b1", "c1", "c2"]);
  for (const { socket } of [a, b]) assertEquals(socket.texts, order);
  assertEquals([one, two].map(({ mob }) => mob.stats().published), [{ frames: 5, bytes: 50 }, {
    frames: 5,
    bytes: 50,
  }]);
  const { bus } = one.mob.stats();
  assertEquals([bus!.sent, bus!.returned, bus!.received], [
    { frames: 3, bytes: 30 },
    { frames: 3, bytes: 30 },
    { frames: 2, bytes: 20 },
  ]);
  [one, two].forEach(checkAccount);
});

test("nothing is published before it is back, not even to its sender", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "later");
  one.run();
  one.mob.publish("mine");
  one.run();
  assertEquals([a.socket.texts, one.mob.stats().bus!.inFlight], [[], { frames: 2, bytes: 25 }]);
  bus.isOpen = true;
  bus.release();
  one.run();
  assertEquals(a.socket.texts, ["later", "mine"]);
  checkAccount(one);
});

test("what a tick reads goes out as one batch", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const members = Array.from({ length: 20 }, () => one.join());
  for (const member of members) say(one, member, "x", "y");
  one.run();
  assertEquals(bus.waiting, 1);
});

test("while the channel takes no batch, later frames gather in the next one", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const a = one.join();
  one.channel.writable = false;
  for (const text of ["1", "2", "3"]) {
    say(one, a, text);
    one.run();
  }
  assertEquals(bus.waiting, 0);
  one.channel.writable = true;
  one.channel.events!.wake();
  one.run();
  assertEquals(bus.waiting, 1);
  bus.release();
  one.run();
  assertEquals(a.socket.texts, ["1", "2", "3"]);
});

test("under echo others no connection receives its own frames, and each those of the other mob", async () => {
  const { one, two } = await pair({ echo: "others" });
  const [a, b, c] = [one.join(), one.join(), two.join()];
  say(one, a, "a1");
  say(one, b, "b1");
  say(one, a, "a2");
  say(two, c, "c1");
  run(one, two);
  for (const [member, own] of [[a, "a"], [b, "b"], [c, "c"]] as const) {
    assertEquals(member.socket.texts.filter((text) => text.startsWith(own)), []);
    assertEquals(member.socket.texts.length, own === "a" ? 2 : 3);
  }
  const { skipped, delivered } = one.mob.stats();
  assertEquals([skipped.frames, delivered.frames], [3, 5]);
});

test("a client that ends its stream still receives its own last frames, then the end", async () => {
  const { bus, one, two } = await pair();
  bus.isOpen = false;
  const [a, c] = [one.join(), two.join()];
  say(one, a, "last");
  a.socket.incoming.push(null);
  one.run();
  assertEquals([a.socket.shutdowns, one.mob.stats().connections], [0, 1]);
  say(two, c, "before");
  two.run();
  bus.release(1);
  run(one, two);
  assertEquals([a.socket.texts, a.socket.shutdowns], [["last"], 1]);
  bus.release();
  run(one, two);
  assertEquals([a.socket.texts, c.socket.texts], [["last"], ["last", "before"]]);
});

test("a client that ended its stream waits for its last frames no longer than drainTimeout", async () => {
  const { bus, one } = await pair({ drainTimeout: 300 });
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "last");
  a.socket.incoming.push(null);
  one.run();
  for (let time = 0; time < 1000; time += 10) {
    one.adapter.advance(100);
    one.run();
  }
  assertEquals([a.socket.shutdowns, a.socket.texts], [1, []]);
});

test("own frames that come back when their sender has its end already change nothing for it", async () => {
  const { bus, one } = await pair({ echo: "others", drainTimeout: 300 });
  bus.isOpen = false;
  const [a, b] = [one.join(), one.join()];
  a.socket.room = 0;
  for (const [member, text] of [[b, "before"], [a, "first"], [a, "last"]] as const) {
    say(one, member, text);
    one.run();
  }
  a.socket.incoming.push(null);
  one.ready(a.token, READABLE);
  bus.release(2);
  one.run();
  for (let time = 0; time < 310; time += 10) {
    one.adapter.advance(100);
    one.run();
  }
  bus.release();
  one.run();
  one.makeRoom(a.socket, a.token, Infinity);
  one.run();
  assertEquals([a.socket.texts, a.socket.shutdowns, b.socket.texts], [["before"], 1, ["first", "last"]]);
});

test("what only settles own batches is no gap of its own: no connection is cut off", async () => {
  const gaps: unknown[] = [];
  const { bus, one } = await pair({ onGap: (gap) => gaps.push(gap) });
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "swallowed");
  one.run();
  one.channel.push({ type: "gap", why: "discarded", batches: 0, restarted: false, own: [1] });
  one.run();
  const { lost, gaps: told } = one.mob.stats().bus!;
  assertEquals([lost.frames, told, gaps, one.reasons, a.socket.shutdowns], [1, 0, [], [], 0]);
  checkAccount(one);
});

test("a connection that waits for its last frames is read no more, and may break meanwhile", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const [a, b] = [one.join(), one.join()];
  for (const member of [a, b]) {
    say(one, member, "last");
    member.socket.incoming.push(null);
  }
  one.run();
  say(one, b, "too late");
  one.run();
  one.ready(a.token, HUP);
  one.run();
  assertEquals([one.reasons, a.socket.closes], [["end"], 1]);
  bus.release();
  one.run();
  assertEquals([b.socket.texts, b.socket.shutdowns], [["last", "last"], 1]);
  checkAccount(one);
});

test("a closing mob publishes all that it has sent, and then all connections leave", async () => {
  const { bus, one, two } = await pair();
  bus.isOpen = false;
  const [a, b, c] = [one.join(), one.join(), two.join()];
  say(one, a, "a1");
  void one.mob.close();
  one.run();
  assertEquals([a, b].map(({ socket }) => socket.shutdowns), [0, 0]);
  say(two, c, "c1");
  two.run();
  bus.release();
  run(one, two);
  for (const { socket } of [a, b]) {
    assertEquals([socket.texts, socket.shutdowns], [["a1", "c1"], 1]);
    one.ready(socket === a.socket ? a.token : b.token, HUP);
  }
  run(one, two);
  await one.mob.closed;
  assertEquals([c.socket.texts, one.channel.closed, two.channel.closed], [["a1", "c1"], true, false]);
});

test("a closing mob without connections waits for what the application has published", async () => {
  const { bus, one, two } = await pair();
  bus.isOpen = false;
  const c = two.join();
  one.mob.publish("the last word");
  void one.mob.close();
  await runSlowly(one);
  assertEquals(one.channel.closed, false);
  bus.release();
  await runSlowly(one, two);
  assertEquals([c.socket.texts, one.channel.closed], [["the last word"], true]);
});

test("a hook that publishes and closes the mob loses nothing", async () => {
  const bus = new MemoryBus();
  const limits = { maxLag: 200, maxFrame: 100 };
  const one = await join(bus, { ...limits, onLeave: () => finish() });
  const two = await join(bus, limits);
  const finish = (): void => {
    for (let count = 0; count < 5; count++) one.mob.publish("x".repeat(90));
    void one.mob.close();
  };
  const c = two.join();
  one.ready(one.join().token, HUP);
  await runSlowly(one, two);
  assertEquals([c.socket.texts.length, one.channel.closed], [5, true]);
});

test("a closing mob whose bus is away drops its connections after the drain, and counts what is on its way", async () => {
  const { bus, one } = await pair();
  bus.isOpen = false;
  const a = one.join();
  say(one, a, "gone");
  void one.mob.close({ drain: 50 });
  one.run();
  for (let time = 0; time < 100; time += 10) {
    one.adapter.advance(100);
    one.run();
  }
  await one.mob.closed;
  assertEquals([one.reasons, one.mob.stats().bus!.inFlight.frames], [["shutdown"], 1]);
});
