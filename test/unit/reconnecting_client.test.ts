/** A client that connects again by itself: on a network in memory whose clock is driven by hand, and on this runtime. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type MemoryAdapter, memoryAdapter, splitmix32 } from "../../adapters/memory.ts";
import { connect } from "../../mod.ts";
import { Backoff } from "../../src/client/backoff.ts";
import type { Mob } from "../../src/server/mob.ts";
import type { Client } from "../../src/client/client.ts";
import type { ConnectionChange, ReconnectOptions } from "../../src/client/reconnect_options.ts";
import { serve, type ServeOptions } from "../../mod.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { settle } from "../helpers/settle.ts";

const TIMEOUT = { timeout: 30_000 };
const URL = "tcp://127.0.0.1:7000";

/** A network in memory, a mob on it that starts and stops, and everything that was reported to a client of it. */
class World {
  readonly adapter: MemoryAdapter = memoryAdapter({ manual: true });
  readonly reported: string[] = [];
  readonly waits: number[] = [];
  #mob: Mob | undefined;

  /** Lets everything happen that can happen now. */
  settle(): Promise<void> {
    return settle(this.adapter);
  }

  /** Moves the clock on, and lets everything happen. */
  async pass(milliseconds: number): Promise<void> {
    this.adapter.advance(milliseconds);
    await this.settle();
  }

  get mob(): Mob {
    return this.#mob!;
  }

  async up(options: ServeOptions = {}): Promise<void> {
    this.#mob = await serve({ adapter: this.adapter, listen: URL, ...options });
  }

  async down(): Promise<void> {
    const closed = this.mob.close({ drain: 0 });
    await this.settle();
    await closed;
  }

  /** What was sent inside the mob. */
  async say(text: string): Promise<void> {
    const inside = this.mob.join({ receive: false });
    await inside.send(bytesOf(text));
    await this.settle();
    void inside.close();
    await this.settle();
  }

  /** The options of a client that reports everything here; each wait is the longest that it could be. */
  options(options: ReconnectOptions = {}): ReconnectOptions {
    return {
      random: () => 0.999999,
      onChange: (change) => {
        if (change.kind === "waiting") this.waits.push(change.milliseconds);
        this.reported.push(describe(change));
      },
      onGap: ({ milliseconds }) => void this.reported.push(`gap ${milliseconds}`),
      ...options,
    };
  }

  connect(options: ReconnectOptions = {}): Promise<Client> {
    return connect(URL, { adapter: this.adapter, reconnect: this.options(options) });
  }

  /** Writes down what the client receives, among all else; returns what it ends with. */
  listen(client: Client): Promise<string> {
    const receive = async (): Promise<void> => {
      for await (const message of client) this.reported.push(textOf(message));
    };
    return receive().then(() => "the end", (error: Error) => error.message);
  }
}

function describe(change: ConnectionChange): string {
  if (change.kind === "waiting") return `waiting ${change.attempt}`;
  if (change.kind === "reconnected") return `reconnected after ${change.attempt}`;
  return change.kind;
}

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

test("reconnect: it gives up after so many attempts, and says why", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  const client = await world.connect({ maxAttempts: 2 });
  const listening = world.listen(client);
  const waiting = client.send(bytesOf("x")).then(() => client.closed);
  await world.settle();
  await world.down();
  const sending = assertRejects(() => client.send(bytesOf("never")), Error, `Cannot send to ${URL}: Cannot reconnect`);
  await world.pass(99);
  await world.pass(199);
  await Promise.all([client.closed, sending, waiting]);
  const why = `Cannot reconnect to ${URL} in 2 attempts: connection refused (ECONNREFUSED)`;
  assertEquals(await listening, why);
  assertEquals(world.reported.filter((text) => text !== "x"), [
    "connected",
    "lost",
    "waiting 1",
    "waiting 2",
    "gave-up",
  ]);
  await assertRejects(() => client.send(bytesOf("late")), Error, why);
});

test("reconnect: the first connection is tried once, or as often as any", TIMEOUT, async () => {
  const world = new World();
  const refused = await assertRejects(() => world.connect(), Error, `Cannot connect to ${URL}: connection refused`);
  assertEquals((refused as { code?: string }).code, "UNREACHABLE");
  const patient = world.connect({ retryInitial: true });
  await world.settle();
  await world.up();
  await world.pass(100);
  const client = await patient;
  assertEquals(world.reported, ["waiting 1", "connected"]);
  void client.close();
  await world.down();
  const vain = world.connect({ retryInitial: true, maxAttempts: 1 });
  const gaveUp = assertRejects(() => vain, Error, `Cannot reconnect to ${URL} in 1 attempts: connection refused`);
  await world.settle();
  await world.pass(100);
  await gaveUp;
  // What is wrong in itself is not tried twice.
  const { adapter } = world;
  const tls = { servername: "h" };
  await assertRejects(
    () => connect(URL, { adapter, tls, reconnect: { retryInitial: true } }),
    TypeError,
    "begin with tls:",
  );
  await assertRejects(() => connect("nonsense", { adapter, reconnect: { retryInitial: true } }), TypeError, "nonsense");
  await assertRejects(
    () => connect(URL, { adapter, maxFrame: 0, reconnect: { retryInitial: true } }),
    RangeError,
    "maxFrame",
  );
  await assertRejects(
    () => connect(URL, { adapter, reconnect: { maxDelay: 0.5 } }),
    RangeError,
    "reconnect.maxDelay 0.5",
  );
  assertEquals(adapter.timers, 0);
});

