/** `history`: what a new connection receives of the past, how much of it is kept, and what counts. */

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { resolveOptions } from "../../src/server/options.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";

/** A frame of 100 bytes. */
const text = (number: number): string => `${number}`.padEnd(92, ".");

/** What the mob has published from `from` on, up to `to`. */
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => text(from + index));

/** A world in which so many frames were published. */
async function after(frames: number, options: MobOptions = {}): Promise<World> {
  const world = await World.open({ history: 1000, maxLag: 4000, ...options });
  for (let number = 0; number < frames; number++) {
    world.mob.publish(text(number));
    world.run();
  }
  return world;
}

function rowOf(world: World, { token }: Member) {
  return world.mob.connections().find((row) => row.token === token)!;
}

/** What was replayed and what was published since it joined is delivered, skipped or pending. */
function checkAccounts(world: World, member: Member, publishedSince: number): void {
  const { delivered, skipped, lag, replayed } = rowOf(world, member);
  for (const [unit, size] of [["frames", 1], ["bytes", 100]] as const) {
    assertEquals(delivered[unit] + skipped[unit] + lag[unit], replayed[unit] + publishedSince * size, unit);
  }
  assertEquals(delivered.bytes, member.socket.received.length);
}

test("a connection receives the last bytes of what was published before, at a frame boundary, then what is published", async () => {
  const world = await after(30, { history: 1000 });
  const member = world.join();
  assert(world.run() > 0, "it is served without anything being published");
  assertEquals(member.socket.texts, numbers(20, 30));
  world.mob.publish(text(30));
  world.run();
  assertEquals(member.socket.texts, numbers(20, 31));
  assertEquals(rowOf(world, member).replayed, { frames: 10, bytes: 1000 });
  checkAccounts(world, member, 1);
});

test("the stream begins with a whole frame: what is only partly within the history is left out", async () => {
  for (const [history, frames] of [[99, 0], [100, 1], [199, 1], [200, 2], [1000, 10]] as const) {
    const world = await after(15, { history });
    const member = world.join();
    world.run();
    assertEquals(member.socket.texts, numbers(15 - frames, 15), `${history}`);
    checkAccounts(world, member, 0);
  }
});

test("a mob younger than its history gives everything, and a new one nothing", async () => {
  const world = await after(0);
  const first = world.join();
  assertEquals([world.run(), first.socket.offers], [0, []]);
  world.mob.publish(text(0));
  world.run();
  const second = world.join();
  world.run();
  assertEquals([first.socket.texts, second.socket.texts], [numbers(0, 1), numbers(0, 1)]);
  assertEquals([rowOf(world, first).replayed.frames, rowOf(world, second).replayed.frames], [0, 1]);
});

test("without a history nothing is kept, and a connection receives what is published from then on", async () => {
  const world = await after(30, { history: 0 });
  assertEquals(world.mob.stats().logBytes, 0);
  const member = world.join();
  assertEquals([world.run(), member.socket.offers], [0, []]);
  assertEquals(world.mob.stats().replayed, { frames: 0, bytes: 0 });
});

test("the log keeps the history and no more than a segment beyond it, also when the last connection has left", async () => {
  const world = await after(0);
  const member = world.join();
  for (let number = 0; number < 200; number++) {
    world.mob.publish(text(number));
    world.run();
    const { logBytes } = world.mob.stats();
    // A segment is a quarter of maxLag, and the last one is not full.
    assert(logBytes >= Math.min(number * 100, 1000) && logBytes <= 1000 + 2 * 1000, `${logBytes} bytes`);
    if (number === 150) {
      world.mob.disconnect(member.token);
      world.run();
    }
  }
  const late = world.join();
  world.run();
  assertEquals(late.socket.texts, numbers(190, 200));
});

test("a connection that joins is neither removed for the history, nor held for it", async () => {
  for (const slowConsumer of ["disconnect", "skip", "block"] as const) {
    const world = await after(10, { slowConsumer });
    const [speaker, slow] = [world.join(), world.come()];
    slow.socket.room = 0;
    const member = { socket: slow.socket, token: slow.token! };
    // With what a tick may publish, which is a quarter of maxLag, it is half of maxLag behind.
    world.say(speaker, ...numbers(10, 20));
    member.socket.incoming.push(frameOf("I am here"));
    world.ready(member.token, READABLE);
    world.run();
    assertEquals([world.reasons, rowOf(world, member).paused], [[], false], slowConsumer);
    assertEquals(rowOf(world, member).received.frames, 1);
    world.makeRoom(member.socket, member.token, Infinity);
    world.run();
    assertEquals(member.socket.texts, [...numbers(0, 20), "I am here"], slowConsumer);
  }
});

