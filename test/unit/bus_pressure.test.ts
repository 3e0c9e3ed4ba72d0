/** Mobs on a bus that is slow, or away, or full: what waits, and who is held back. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { RUN_HEADER, writeRunHeader } from "../../src/bus/batch.ts";
import { HUP, READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { concat, frameOf } from "../helpers/bytes.ts";
import { batchOf, checkAccount, pair, run, say } from "../helpers/scripted_bus.ts";

test("no connection is read while more than a tick's budget is on its way", async () => {
  const { bus, one } = await pair({ maxLag: 4000 });
  bus.isOpen = false;
  const a = one.join();
  for (let count = 0; count < 50; count++) {
    say(one, a, "x".repeat(92));
    one.run();
  }
  const { inFlight } = one.mob.stats().bus!;
  assert(inFlight.bytes > 1000 && inFlight.bytes <= 1300, `${inFlight.bytes} bytes are on their way`);
  bus.isOpen = true;
  bus.release();
  one.run();
  assertEquals([a.socket.texts.length, one.mob.stats().bus!.inFlight.frames], [50, 0]);
  assertEquals(one.mob.publish("x"), true);
});

test("connections that end while a bus is away wait with what they have sent: what is on its way has its bound", async () => {
  const { bus, one, two } = await pair({ maxLag: 4000 });
  bus.isOpen = false;
  const c = two.join();
  const members = Array.from({ length: 30 }, () => one.join());
  for (const member of members) {
    member.socket.incoming.push(concat(...Array.from({ length: 9 }, () => frameOf("x".repeat(92)))));
    one.ready(member.token, READABLE | HUP);
    one.run();
  }
  const { inFlight } = one.mob.stats().bus!;
  assert(inFlight.bytes > 1000 && inFlight.bytes <= 2000, `${inFlight.bytes} bytes are on their way`);
  bus.isOpen = true;
  bus.release();
  run(one, two);
  assertEquals([c.socket.texts.length, one.reasons], [270, Array.from({ length: 30 }, () => "end")]);
  checkAccount(one);
});

test("a connection that ended while the bus had no room is not idle, and can be disconnected", async () => {
  const { bus, one, two } = await pair({ maxLag: 4000, idleTimeout: 1000 });
  bus.isOpen = false;
  const c = two.join();
  const [first, last, other] = [one.join(), one.join(), one.join()];
  say(one, first, ...Array.from({ length: 15 }, () => "x".repeat(92)));
  one.run();
  for (const member of [last, other]) {
    member.socket.incoming.push(frameOf("last"));
    one.ready(member.token, READABLE | HUP);
  }
  one.run();
  one.mob.disconnect(other.token);
  for (let elapsed = 0; elapsed < 4000; elapsed += 100) {
    one.ready(first.token, READABLE);
    one.adapter.advance(100);
    one.run();
  }
  assertEquals(one.reasons.filter((reason) => reason === "idle"), []);
  bus.isOpen = true;
  bus.release();
  run(one, two);
  assertEquals([c.socket.texts.length, one.mob.stats().staleEvents], [16, 0]);
  checkAccount(one);
});

test("under block the end of the connection that holds all back is not waited with, whatever is on its way", async () => {
  for (const endsFirst of [true, false]) {
    const { bus, one } = await pair({ maxLag: 1000, slowConsumer: "block" });
    const [a, b] = [one.join(), one.join()];
    bus.isOpen = false;
    say(one, b, ...Array.from({ length: 4 }, () => "x".repeat(92)));
    one.run();
    a.socket.room = 0;
    const end = (): void => {
      one.ready(a.token, HUP);
      one.run();
    };
    if (endsFirst) end();
    for (let count = 0; count < 15; count++) {
      one.channel.push({ type: "batch", bytes: batchOf("u64", frameOf("y".repeat(92)), 1), own: undefined });
      one.run();
    }
    if (!endsFirst) end();
    assertEquals([one.reasons, b.socket.texts.length], [["end"], 15]);
  }
});

test("what is back is published within the budget of a tick, so that no connection that keeps up is cut off", async () => {
  const { bus, one } = await pair({ maxLag: 4000 });
  const a = one.join();
  const frames = concat(...Array.from({ length: 100 }, () => frameOf("x".repeat(92))));
  const batch = new Uint8Array(RUN_HEADER + frames.length);
  writeRunHeader(batch, 0, FRAMINGS.u64, 100, frames.length);
  batch.set(frames, RUN_HEADER);
  bus.put(batch);
  a.socket.step = 700;
  let ticks = 0;
  while (one.adapter.run(1) > 0) {
    ticks++;
    if (a.socket.texts.length < 100) one.ready(a.token, WRITABLE);
  }
  assert(ticks >= 10, `${ticks} ticks`);
  assertEquals([a.socket.texts.length, one.reasons], [100, []]);
});

test("under block nothing of the bus is published while a connection holds all back, and all of it later", async () => {
  const { one, two } = await pair({ maxLag: 1000, slowConsumer: "block" });
  const [a, c] = [one.join(), two.join()];
  a.socket.room = 0;
  for (let count = 0; count < 60; count++) {
    say(two, c, `${count}`.padStart(92));
    run(two, one);
  }
  const { published } = one.mob.stats();
  assert(published.bytes < 2000, `${published.bytes} bytes`);
  assertEquals(c.socket.texts.length, 60);
  one.makeRoom(a.socket, a.token, Infinity);
  run(one, two);
  assertEquals(a.socket.texts, c.socket.texts);
});

test("under block nothing is read from the connections of a mob on a bus while one holds all back", async () => {
  const { one, two } = await pair({ maxLag: 1000, slowConsumer: "block" });
  const [a, b, c] = [one.join(), one.join(), two.join()];
  a.socket.room = 0;
  for (let count = 0; count < 20; count++) {
    say(two, c, `${count}`.padStart(92));
    run(two, one);
  }
  const { sent } = one.mob.stats().bus!;
  say(one, b, "held");
  run(one, two);
  assertEquals(one.mob.stats().bus!.sent, sent);
  one.makeRoom(a.socket, a.token, Infinity);
  run(one, two);
  assertEquals(c.socket.texts.at(-1), "held");
});
