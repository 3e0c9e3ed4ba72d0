/** Several framings in one mob: one order for all, a feed for each framing, and what a framing cannot carry is counted. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { concat, frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";

const NAMES = Object.keys(FRAMINGS) as FramingName[];

/** A mob with a listener for each framing, and what makes their connections. */
async function open(options: MobOptions = {}) {
  const world = await World.open(options);
  const [u32, line] = [
    await world.listen("tcp://127.0.0.1:0?framing=u32"),
    await world.listen("tcp://127.0.0.1:0", { framing: "line" }),
  ];
  return { world, u64: () => world.join(), u32, line };
}

function textsOf(member: Member): string[] {
  return member.socket.textsIn(member.framing ?? "u64");
}

/** For each connection: what was published for it is what it was given, skipped and has yet to be given. */
function checkCounts(world: World): void {
  const stats = world.mob.stats();
  for (const row of world.mob.connections()) {
    for (const unit of ["frames", "bytes"] as const) {
      assert(row.delivered[unit] >= 0 && row.skipped[unit] >= 0 && row.lag[unit] >= 0, JSON.stringify(row));
    }
  }
  assertEquals(stats.feeds.reduce((sum, { connections }) => sum + connections, 0), stats.connections);
  assertEquals(stats.feeds.reduce((sum, { logBytes }) => sum + logBytes, 0), stats.logBytes);
}

test("what each client sends, all receive in one order, whatever their framing is", async () => {
  const { world, u64, u32, line } = await open();
  const members = [u64(), u32(), line(), u64(), line()];
  for (const [index, { socket, token, framing }] of members.entries()) {
    socket.incoming.push(concat(frameOf(`${index} one`, framing), frameOf(`${index} two`, framing)));
    world.ready(token, READABLE);
  }
  world.run();
  const order = members.flatMap((_, index) => [`${index} one`, `${index} two`]);
  for (const member of members) assertEquals(textsOf(member), order);
  assertEquals(world.mob.stats().published.frames, 10);
  checkCounts(world);
});

test("one write a tick for each connection, in each framing", async () => {
  const { world, u64, u32, line } = await open();
  const members = [u64(), u32(), line()];
  for (let tick = 0; tick < 5; tick++) world.say(members[tick % 3]!, "a", "b", "c");
  for (const { socket } of members) assertEquals(socket.offers.length, 5);
});

test("a payload with a newline reaches line listeners as skipped and counted, never as two lines", async () => {
  const { world, u64, u32, line } = await open();
  const [sender, other, lines] = [u64(), u32(), line()];
  world.say(sender, "before", "two\nlines", "after");
  assertEquals(textsOf(lines), ["before", "after"]);
  for (const member of [sender, other]) assertEquals(textsOf(member), ["before", "two\nlines", "after"]);
  const row = world.mob.connections().find(({ listener }) => listener?.includes("line"))!;
  assertEquals([row.delivered.frames, row.skipped, row.lag.frames], [2, { frames: 1, bytes: 10 }, 0]);
  const feed = world.mob.stats().feeds.find(({ framing }) => framing === "line")!;
  assertEquals(feed.published, { frames: 3, bytes: 23 });
  assertEquals(row.delivered.bytes + row.skipped.bytes, feed.published.bytes);
  // What was left out before it came does not count for the next one.
  line();
  assertEquals(world.mob.connections().map(({ skipped }) => skipped.frames).sort(), [0, 0, 0, 1]);
  checkCounts(world);
});

test("the frames that a leaving connection missed stay counted when more is published", async () => {
  const { world, u64, line } = await open();
  const [sender, lines] = [u64(), line()];
  lines.socket.room = 3;
  world.say(sender, "long\n", "hello", "x\ny");
  lines.socket.incoming.push(null);
  world.ready(lines.token, READABLE);
  world.run();
  world.say(sender, "more\n", "later");
  const row = world.mob.connections().find(({ listener }) => listener?.includes("line"))!;
  assertEquals([row.skipped.frames, row.lag.frames, row.delivered.frames], [2, 1, 0]);
  world.makeRoom(lines.socket, lines.token, Infinity);
  world.run();
  assertEquals(textsOf(lines), ["hello"]);
});