test("skip: what is skipped of the history counts as skipped", async () => {
  const world = await after(10, { slowConsumer: "skip" });
  const [speaker, slow] = [world.join(), world.join()];
  slow.socket.room = 250;
  world.run();
  for (let number = 10; number < 60; number++) world.say(speaker, text(number));
  checkAccounts(world, slow, 50);
  world.makeRoom(slow.socket, slow.token, Infinity);
  world.run();
  checkAccounts(world, slow, 50);
  assertEquals(slow.socket.texts, numbers(0, 3));
  assertEquals(rowOf(world, slow).skipped, { frames: 57, bytes: 5700 });
});

test("echo others: a connection receives the past of others and its own earlier connections, and not what it sends", async () => {
  const world = await after(3, { echo: "others" });
  const member = world.join();
  world.say(member, text(3));
  assertEquals(member.socket.texts, numbers(0, 3));
  checkAccounts(world, member, 1);
  const again = world.join();
  world.run();
  assertEquals(again.socket.texts, numbers(0, 4));
});

test("one that ends its half at once receives the history, then the end; so does one when the mob closes", async () => {
  const world = await after(10);
  const [brief, staying] = [world.join(), world.join()];
  brief.socket.incoming.push(null);
  world.ready(brief.token, READABLE);
  void world.mob.close();
  world.run();
  for (const { socket } of [brief, staying]) assertEquals([socket.texts, socket.shutdowns], [numbers(0, 10), 1]);
  assertEquals(world.mob.stats().replayed, { frames: 20, bytes: 2000 });
});

test("a framing keeps its history from when its first listener opens, and receives it in its own frames", async () => {
  const world = await after(5);
  const line = await world.listen("tcp://127.0.0.1:0?framing=line");
  world.mob.publish("two\nlines");
  for (let number = 5; number < 8; number++) world.mob.publish(text(number));
  world.run();
  const [plain, lines] = [world.join(), line()];
  world.run();
  assertEquals(plain.socket.texts, [...numbers(0, 5), "two\nlines", ...numbers(5, 8)]);
  assertEquals(lines.socket.textsIn("line"), numbers(5, 8));
  assertEquals(rowOf(world, lines).skipped.frames, 0, "what could not be carried before it joined is not its loss");
  assertEquals(world.mob.stats().feeds.map(({ framing, published }) => [framing, published.frames]), [
    ["u64", 9],
    ["line", 4],
  ]);
});

test("the application's own client receives the history, too", async () => {
  const world = await after(3);
  const client = world.mob.join();
  world.run();
  const texts: string[] = [];
  for await (const message of client.text()) if (texts.push(message) === 3) break;
  assertEquals(texts, numbers(0, 3));
});

test("a history of over a quarter of maxLag is refused by name", () => {
  assertEquals(resolveOptions({ history: 4 * 2 ** 20 }).history, 4 * 2 ** 20);
  assertEquals(resolveOptions({ history: undefined }).history, 0);
  const error = assertThrows(() => resolveOptions({ history: 4 * 2 ** 20 + 1 }), RangeError);
  assertEquals(
    error.message,
    "Cannot use history 4194305: a quarter of maxLag 16777216 is the most, or connections join far behind",
  );
  for (const wrong of [-1, 0.5, Infinity, 2 ** 34 + 1, "1MiB"]) {
    const { message } = assertThrows(() => resolveOptions({ history: wrong as number, maxLag: 2 ** 36 }), Error);
    assert(message.startsWith("Cannot use history "), message);
  }
});

test("a closed mob holds nothing, also when it publishes something at last", async () => {
  const world: World = await World.open({ history: 1000, maxLag: 4000, onLeave: () => void world.mob.close() });
  const member = world.join();
  // More than a tick carries: some of it waits while the last connection leaves.
  for (let number = 0; number < 40; number++) world.mob.publish(text(number));
  world.ready(member.token, HUP);
  world.run();
  assertEquals([world.mob.stats().published.frames, world.mob.state], [40, "draining"]);
  await world.mob.closed;
  assertEquals(world.mob.stats().logBytes, 0);
});
