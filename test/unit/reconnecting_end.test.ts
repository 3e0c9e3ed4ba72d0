/** Clients that connect again: when they give up, how they end, and their secret. */

import { test } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { connect } from "../../mod.ts";
import type { Client } from "../../src/client/client.ts";
import { serve } from "../../mod.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { describe, TIMEOUT, URL, World } from "../helpers/reconnecting_world.ts";

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
