/** The channel over a stream of an engine: answers that are lost, late or wrong. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { answers, joined, readAll } from "../helpers/scripted_stream.ts";
import { A, batch, from } from "../helpers/envelopes.ts";

test("an append that fails goes again under the same id, after a pause, and comes once", async () => {
  for (const stored of [true, false]) {
    const { stream, channel, timers } = await joined();
    channel.write(1, batch(7));
    const { id, message, failed } = stream.last;
    failed(new Error("timeout"));
    assertEquals(timers.length, 0);
    await answers();
    assertEquals(stream.appended.length, 1);
    assert(timers.asked.length === 1 && timers.asked[0]! >= 100 && timers.asked[0]! <= 200, `${timers.asked}`);
    timers.pass();
    assertEquals(stream.sent, ["1@0!", "1@0!"]);
    assertEquals(stream.last.id, id);
    // The first one may be stored all the same.
    if (stored) stream.deliver(message);
    stream.deliver();
    assertEquals(readAll(channel), ["7x10 own 1"]);
    assertEquals([channel.stats().resent, channel.stats().repeated], [1, stored ? 1 : 0]);
  }
});

test("an engine that answers and stores nothing counts as away, until it stores something", async () => {
  const { stream, timers, channel, told } = await joined();
  const away = (): string[] => told.filter((event) => event !== "wake");
  channel.write(1, Uint8Array.of(1));
  for (let failures = 0; failures < 3; failures++) {
    // One failure may be a connection that has broken.
    assertEquals(away(), failures < 2 ? [] : ["away: it stores nothing of what is sent"]);
    stream.last.failed(new Error("no leader"));
    await answers();
    timers.pass();
  }
  stream.last.stored(stream.deliver());
  await answers();
  assertEquals(away().slice(1), ["back"]);
  assertEquals(readAll(channel), ["1x1 own 1"]);
});

test("what comes back during the pause does not go again", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.failed(new Error("timeout"));
  await answers();
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
  assertEquals(timers.length, 0);
  channel.write(2, batch(8));
  timers.pass();
  assertEquals([stream.sent, channel.stats().resent], [["1@0!", "2@0!"], 0]);
});

test("nothing goes again while the engine is away, nor while an append has no answer", async () => {
  const { stream, channel, timers, told } = await joined();
  channel.write(1, batch(7));
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
  const slow = stream.last;
  channel.write(2, batch(8));
  stream.reader.away("gone");
  assert(!channel.writable);
  stream.last.failed(new Error("disconnected"));
  await answers();
  timers.pass();
  assertEquals(stream.appended.length, 2);
  stream.reader.back();
  timers.pass();
  assertEquals(stream.appended.length, 2);
  slow.failed(new Error("timeout"));
  await answers();
  timers.pass();
  assertEquals(stream.sent, ["1@0!", "2@0!", "2@0!"]);
  stream.deliver();
  assertEquals(readAll(channel), ["8x10 own 2"]);
  assertEquals(told.filter((event) => event !== "wake"), ["away: gone", "back"]);
  stream.last.stored(2);
  // An engine that goes away during a pause, and is back.
  channel.write(3, batch(9));
  stream.last.failed(new Error("timeout"));
  await answers();
  stream.reader.away("gone");
  timers.pass();
  assertEquals(stream.appended.length, 4);
  stream.reader.back();
  timers.pass();
  assertEquals(stream.appended.length, 5);
});

test("a batch that was written before the engine is back goes out then", async () => {
  const { stream, channel, told } = await joined();
  stream.reader.away("gone");
  channel.write(1, batch(7));
  assertEquals(stream.sent, []);
  stream.reader.back();
  assertEquals(stream.sent, ["1@0!"]);
  assertEquals([told, channel.stats().resent], [["away: gone", "back", "wake"], 0]);
});

test("what the engine says it has, and does not have, goes again under another id", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  const { id } = stream.last;
  stream.deliver(from(A, 1, batch(1)));
  assertEquals(readAll(channel), ["1x10"]);
  // The answer comes before what is read, or after it.
  stream.last.stored(1);
  await answers();
  timers.pass();
  assertEquals(stream.appended.length, 2);
  assert(stream.last.id !== id);
  stream.last.stored(3);
  await answers();
  stream.deliver(from(A, 2, batch(2)));
  readAll(channel);
  timers.pass();
  assertEquals(stream.appended.length, 2);
  stream.deliver(from(A, 3, batch(3)));
  readAll(channel);
  timers.pass();
  assertEquals(stream.appended.length, 3);
  stream.deliver();
  assertEquals(readAll(channel), ["7x10 own 1"]);
});

test("what is stored and does not come back goes again when nothing waits to be read, and not before", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.stored(1);
  await answers();
  timers.pass(4_999);
  assertEquals(stream.appended.length, 1);
  // What waits to be read may be it, and while the engine is away nothing can come.
  stream.reader.message(0, from(A, 1, batch(1)));
  timers.pass(5_000);
  timers.pass();
  assertEquals(readAll(channel), ["1x10"]);
  stream.reader.away("gone");
  timers.pass(5_000);
  stream.reader.back();
  timers.pass();
  assertEquals(stream.appended.length, 1);
  const { id } = stream.last;
  timers.pass(5_000);
  timers.pass();
  assertEquals(stream.appended.length, 2);
  assert(stream.last.id !== id);
});

test("an emptied stream holds no batch back for ever", async () => {
  const { stream, channel, timers } = await joined();
  channel.write(1, batch(7));
  stream.last.stored(1);
  await answers();
  timers.pass(5_000);
  timers.pass();
  assertEquals(stream.sent, ["1@0!", "1@0!"]);
  stream.last.stored(2);
  await answers();
  stream.reader.missed(1, 2);
  stream.sequence = 1;
  stream.deliver();
  assertEquals(readAll(channel), ["gap 1", "7x10 own 1"]);
  assertEquals([channel.writable, timers.length], [true, 0]);
});