test("a framing without connections costs nothing", async () => {
  const { world, u64, line } = await open();
  const sender = u64();
  world.say(sender, "alone");
  const lines = line();
  world.mob.stats();
  world.say(lines, "one");
  lines.socket.incoming.push(null);
  world.ready(lines.token, READABLE);
  world.run();
  world.registry.ready(lines.token, READABLE);
  world.adapter.advance(2000);
  world.say(sender, "x".repeat(10_000));
  const feeds = new Map(world.mob.stats().feeds.map((feed) => [feed.framing, feed]));
  assertEquals(feeds.has("u32"), false);
  assertEquals([feeds.get("line")!.connections, feeds.get("line")!.published.frames, feeds.get("line")!.logBytes], [
    0,
    1,
    0,
  ]);
});

test("published counts frames once, and bytes as in the mob's own framing", async () => {
  const { world, u64, u32, line } = await open();
  for (const make of [u64, u32, line]) world.say(make(), "12345");
  assertEquals(world.mob.stats().published, { frames: 3, bytes: 39 });
});

for (const framing of NAMES) {
  test(`disconnect: a ${framing} connection is over the limit by the bytes of its own feed`, async () => {
    const { world, u64, u32, line } = await open({ maxLag: 1000, maxFrame: 100 });
    const slow = { u64, u32, line }[framing]();
    const sender = u64();
    slow.socket.room = 0;
    const size = 50 + FRAMINGS[framing].header + FRAMINGS[framing].trailer;
    for (let count = 0; count <= Math.floor(1000 / size); count++) {
      assertEquals(world.reasons, []);
      world.say(sender, "x".repeat(50));
    }
    assertEquals(world.reasons, ["lagged"]);
  });

  test(`skip: a ${framing} connection goes on at the live end, and the others lose nothing`, async () => {
    const { world, u64, u32, line } = await open({ slowConsumer: "skip", maxLag: 1000, maxFrame: 100 });
    const [slow, sender, other] = [{ u64, u32, line }[framing](), u64(), line()];
    slow.socket.room = 20;
    for (let count = 0; count < 40; count++) world.say(sender, `${count}`.padStart(50, "."));
    world.makeRoom(slow.socket, slow.token, Infinity);
    world.run();
    world.say(sender, "live");
    const texts = textsOf(slow);
    assertEquals([texts[0], texts.at(-1)], ["0".padStart(50, "."), "live"]);
    assertEquals(textsOf(other).length, 41);
    const row = world.mob.connections().find(({ token }) => token === slow.token)!;
    assertEquals(row.delivered.frames + row.skipped.frames, 41);
    checkCounts(world);
  });

  test(`block: a ${framing} connection that is behind holds the others back, in every framing`, async () => {
    const { world, u64, u32, line } = await open({ slowConsumer: "block", maxLag: 1000, maxFrame: 100 });
    const [slow, ...senders] = [{ u64, u32, line }[framing](), u64(), u32(), line()] as const;
    slow.socket.room = 0;
    for (let count = 0; count < 60; count++) world.say(senders[count % 3]!, "x".repeat(50));
    const published = world.mob.stats().published.frames;
    assert(published >= 15 && published < 25, `${published} frames were published`);
    world.makeRoom(slow.socket, slow.token, Infinity);
    world.run();
    assertEquals(textsOf(slow).length, 60);
  });
}

test("echo others: a sender does not receive its own frames, and all other framings do", async () => {
  const { world, u64, u32, line } = await open({ echo: "others" });
  const members = [u64(), u32(), line()];
  for (const [index, member] of members.entries()) world.say(member, `${index}`);
  assertEquals(members.map(textsOf), [["1", "2"], ["0", "2"], ["0", "1"]]);
  checkCounts(world);
});

