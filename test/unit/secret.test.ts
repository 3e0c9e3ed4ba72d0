/** The shared secret: a client that sends it joins, any other does not. */

import { test } from "node:test";
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { ERROR, HUP, READABLE, WRITABLE } from "../../src/contract/adapter.ts";
import { encodeFrame, type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import { LIMITS, type MobOptions } from "../../src/server/options.ts";
import { bytesOf, concat, frameOf } from "../helpers/bytes.ts";
import { type Member, World } from "../helpers/scripted_server.ts";
import { come, open, population, SECRET } from "../helpers/secret_world.ts";

const NAMES = Object.keys(FRAMINGS) as FramingName[];

function enter(world: World): Member {
  const member = world.join();
  come(world, member, frameOf(SECRET, world.mob.options.framing));
  return member;
}

// --- clients that send it ---

test("an unauthenticated connection receives nothing and is no member; with the secret its stream starts at that moment", async () => {
  const joins: string[] = [];
  const world = await open(
    { onJoin: ({ remoteAddress }: { remoteAddress: string }) => joins.push(remoteAddress) } as MobOptions,
  );
  const [speaker, late] = [enter(world), world.join()];
  assertEquals([population(world), joins], [[1, 1, 1, 0], ["10.0.0.1:1"]]);
  world.say(speaker, "before");
  come(world, late, frameOf(SECRET));
  assertEquals([population(world), joins], [[2, 0, 2, 0], ["10.0.0.1:1", "10.0.0.1:2"]]);
  world.say(speaker, "after");
  assertEquals([speaker.socket.texts, late.socket.texts], [["before", "after"], ["after"]]);
  const { published, delivered: given, pings } = world.mob.stats();
  assertEquals([published.frames, given.frames, pings], [2, 3, 0]);
  assertEquals(world.mob.connections().map((row) => row.received.frames).sort(), [0, 2]);
});

for (const framing of NAMES) {
  test(`in ${framing}, the secret may come in any pieces, with frames behind it (property)`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 8 }),
        fc.array(fc.constantFrom("", "a", "bc", "x".repeat(500)), { maxLength: 4 }),
        fc.nat(3),
        fc.boolean(),
        async (cuts, texts, pings, ends) => {
          const world = await open({ framing });
          const member = world.join();
          const bytes = concat(
            ...Array.from({ length: pings }, () => frameOf("", framing)),
            frameOf(SECRET, framing),
            ...texts.map((text) => frameOf(text, framing)),
          );
          let at = 0;
          for (const cut of cuts) come(world, member, bytes.subarray(at, at += cut));
          come(world, member, bytes.subarray(at));
          if (ends) come(world, member, null);
          const said = texts.filter((text) => text !== "");
          assertEquals([world.mob.stats().published.frames, world.mob.stats().joined], [said.length, 1]);
          assertEquals(concat(...member.socket.taken), concat(...said.map((text) => frameOf(text, framing))));
          assertEquals(world.mob.stats().pings, texts.length - said.length);
        },
      ),
      { numRuns: 200 },
    );
  });
}

test("what came before the end of a stream counts: the secret, frames and the end in one event", async () => {
  for (const readiness of [READABLE, READABLE | HUP, HUP, ERROR]) {
    const world = await open();
    const [listener, brief] = [enter(world), world.join()];
    brief.socket.incoming.push(concat(frameOf(SECRET), frameOf("hello")));
    if (readiness === READABLE) brief.socket.incoming.push(null);
    world.ready(brief.token, readiness);
    world.run();
    assertEquals(listener.socket.texts, ["hello"]);
    assertEquals(world.mob.stats().closed.unauthorized, 0);
  }
});

test("the application joins without it, and does not publish it either", async () => {
  const world = await open();
  world.mob.join();
  world.run();
  assertEquals([population(world), world.mob.stats().published.frames], [[1, 0, 1, 0], 0]);
});

test("a mob without a secret has no unauthenticated connections, and publishes a first frame like any other", async () => {
  const world = await World.open();
  const member = world.join();
  world.say(member, SECRET);
  assertEquals([member.socket.texts, population(world)], [[SECRET], [1, 0, 1, 0]]);
});

