import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { CLOSE_REASONS } from "../../src/status/stats.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { World } from "../helpers/scripted_server.ts";

test("a cut is one structured line: reason, remote address, token, age, bytes, lag", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open({ maxLag: 100 });
    const [speaker, slow] = [world.join(), world.join()];
    slow.socket.room = 5;
    world.adapter.advance(1234);
    world.say(speaker, "x".repeat(80), "y".repeat(80));
  });
  // Between the two frames it is over half of maxLag behind.
  const [, , slow, line, ...more] = lines;
  assertEquals([slow!.level, lineOf(slow!)], ["info", "Slow: 10.0.0.1:2, lag 83 bytes"]);
  assertEquals(more, []);
  assertEquals(line!.level, "warning");
  assertEquals(line!.properties, {
    reason: "lagged",
    remoteAddress: "10.0.0.1:2",
    token: "1v1",
    age: 1234,
    bytesReceived: 0,
    bytesDelivered: 5,
    lag: 171,
  });
});

test("a thousand refusals are ten lines and a count, so that clients cannot fill a disk", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open({ maxConnections: 1 });
    world.join();
    for (let count = 0; count < 1000; count++) world.come();
    world.adapter.advance(10_000);
    world.come();
    assertEquals(world.mob.stats().closed.refused, 1001);
  });
  const texts = lines.map(lineOf);
  assertEquals(texts.length, 13);
  assert(texts[11]!.startsWith("Not logged: 990 more lines of"), texts[11]);
  assertEquals(lines[1]!.properties, { reason: "refused", remoteAddress: "10.0.0.1:2", limit: "maxConnections 1" });
});

test("a flood of one kind hides no line of another", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open({ maxConnections: 2, maxLag: 100 });
    const [speaker, slow] = [world.join(), world.join()];
    for (let count = 0; count < 100; count++) world.come();
    slow.socket.room = 5;
    world.say(speaker, "x".repeat(80), "y".repeat(80));
  });
  assertEquals([lines.length, lines.at(-1)!.properties.reason], [14, "lagged"]);
});

test("a hundred internal errors are ten lines with the error, too", async () => {
  const lines = await logged("error", async () => {
    const world = await World.open();
    for (const { socket, token } of Array.from({ length: 100 }, () => world.join())) {
      socket.read = () => {
        throw new Error("broken");
      };
      world.ready(token, READABLE);
    }
    world.run();
    assertEquals(world.mob.stats().closed.internal, 100);
  });
  assertEquals(lines.length, 10);
  assertEquals((lines[0]!.properties.error as Error).message, "broken");
});

test("joins and ordinary leaves are lines of level info, ten in ten seconds; the others are at debug level", async () => {
  const lives = (count: number) => async (): Promise<void> => {
    const world = await World.open();
    for (let life = 0; life < count; life++) {
      const { token } = world.join();
      world.adapter.advance(5);
      world.ready(token, HUP);
      world.run();
    }
    world.adapter.advance(10_000);
    world.join();
  };
  const [joined, left] = await logged("info", lives(1));
  assertEquals([joined!, left!].map(lineOf), ["Joined: 10.0.0.1:1", "Left: 10.0.0.1:1, end"]);
  assertEquals([joined!.level, left!.level], ["info", "info"]);
  assertEquals(left!.properties, {
    reason: "end",
    remoteAddress: "10.0.0.1:1",
    token: "0v1",
    age: 5,
    bytesReceived: 0,
    bytesDelivered: 0,
    lag: 0,
  });
  const crowd = await logged("info", lives(100));
  // Ten joins, ten leaves, and in the next window how many were left out of the first kind that comes again.
  assertEquals(crowd.length, 22);
  assertEquals(lineOf(crowd[20]!), "Not logged above debug: 90 more lines of joins");
  assertEquals(crowd.every(({ level }) => level === "info"), true);
  assertEquals((await logged("debug", lives(100))).filter((line) => /^(Joined|Left)/.test(lineOf(line))).length, 201);
});

test("the text that an application disconnects with is in the line", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open();
    world.mob.disconnect(world.join().token, "too slow");
    world.run();
  });
  assertEquals(lineOf(lines[1]!), "Removed: 10.0.0.1:1, disconnected: too slow (lag 0 bytes)");
  assertEquals(lines[1]!.properties.detail, "too slow");
});

test("every close reason has a meaning", () => {
  for (const [reason, meaning] of Object.entries(CLOSE_REASONS)) assert(meaning.length > 10, reason);
});

test("accepts that fail are one line for the episode, and one for its end", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open();
    const full = Object.assign(new Error("too many open files"), { code: "EMFILE" });
    const gone = Object.assign(new Error("aborted"), { code: "ECONNABORTED" });
    for (let count = 0; count < 100; count++) {
      const waited = world.registry.acceptFailed(full);
      world.adapter.advance(1000);
      await waited;
      await world.registry.acceptFailed(gone);
    }
    assertEquals(world.mob.stats().acceptFailures, 200);
    world.join();
  });
  assertEquals(lines.map(({ level }) => level), ["error", "info", "info"]);
  assertEquals(lines.map(lineOf), [
    "Cannot accept connections: EMFILE, trying again",
    "Accepting connections again",
    "Joined: 10.0.0.1:1",
  ]);
});