test("short frames in a short framing do not push those that keep up over maxLag", async () => {
  const maxLag = 4096;
  const { world, u64, line } = await open({ maxLag, maxFrame: 1000 });
  const [sender, reader] = [line(), u64()];
  // 2 bytes of line are 9 bytes of u64.
  sender.socket.incoming.push(concat(...Array.from({ length: 5000 }, () => frameOf("x", "line"))));
  world.ready(sender.token, READABLE);
  world.run();
  assertEquals(textsOf(reader).length, 5000);
  const most = Math.max(...reader.socket.offers);
  assert(most <= maxLag / 4 + 9, `${most} bytes were offered in one write`);
});

test("a large frame that came in pieces is the same in every framing", async () => {
  const { world, u64, u32, line } = await open();
  const members = [u64(), u32(), line()];
  const text = "0123456789".repeat(30_000);
  for (const sender of members) {
    const frame = frameOf(text, sender.framing ?? "u64");
    for (let at = 0; at < frame.length; at += 50_000) {
      sender.socket.incoming.push(frame.slice(at, at + 50_000));
      world.ready(sender.token, READABLE);
      world.run();
    }
  }
  for (const member of members) assert(textsOf(member).join() === [text, text, text].join());
});

test("a listener has its own access list, secret and framing; the rest is the mob's", async () => {
  const { world } = await open({ deny: ["10.0.0.9"] });
  const guarded = await world.listen("tcp://127.0.0.1:0?framing=line", { secret: "sesame", deny: [] });
  const [free, unknown, friend] = [world.join(), guarded("10.0.0.9:1"), guarded("10.0.0.9:2")];
  await assertRejects(() => Promise.resolve().then(() => world.join("10.0.0.9:3")), Error, "was refused");
  world.say(unknown, "open up");
  world.say(friend, "sesame");
  world.say(friend, "hello");
  assertEquals([textsOf(free), textsOf(friend), unknown.socket.closes], [["hello"], ["hello"], 1]);
  assertEquals(world.mob.stats().closed.unauthorized, 1);
});

test("listen checks its options before it opens anything", async () => {
  const { world } = await open();
  const { mob } = world;
  const before = mob.urls;
  const cases: readonly [string, Parameters<typeof mob.listen>[1], string][] = [
    ["tcp://127.0.0.1:0?framing=u16", {}, 'framing "u16" is one of u64, u32, line'],
    ["tcp://127.0.0.1:0?frames=line", {}, "its query can only be ?framing=NAME"],
    ["tcp://127.0.0.1:0?framing=line&x=1", {}, "its query can only be ?framing=NAME"],
    ["tcp://127.0.0.1:0?framing=line", { framing: "u32" }, "its framing is line, and the option says u32"],
    ["tcp://127.0.0.1:0", { allow: ["here"] }, 'Cannot use allow "here"'],
    ["tcp://127.0.0.1:0?framing=line", { secret: "two\nlines" }, "a line cannot hold a newline"],
    ["tcp://127.0.0.1:0", { maxLag: 1 } as object, "maxLag"],
  ];
  for (const [url, options, message] of cases) await assertRejects(() => mob.listen(url, options), TypeError, message);
  assertEquals(mob.urls, before);
  assertEquals(mob.urls.map((url) => url.replace(/:\d+/, "")), [
    "tcp://127.0.0.1",
    "tcp://127.0.0.1?framing=u32",
    "tcp://127.0.0.1?framing=line",
  ]);
});

test("a spurious WRITABLE for a connection in any framing changes nothing", async () => {
  const { world, u64, u32, line } = await open();
  const members = [u64(), u32(), line()];
  for (const { token } of members) world.ready(token, WRITABLE);
  world.run();
  world.say(members[0]!, "still here");
  for (const member of members) assertEquals(textsOf(member), ["still here"]);
});