test("connect that fails, and a client that is over, no longer listen to their signal", TIMEOUT, async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  for (const [name, change] of [["addEventListener", 1], ["removeEventListener", -1]] as const) {
    const original = signal[name];
    signal[name] = (...args: Parameters<typeof original>): void => {
      listeners += change;
      original.apply(signal, args);
    };
  }
  const adapter = memoryAdapter();
  await assertRejects(() => connect(URL, { adapter, signal }), Error, "connection refused");
  assertEquals(listeners, 0);
  await using _mob = await serve({ adapter, listen: URL });
  const client = await connect(URL, { adapter, signal });
  assertEquals(listeners, 1);
  await client.close();
  assertEquals(listeners, 0);
});

test("reconnect: close and a signal end it while it waits, and what waits with it", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  const controller = new AbortController();
  const { adapter } = world;
  const closing = await world.connect();
  const aborted = await connect(URL, { adapter, signal: controller.signal, reconnect: world.options() });
  const ends = [closing, aborted].map((client) => world.listen(client));
  await world.down();
  const sends = [closing, aborted].map((client) =>
    assertRejects(() => client.send(bytesOf("x")), Error, `Cannot send to ${URL}`)
  );
  void closing.close();
  controller.abort(new Error("that is all"));
  await Promise.all([closing.closed, aborted.closed, ...sends]);
  const over = `Cannot stay connected to ${URL}: the signal aborted (that is all)`;
  assertEquals(await Promise.all(ends), ["the end", over]);
  assertEquals((await closing.closed).reason, "closed");
  assertEquals((await aborted.closed).reason, "aborted");
  assertEquals(adapter.timers, 0);
  const signal = AbortSignal.abort(new Error("before"));
  await assertRejects(() => connect(URL, { adapter, signal, reconnect: true }), Error, "before");
});

test("reconnect: an onChange that throws, or closes, does no harm", TIMEOUT, async () => {
  const world = new World();
  await world.up();
  const client: Client = await world.connect({
    onChange: (change) => {
      if (change.kind === "waiting") void client.close();
      throw new Error("thrown by onChange");
    },
  });
  const listening = world.listen(client);
  await world.down();
  await client.closed;
  assertEquals(await listening, "the end");
  assertEquals(world.adapter.timers, 0);
});

test("reconnect: on this runtime, through a server that is closed and opened again", TIMEOUT, async () => {
  const url = await freeUrl();
  const first = await serve({ listen: url });
  const reported: string[] = [];
  let lost = (): void => {};
  const isLost = new Promise<void>((resolve) => lost = resolve);
  const client = await connect(url, {
    reconnect: {
      minDelay: 20,
      maxDelay: 20,
      onChange: (change) => {
        if (change.kind === "lost") lost();
        if (change.kind !== "waiting") reported.push(describe(change).replace(/ after \d+$/, ""));
      },
      onGap: ({ milliseconds }) => void reported.push(milliseconds >= 0 ? "gap" : `a gap of ${milliseconds} ms`),
    },
  });
  await client.send(bytesOf("one"));
  const messages = client[Symbol.asyncIterator]();
  assertEquals(textOf((await messages.next()).value!), "one");
  await first.close();
  await isLost;
  const sending = client.send(bytesOf("two"));
  const second = await serve({ listen: url });
  await sending;
  assertEquals(textOf((await messages.next()).value!), "two");
  assertEquals(reported, ["connected", "lost", "reconnected", "gap"]);
  await client.close();
  assertEquals((await messages.next()).done, true);
  await second.close();
  assertEquals(second.stats().closed.internal, 0);
});

// --- the secret ---

test("a client sends its secret before anything else, on each connection", TIMEOUT, async () => {
  const world = new World();
  // A mob that wants no secret takes it for a message, so that it can be seen here.
  await world.up();
  const inside = world.mob.join();
  const { adapter } = world;
  const silent = await connect(URL, { adapter, secret: "open sesame" });
  await world.settle();
  const client = await connect(URL, { adapter, secret: "open sesame", reconnect: true });
  void client.send(bytesOf("hello"));
  await world.settle();
  const received: string[] = [];
  for await (const message of inside) {
    received.push(textOf(message));
    if (received.length === 3) break;
  }
  assertEquals(received, ["open sesame", "open sesame", "hello"]);
  void silent.close();
  void client.close();
  await world.down();
});

test("reconnect: with a wrong secret the delay keeps growing", TIMEOUT, async () => {
  const world = new World();
  await world.up({ secret: "open sesame" });
  const { adapter } = world;
  const client = await connect(URL, { adapter, secret: "open barley", reconnect: world.options({ maxAttempts: 5 }) });
  const listening = world.listen(client);
  await world.settle();
  for (let attempt = 0; attempt < 5; attempt++) await world.pass(world.waits[attempt]!);
  assertEquals(world.waits, [99, 199, 399, 799, 1599]);
  const why = await listening;
  assertStringIncludes(why, `Cannot reconnect to ${URL} in 5 attempts`);
  assertEquals(/sesame|barley/.test([why, ...world.reported].join()), false);
  assertEquals(world.mob.stats().published.frames, 0);
  await world.down();
});

test("a secret that no frame can carry is refused, and not shown", async () => {
  const options = { adapter: memoryAdapter() };
  for (
    const [secret, more, says] of [
      ["", {}, "it is empty"],
      ["open sesame".repeat(500), {}, "4096 are the most"],
      ["open\nsesame", { framing: "line" }, "a line cannot hold a newline"],
    ] as const
  ) {
    const error = await assertRejects(() => connect(URL, { ...options, ...more, secret }), Error, "Cannot use secret");
    assertStringIncludes((error as Error).message, says);
    assertEquals((error as Error).message.includes("sesame"), false);
  }
});
