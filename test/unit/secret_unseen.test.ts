/** The shared secret: no client and no log ever sees it, and no time tells it. */

import { test } from "node:test";
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { FrameDecoder } from "../../src/framing/decoder.ts";
import { Mob } from "../../src/server/mob.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { sameBytes, SecretHandshake } from "../../src/admission/secret.ts";
import { bytesOf, frameOf } from "../helpers/bytes.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { World } from "../helpers/scripted_server.ts";
import { come, open, population, SECRET } from "../helpers/secret_world.ts";

// --- no client sees it ---

test("no log line and no error ever holds the secret, or what was sent in its place", async () => {
  const guess = "almost " + SECRET;
  const lines = await logged("debug", async () => {
    const world = await World.open({ secret: guess, framing: "line", frameTimeout: 1000, maxConnections: 6 });
    const [wrong, long, left, broken] = [world.join(), world.join(), world.join(), world.join()];
    world.join();
    come(world, wrong, frameOf(SECRET, "line"));
    come(world, long, frameOf(guess + SECRET, "line"));
    come(world, left, bytesOf(guess), null);
    broken.socket.read = () => {
      throw new Error("broken");
    };
    world.ready(broken.token, READABLE);
    world.run();
    const member = world.join();
    come(world, member, frameOf(guess, "line"));
    world.ready(member.token, HUP);
    world.run();
    world.adapter.advance(2000);
    assertEquals(population(world), [0, 0, 1, 4]);
    void world.mob.close();
    world.run();
    for (const secret of [guess + "\n", guess.repeat(1000), guess + "\ud800"]) {
      const error = assertThrows(() => new Mob(memoryAdapter(), { secret, framing: "line" }), TypeError);
      assert(error.message.startsWith("Cannot use secret (not shown): "), error.message);
      assert(!error.message.includes(SECRET), error.message);
    }
  });
  assertGreater(lines.length, 6);
  for (const line of lines) {
    const whole = lineOf(line) +
      JSON.stringify(line.properties, (_, value) => value instanceof Error ? String(value) : value);
    assert(!whole.includes(SECRET), whole);
  }
});

test("a secret that no client could send, or that is none, is refused when the mob is made", () => {
  const wrong = (secret: unknown, options: MobOptions = {}): string =>
    assertThrows(() => new Mob(memoryAdapter(), { ...options, secret: secret as string }), TypeError).message;
  assertEquals(wrong(""), "Cannot use secret (not shown): it is empty, leave it out to ask for none");
  assertEquals(wrong("é".repeat(2049)), "Cannot use secret (not shown): it has 4098 bytes, and 4096 are the most");
  assertEquals(wrong("a\nb", { framing: "line" }), "Cannot use secret (not shown): a line cannot hold a newline");
  assertEquals(wrong(12345), "Cannot use secret (not shown): it is a string, not number");
  new Mob(memoryAdapter(), { secret: "é".repeat(2048) });
  new Mob(memoryAdapter(), { secret: "a\nb", framing: "u32" });
  new Mob(memoryAdapter(), { secret: "\ufeffmarked" });
});

test("a thousand wrong secrets are ten lines", async () => {
  const lines = await logged("info", async () => {
    const world = await open();
    for (let count = 0; count < 1000; count++) come(world, world.join(), frameOf("guess"));
    assertEquals(world.mob.stats().closed.unauthorized, 1000);
  });
  assertEquals(lines.length, 10);
  assertEquals(lineOf(lines[0]!), "Unauthorized: 10.0.0.1:1, its first frame is not the secret");
});

// --- the comparison ---

test("sameBytes returns what === does (property)", () => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  const near = fc.tuple(bytes, fc.nat(40), fc.nat(255)).map(([one, at, value]) => {
    const other = one.slice();
    if (at < other.length) other[at] = value;
    return [one, other] as const;
  });
  fc.assert(
    fc.property(fc.oneof(fc.tuple(bytes, bytes), near), ([one, other]) => {
      const hex = (each: Uint8Array): string => Array.from(each, (byte) => byte.toString(16).padStart(2, "0")).join("");
      assertEquals(sameBytes(one, other), hex(one) === hex(other));
      assertEquals(sameBytes(other, one), hex(one) === hex(other));
      assert(sameBytes(one, one.slice()));
    }),
    { numRuns: 2000 },
  );
});

test("sameBytes looks at every byte of a guess, wherever the first wrong one is", () => {
  const secret = new Uint8Array(64).fill(7);
  const looks = (wrongAt: number): number => {
    let count = 0;
    const guess = secret.slice();
    if (wrongAt < guess.length) guess[wrongAt] = 8;
    const watched = new Proxy(guess, {
      get: (target, name) => {
        if (typeof name === "string" && /^\d+$/.test(name)) count++;
        return Reflect.get(target, name, target);
      },
    });
    sameBytes(watched, secret);
    return count;
  };
  for (const at of [0, 1, 32, 63, 64]) assertEquals(looks(at), 64);
});

test("an unauthenticated connection costs a buffer of the secret's length and a header, whatever it declares", () => {
  const handshake = (): [FrameDecoder, SecretHandshake] => {
    const decoder = new FrameDecoder({ maxFrame: 2 ** 20 });
    const connection = { decoder, feed: { framing: FRAMINGS.u64 }, takeReply: () => {}, receiveControl: () => {} };
    return [decoder, new SecretHandshake(bytesOf("12345678"), connection)];
  };
  const [decoder, secret] = handshake();
  assertEquals(secret.receive(frameOf("12345678").subarray(0, 15)).state, "more");
  // The smallest buffer.
  assertEquals(decoder.retainedBytes + secret.retainedBytes, 64);
  assertEquals(secret.receive(frameOf("12345678").subarray(15)), { state: "accepted", rest: new Uint8Array(0) });
  assertEquals(decoder.maxFrame, 2 ** 20);
  for (const length of [9, 2 ** 20]) {
    const [decoder, longer] = handshake();
    assertEquals(longer.receive(frameOf("x".repeat(length))).state, "rejected");
    assert(decoder.retainedBytes + longer.retainedBytes <= 64);
  }
});