// --- clients that do not ---

test("a wrong first frame ends it, as unauthorized; nothing of it is published, and its place is free", async () => {
  const wrong = [SECRET.slice(0, -1), SECRET + "!", SECRET.toUpperCase(), "", "x"].filter((text) => text !== "");
  for (const framing of NAMES) {
    for (const text of wrong) {
      const world = await open({ framing, maxConnections: 2, maxConnectionsPerAddress: 2 });
      const [listener, unauthenticated] = [enter(world), world.join()];
      come(world, unauthenticated, concat(frameOf(text, framing), frameOf("behind", framing)));
      assertEquals([unauthenticated.socket.closes, population(world)], [1, [1, 0, 1, 1]], text);
      assertEquals([world.reasons, listener.socket.taken.length], [[], 0]);
      world.join();
    }
  }
});

test("a first frame longer than the secret is wrong from its header on, and nothing of it is kept", async () => {
  for (const framing of ["u64", "u32"] as const) {
    const world = await open({ framing });
    const unauthenticated = world.join();
    const length = bytesOf(SECRET).length + 1;
    come(world, unauthenticated, encodeFrame(framing, new Uint8Array(length)).subarray(0, FRAMINGS[framing].header));
    assertEquals(population(world), [0, 0, 0, 1]);
  }
  const world = await open({ framing: "line" });
  const unauthenticated = world.join();
  come(world, unauthenticated, new Uint8Array(bytesOf(SECRET).length).fill(65));
  assertEquals(population(world), [0, 1, 0, 0]);
  come(world, unauthenticated, new Uint8Array(1).fill(65));
  assertEquals(population(world), [0, 0, 0, 1]);
});

test("a client that leaves without having sent it is unauthorized, too, and no hook is called", async () => {
  const world = await open();
  for (const readiness of [HUP, ERROR, READABLE]) {
    const unauthenticated = world.join();
    unauthenticated.socket.incoming.push(frameOf(SECRET).subarray(0, 12));
    if (readiness === READABLE) unauthenticated.socket.incoming.push(null);
    world.ready(unauthenticated.token, readiness);
    world.run();
  }
  assertEquals([population(world), world.reasons], [[0, 0, 0, 3], []]);
});

test("it has to come within frameTimeout of connecting, whatever else comes: nothing, pings, or its pieces", async () => {
  const world = await open({ frameTimeout: 1000 });
  const [silent, pinger, slow] = [world.join(), world.join(), world.join()];
  const frame = frameOf(SECRET);
  for (let at = 0; at < 9; at++) {
    world.adapter.advance(100);
    come(world, pinger, frameOf(""));
    come(world, slow, frame.subarray(at, at + 1));
  }
  assertEquals(population(world), [0, 3, 0, 0]);
  world.adapter.advance(100);
  assertEquals(population(world), [0, 0, 0, 3]);
  assertEquals([silent, pinger, slow].map(({ socket }) => socket.closes), [1, 1, 1]);
  assertEquals(world.adapter.timers, 0);
});

test("with a frameTimeout of 0 the default is the time for the secret, and frames have none", async () => {
  const world = await open({ frameTimeout: 0 });
  const [member, silent] = [enter(world), world.join()];
  come(world, member, frameOf("hello").subarray(0, 3));
  world.adapter.advance(LIMITS.frameTimeout.default - 1);
  assertEquals(population(world), [1, 1, 1, 0]);
  world.adapter.advance(1);
  assertEquals([population(world), silent.socket.closes], [[1, 0, 1, 1], 1]);
  world.adapter.advance(1_000_000);
  assertEquals(population(world), [1, 0, 1, 1]);
});

test("a process that was stopped for a while receives the secret that waited before it removes any connection as late", async () => {
  const world = await open({ frameTimeout: 1000 });
  const unauthenticated = world.join();
  // In pieces: all that came is read before the time is looked at.
  unauthenticated.socket.incoming.push(...Array.from(frameOf(SECRET), (byte) => Uint8Array.of(byte)));
  world.ready(unauthenticated.token, READABLE);
  world.adapter.advance(30_000);
  assertEquals(population(world), [1, 0, 1, 0]);
});

