/** Clients that connect again: waits, what is sent, received and missed meanwhile. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { splitmix32 } from "../../adapters/memory.ts";
import { connect } from "../../mod.ts";
import { Backoff } from "../../src/client/backoff.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { TIMEOUT, URL, World } from "../helpers/reconnecting_world.ts";

test(
  "reconnect: every change is reported, the gap in order with the messages, and close ends it",
  TIMEOUT,
  async () => {
    const world = new World();
    await world.up();
    const client = await world.connect();
    const listening = world.listen(client);
    await world.settle();
    await world.say("before");
    await world.down();
    await world.pass(99);
    await world.pass(199);
    await world.up();
    await world.pass(399);
    await world.say("after");
    const closed = client.close();
    await world.settle();
    await closed;
    assertEquals(await listening, "the end");
    assertEquals(world.reported, [
      "connected",
      "before",
      "lost",
      "waiting 1",
      "waiting 2",
      "waiting 3",
      "reconnected after 3",
      "gap 697",
      "after",
    ]);
    await assertRejects(() => client.send(bytesOf("late")), Error, `Cannot send to ${URL}: the connection is closed`);
    await world.down();
    assertEquals(world.adapter.timers, 0);
  },
);

test("reconnect: waits are full jitter: anything up to min(cap, base * 2^attempt)", TIMEOUT, async () => {
  const draws: number[] = [];
  const seeded = splitmix32(42);
  const random = (): number => {
    draws.push(seeded());
    return draws[draws.length - 1]!;
  };
  const world = new World();
  await world.up();
  const client = await world.connect({ random, minDelay: 10, maxDelay: 1000 });
  await world.down();
  for (let attempt = 0; attempt < 12; attempt++) await world.pass(1000);
  const ceilings = [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000, 1000, 1000];
  assert(world.waits.length >= ceilings.length, `${world.waits.length} waits`);
  world.waits.forEach((wait, attempt) => assertEquals(wait, Math.floor(draws[attempt]! * (ceilings[attempt] ?? 1000))));
  await client.close();
});

test("reconnect: a random function that draws no number from 0 to 1 gives the longest wait, not none", () => {
  for (const drawn of [NaN, -1, 1.5, Infinity, undefined as unknown as number]) {
    const backoff = new Backoff({ minDelay: 10, maxDelay: 1000 }, () => drawn);
    assertEquals([backoff.next(), backoff.next()], [10, 20], `${drawn}`);
  }
});

test(
  "reconnect: the delay grows while the mob ends each connection at once, until one lasts",
  TIMEOUT,
  async () => {
    const world = new World();
    await world.up({ maxConnections: 1 });
    const first = await world.connect();
    await world.settle();
    const reported = world.reported.splice(0);
    // The mob is full: each connection is made, and ended at once.
    const second = await world.connect();
    await world.settle();
    for (let attempt = 0; attempt < 5; attempt++) await world.pass(world.waits[world.waits.length - 1]!);
    assertEquals(reported, ["connected"]);
    assertEquals(world.waits, [99, 199, 399, 799, 1599, 3199]);
    const closed = first.close();
    await world.settle();
    await closed;
    await world.pass(3199);
    assertEquals(world.reported[world.reported.length - 1], "reconnected after 6");
    // It has not lasted long enough, so the next wait is longer still.
    await world.pass(4999);
    await world.down();
    assertEquals(world.waits[world.waits.length - 1], 6399);
    await world.up();
    await world.pass(6399);
    await world.pass(5000);
    await world.down();
    assertEquals(world.waits[world.waits.length - 1], 99);
    await second.close();
    assertEquals(world.adapter.timers, 0);
  },
);

test("reconnect: a connection that something was received from is a good one", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  const client = await world.connect();
  void world.listen(client);
  for (let time = 0; time < 3; time++) {
    await world.settle();
    await world.say(`time ${time}`);
    await world.down();
    await world.up();
    await world.pass(99);
  }
  assertEquals(world.waits, [99, 99, 99]);
  assertEquals(world.reported.filter((text) => /^(time|gap)/.test(text)), [
    "time 0",
    "gap 99",
    "time 1",
    "gap 99",
    "time 2",
    "gap 99",
  ]);
  void client.close();
  await world.down();
});

test("reconnect: send waits for a connection, in order, and gives up with its signal", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  const client = await world.connect({
    onChange: (change) => {
      // What is sent on learning of the new connection comes after the sends that have waited for it.
      if (change.kind === "reconnected") void client.send(bytesOf("three"));
    },
  });
  await world.down();
  const controller = new AbortController();
  const sends = [
    client.send(bytesOf("one")),
    client.send(bytesOf("given up"), { signal: controller.signal }),
    client.send(bytesOf("two")),
  ];
  await world.settle();
  controller.abort(new Error("enough"));
  await assertRejects(() => sends[1]!, Error, "enough");
  await world.up();
  const inside = world.mob.join();
  await world.pass(100);
  await Promise.all([sends[0], sends[2]]);
  await world.settle();
  const received: string[] = [];
  for await (const message of inside) {
    received.push(textOf(message));
    if (received.length === 3) break;
  }
  assertEquals(received, ["one", "two", "three"]);
  const closed = client.close();
  await world.settle();
  await closed;
  await world.down();
});

test(
  "reconnect: a message under way is not sent again, a message that waited for room goes over the next connection",
  TIMEOUT,
  async () => {
    const world = new World();
    await world.up({ maxLag: 2 ** 20, maxFrame: 2 ** 20 });
    const client = await world.connect();
    await world.settle();
    // No tick runs from here on, so 256 KiB are taken and the others wait.
    const payload = (number: number): Uint8Array => bytesOf(`${number}`.padEnd(100_000));
    const settled: number[] = [];
    const sends = [0, 1, 2, 3, 4].map((number) => client.send(payload(number)).then(() => void settled.push(number)));
    await new Promise<void>((resolve) => void setImmediate(resolve));
    assertEquals(settled, [0, 1, 2]);
    const dropped = world.mob.close({ drain: 0 });
    await world.settle();
    await dropped;
    await world.up({ maxLag: 2 ** 20, maxFrame: 2 ** 20 });
    const inside = world.mob.join();
    await world.pass(100);
    await Promise.all(sends);
    await world.settle();
    assertEquals(settled, [0, 1, 2, 3, 4]);
    const received: number[] = [];
    for await (const message of inside) {
      received.push(Number(textOf(message)));
      if (received.length === 2) break;
    }
    assertEquals(received, [3, 4]);
    void client.close();
    await world.down();
  },
);

test(
  "reconnect: the unread messages of a lost connection come before the gap; those of connections in between are dropped",
  TIMEOUT,
  async () => {
    const world = new World();
    await world.up();
    const client = await world.connect();
    for (const text of ["one", "two", "three"]) {
      await world.settle();
      await world.say(text);
      await world.down();
      await world.up();
      await world.pass(1000);
    }
    await world.say("four");
    world.reported.length = 0;
    const listening = world.listen(client);
    await world.settle();
    assertEquals(world.reported.map((text) => text.replace(/^gap \d+$/, "gap")), ["one", "gap", "four"]);
    void client.close();
    await world.settle();
    assertEquals(await listening, "the end");
    await world.down();
  },
);

test("reconnect: a message of an older connection does not shorten the waits", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  const client = await world.connect();
  await world.settle();
  await world.say("one");
  await world.down();
  await world.up({ maxConnections: 1 });
  // Takes the only place: each connection is made, and ended at once.
  world.mob.join();
  for (let attempt = 0; attempt < 3; attempt++) await world.pass(world.waits.at(-1)!);
  const { value } = await client[Symbol.asyncIterator]().next();
  assertEquals(textOf(value!), "one");
  await world.pass(world.waits.at(-1)!);
  assertEquals(world.waits, [99, 199, 399, 799, 1599]);
  await client.close();
  await world.down();
});

test("reconnect: the gap begins where the lost connection ends", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  const client = await world.connect();
  void world.listen(client);
  await world.pass(2000);
  await world.down();
  await world.up();
  await world.pass(99);
  assertEquals(world.reported, ["connected", "lost", "waiting 1", "reconnected after 1", "gap 99"]);
  void client.close();
  await world.down();
});

test("reconnect: certificates that cannot be used are not tried again, on this runtime", TIMEOUT, async () => {
  const options = { tls: { ca: "nonsense" }, reconnect: { retryInitial: true } };
  const error = await assertRejects(() => connect("tls://127.0.0.1:1", options), TypeError);
  assertStringIncludes(error.message, "Cannot use tls.ca: ");
});

test("reconnect: what the adapter calls a wrong option is not tried again", TIMEOUT, async () => {
  const world = new World();
  let attempts = 0;
  const connectWrongly = (): Promise<void> => {
    attempts++;
    return Promise.reject(new TypeError("Cannot use tls.ca: it is garbled"));
  };
  const adapter = { ...world.adapter, connect: connectWrongly };
  await assertRejects(() => connect(URL, { adapter, reconnect: { retryInitial: true } }), TypeError, "tls.ca");
  assertEquals([attempts, world.adapter.timers], [1, 0]);
});

test("reconnect: the iterator waits for onGap, and throws what it throws", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  let go = (): void => {};
  const client = await world.connect({
    onGap: () => new Promise((_resolve, reject) => go = () => reject(new Error("cannot catch up"))),
  });
  const listening = world.listen(client);
  await world.settle();
  await world.down();
  await world.up();
  await world.pass(100);
  await world.say("after");
  assertEquals(world.reported.includes("after"), false);
  go();
  assertEquals(await listening, "cannot catch up");
  void client.close();
  await world.down();
});