test("unauthenticated connections have places: they count for the limits until they have gone", async () => {
  const world = await open({ maxConnections: 3, maxConnectionsPerAddress: 2 });
  world.join();
  world.join();
  assertEquals(world.come().token, undefined);
  world.join("10.0.0.2:1");
  assertEquals(world.come("10.0.0.3:1").token, undefined);
  world.adapter.advance(30_000);
  assertEquals(population(world), [0, 0, 0, 3]);
  enter(world);
});

test("events for an unauthenticated connection that mean nothing to it change nothing", async () => {
  const world = await open();
  const unauthenticated = world.join();
  for (const readiness of [WRITABLE, READABLE, READABLE | WRITABLE]) {
    world.ready(unauthenticated.token, readiness);
    world.run();
  }
  come(world, unauthenticated, frameOf(SECRET));
  assertEquals(population(world), [1, 0, 1, 0]);
});

test("an unauthenticated connection that floods pings does not keep a tick busy", async () => {
  const world = await open({ frameTimeout: 1000 });
  const [member, flood] = [enter(world), world.join()];
  const pings = concat(...Array.from({ length: 8192 }, () => frameOf("")));
  let reads = 0;
  flood.socket.read = () => (reads++, pings);
  world.ready(flood.token, READABLE);
  world.adapter.run(1);
  assertGreater(reads, 0);
  assertLess(reads, 3);
  // And its time ends all the same.
  world.adapter.run(5);
  flood.socket.read = () => undefined;
  world.adapter.advance(1000);
  assertEquals(population(world), [1, 0, 1, 1]);
  world.say(member, "hello");
  assertEquals(member.socket.texts, ["hello"]);
});

test("many unauthenticated connections that flood pings are not read without bound in a tick, and a client with the secret joins", async () => {
  const world = await open();
  const member = enter(world);
  const pings = concat(...Array.from({ length: 8192 }, () => frameOf("")));
  const crowd = Array.from({ length: 60 }, () => world.join());
  let reads = 0;
  for (const { socket } of crowd) {
    let left = 3;
    socket.read = () => left-- > 0 ? (reads++, pings) : undefined;
  }
  for (const { token } of crowd) world.ready(token, READABLE);
  const honest = world.join();
  honest.socket.incoming.push(frameOf(SECRET));
  world.ready(honest.token, READABLE);
  member.socket.incoming.push(frameOf("meanwhile"));
  world.ready(member.token, READABLE);
  world.adapter.run(1);
  assertEquals([reads, member.socket.texts], [4, ["meanwhile"]]);
  world.run();
  assertEquals([reads, world.mob.stats().joined], [180, 2]);
});

test("an unauthenticated connection whose socket throws takes no other connection with it", async () => {
  const world = await open();
  const [member, broken] = [enter(world), world.join()];
  broken.socket.read = () => {
    throw new Error("broken");
  };
  world.ready(broken.token, READABLE);
  world.say(member, "hello");
  assertEquals([member.socket.texts, broken.socket.closes, world.mob.stats().closed.refused], [["hello"], 1, 1]);
});

// --- a mob that closes ---

test("a closing mob drops unauthenticated connections, also one that has just sent the secret", async () => {
  for (const drain of [undefined, 0]) {
    const world = await open();
    const [member, silent, late] = [enter(world), world.join(), world.join()];
    late.socket.incoming.push(concat(frameOf(SECRET), frameOf("too late")));
    world.ready(late.token, READABLE);
    const closed = world.mob.close(drain === undefined ? {} : { drain });
    world.run();
    assertEquals([silent.socket.closes, late.socket.closes, member.socket.taken], [1, 1, []]);
    world.ready(member.token, HUP);
    world.run();
    await closed;
    const { closed: left, joined, unauthenticated: unauthenticated } = world.mob.stats();
    assertEquals([left.refused, left.shutdown, joined, unauthenticated], [2, 1, 1, 0]);
    assertEquals(world.adapter.timers, 0);
  }
});
