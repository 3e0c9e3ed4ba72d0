/** The interface that all clients have in common: plain, reconnecting and in-process, on the runtime at hand. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { type Client, CLIENT_ERRORS, type ClientEnd, ClientError, connect, type Mob, serve } from "../../mod.ts";
import type { Socket } from "../../src/contract/adapter.ts";
import { parseAddress } from "../../src/contract/address.ts";
import { tokenOf } from "../../src/contract/token.ts";
import { frameOf } from "../helpers/bytes.ts";
import { settle } from "../helpers/settle.ts";

const TIMEOUT = { timeout: 30_000 };
const LISTEN = "tcp://127.0.0.1:0";

/** One client of each kind. They are of one type, assignable to each other. */
const KINDS: Readonly<Record<string, (mob: Mob) => Promise<Client>>> = {
  plain: (mob) => connect(mob.urls[0]!),
  reconnecting: (mob) => connect(mob.urls[0]!, { reconnect: mob.urls.length > 0 }),
  "in-process": (mob) => Promise.resolve(mob.join()),
};

/** Runs a test with a mob and a client of each kind. */
function eachKind(fact: string, run: (client: Client, mob: Mob, kind: string) => Promise<void>): void {
  for (const [kind, make] of Object.entries(KINDS)) {
    test(`client (${kind}): ${fact}`, TIMEOUT, async () => {
      const mob = await serve({ listen: LISTEN });
      const client = await make(mob);
      try {
        await run(client, mob, kind);
      } finally {
        await client.close({ timeout: 0 });
        await mob.close({ drain: 0 });
      }
    });
  }
}

/** Waits until the mob has so many connections. */
async function connected(mob: Mob, count: number): Promise<void> {
  while (mob.stats().connections < count) await new Promise((resolve) => setTimeout(resolve, 1));
}

eachKind("text, bytes of any view and JSON go out and come back as themselves", async (client, mob) => {
  await connected(mob, 1);
  const numbers = new Uint16Array([0x4241, 0x4443]);
  await client.send("žluť 🐎");
  await client.send(numbers);
  await client.send(numbers.buffer);
  await client.send(new DataView(numbers.buffer, 1, 2));
  const texts = client.text();
  const received: string[] = [];
  for await (const text of texts) {
    received.push(text);
    if (received.length === 4) break;
  }
  assertEquals(received, ["žluť 🐎", "ABCD", "ABCD", "BC"]);
  await client.send('{"a":[1,null]}');
  await client.send("no JSON");
  await client.send("2");
  const values = client.json<{ a: unknown[] } | number>();
  assertEquals((await values.next()).value, { a: [1, null] });
  await assertRejects(() => values.next(), SyntaxError);
  assertEquals((await values.next()).value, 2);
});

eachKind("a message fits what takes a buffer of its own", async (client, mob) => {
  await connected(mob, 1);
  await client.send("abc");
  for await (const message of client) {
    const bytes: Uint8Array<ArrayBuffer> = message;
    assertEquals(await new Blob([message]).text(), "abc");
    assertEquals(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))[0], 0xba);
    break;
  }
});

eachKind("return() ends a next() that waits, and no message is lost by it", async (client, mob) => {
  await connected(mob, 1);
  const first = client[Symbol.asyncIterator]();
  const waiting = [first.next(), first.next()];
  assertEquals(await first.return(), { done: true, value: undefined });
  assertEquals(await Promise.all(waiting), [{ done: true, value: undefined }, { done: true, value: undefined }]);
  assertEquals(await first.next(), { done: true, value: undefined });
  await client.send("for the second");
  assertEquals((await client.text().next()).value, "for the second");
});

eachKind(
  "many pending next() of several iterators get the messages in the order of their calls",
  async (client, mob) => {
    await connected(mob, 1);
    const [one, two] = [client.text(), client.text()];
    const calls = Array.from({ length: 2000 }, (_, index) => (index % 2 === 0 ? one : two).next());
    for (let index = 0; index < 2000; index++) void client.send(`${index}`);
    const texts = (await Promise.all(calls)).map(({ value }) => value);
    assertEquals(texts, Array.from({ length: 2000 }, (_, index) => `${index}`));
  },
);

eachKind("streams: readable through a TextDecoderStream, writable by pipeTo", async (client, mob) => {
  await connected(mob, 1);
  const texts = ["one", "two", "three"];
  const source = new ReadableStream<string>({
    start(controller) {
      for (const text of texts) controller.enqueue(text);
      controller.close();
    },
  });
  await source.pipeTo(client.writable, { preventClose: true });
  const reader = client.readable.pipeThrough(new TextDecoderStream()).getReader();
  const received: string[] = [];
  while (received.join("").length < 11) received.push((await reader.read()).value!);
  assertEquals(received, texts);
  await reader.cancel();
  assertEquals(client.state, "open");
  await client.send("behind the stream");
  assertEquals((await client.text().next()).value, "behind the stream");
});

eachKind("closing writable closes the client, and everything has arrived", async (client, mob) => {
  await connected(mob, 1);
  const other = mob.join();
  const writer = client.writable.getWriter();
  await writer.write("last words");
  await writer.close();
  assertEquals(await client.closed, { reason: "closed" });
  assertEquals((await other.text().next()).value, "last words");
  await assertRejects(() => client.send("x"), ClientError, "the connection is closed");
  assertThrows(() => client.trySend("x"), ClientError, "the connection is closed");
});

eachKind("states, and why it ended: closed here", async (client) => {
  assertEquals([client.state, client.error, client.bufferedAmount], ["open", undefined, 0]);
  const ends = await Promise.all([client.close(), client.closed, client.close()]);
  assertEquals(ends, [{ reason: "closed" }, { reason: "closed" }, { reason: "closed" }]);
  assertEquals(client.state, "closed");
  const { done } = await client.text().next();
  assertEquals(done, true);
});

eachKind("a wrong payload is refused by what it is, by send and trySend", async (client, mob) => {
  await connected(mob, 1);
  for (const wrong of [undefined, null, 42, [1], { a: 1 }, new Blob(["x"]), Promise.resolve("x")]) {
    await assertRejects(() => client.send(wrong as never), TypeError, "a payload is");
    assertThrows(() => client.trySend(wrong as never), TypeError, "a payload is");
  }
  await client.send("fine");
  assertEquals((await client.text().next()).value, "fine");
});

test("client: trySend takes nothing when 256 KiB wait, and bufferedAmount counts what waits", TIMEOUT, async () => {
  const adapter = memoryAdapter({ manual: true, capacity: 1000 });
  const mob = await serve({ adapter, listen: LISTEN, maxFrame: 1 << 20 });
  const client = mob.join();
  const chunk = "x".repeat(100_000);
  const taken = [1, 2, 3, 4, 5].map(() => client.trySend(chunk));
  assertEquals(taken, [true, true, true, false, false]);
  assertEquals(client.bufferedAmount, 300_024);
  const waiting = client.send(chunk);
  assertEquals(client.bufferedAmount, 400_024);
  adapter.run();
  await waiting;
  adapter.run();
  assertEquals(client.bufferedAmount < 300_000, true);
  void client.close({ timeout: 0 });
  void mob.close({ drain: 0 });
  adapter.run();
});

// --- why it ended ---

/** What a client says of its end: by `closed`, `error`, an iterator and `send`. */
async function endOf(client: Client): Promise<[ClientEnd["reason"], string | undefined]> {
  const end = await client.closed;
  assertEquals(end.error, client.error);
  assertEquals(client.state, "closed");
  let thrown: unknown;
  try {
    for await (const _ of client);
  } catch (error) {
    thrown = error;
  }
  assertEquals(thrown, end.error);
  const late = await assertRejects(() => client.send("late"), ClientError) as ClientError;
  assertEquals(late.code, "CLOSED");
  if (end.error !== undefined) assert(end.error.code in CLIENT_ERRORS && end.error instanceof Error);
  return [end.reason, end.error?.code];
}

test("client: refused before anything was received, whatever refuses it", TIMEOUT, async () => {
  const full = await serve({ listen: LISTEN, maxConnections: 1 });
  await connect(full.urls[0]!);
  await connected(full, 1);
  const secret = await serve({ listen: LISTEN, secret: "s" });
  const own = await serve({ listen: LISTEN, authorize: () => Promise.resolve(false) });
  const list = await serve({ listen: LISTEN, deny: ["127.0.0.1"] });
  for (const [mob, options] of [[full, {}], [secret, { secret: "wrong" }], [own, {}], [list, {}]] as const) {
    const client = await connect(mob.urls[0]!, options);
    assertEquals(await endOf(client), ["refused", "REFUSED"]);
    await mob.close({ drain: 0 });
  }
});

test("client: ended by the server in order, after something was received", TIMEOUT, async () => {
  const mob = await serve({ listen: LISTEN });
  const clients = [await connect(mob.urls[0]!), mob.join()];
  await connected(mob, 2);
  mob.publish("x");
  for (const client of clients) await client.text().next();
  await mob.close();
  for (const client of clients) assertEquals(await endOf(client), ["ended", undefined]);
});

test("client: lost, when the connection breaks", TIMEOUT, async () => {
  const adapter = memoryAdapter({ manual: true });
  let socket!: Socket & { reset(): void };
  await adapter.listen(parseAddress("tcp://127.0.0.1:7000"), {
    accept: (accepted) => {
      socket = accepted as typeof socket;
      return tokenOf(0, 1);
    },
    ready: () => {},
    acceptFailed: () => Promise.resolve(),
  });
  const client = await connect("tcp://127.0.0.1:7000", { adapter });
  socket.write(frameOf("x"));
  await settle(adapter);
  socket.reset();
  await settle(adapter);
  assertEquals((await client.closed).reason, "lost");
  assertEquals(client.error?.code, "LOST");
  assertEquals((client.error?.cause as { code?: string }).code, "ECONNRESET");
});

test("client: lagged, when it is cut while it does not read", TIMEOUT, async () => {
  const adapter = memoryAdapter();
  const mob = await serve({ adapter, listen: LISTEN, maxLag: 1 << 20 });
  const client = await connect(mob.urls[0]!, { adapter });
  await connected(mob, 1);
  while (mob.stats().closed.lagged === 0) {
    mob.publish(new Uint8Array(100_000));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  let received = 0;
  let code: string | undefined;
  try {
    for await (const _ of client) received++;
  } catch (error) {
    ({ code } = error as ClientError);
  }
  assert(received > 0);
  assertEquals([code, (await client.closed).reason], ["LAGGED", "lagged"]);
  await mob.close({ drain: 0 });
});

test("client: ended in order, though it was behind a moment ago", TIMEOUT, async () => {
  const mob = await serve({ listen: LISTEN });
  const client = await connect(mob.urls[0]!);
  await connected(mob, 1);
  for (let count = 0; count < 30; count++) mob.publish(new Uint8Array(100_000));
  while (mob.stats().bufferedAmount > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const closed = mob.close();
  let received = 0;
  for await (const _ of client) received++;
  assertEquals([received, await client.closed], [30, { reason: "ended" }]);
  await closed;
});

test("client: aborted by its signal, with the reason as the cause", TIMEOUT, async () => {
  const mob = await serve({ listen: LISTEN });
  for (const reconnect of [false, true]) {
    const controller = new AbortController();
    const client = await connect(mob.urls[0]!, { signal: controller.signal, reconnect });
    const reason = new Error("enough");
    controller.abort(reason);
    assertEquals(await endOf(client), ["aborted", "ABORTED"]);
    assertEquals(client.error?.cause, reason);
  }
  await mob.close({ drain: 0 });
});

test("client: a reconnecting one gives up, and says so", TIMEOUT, async () => {
  const mob = await serve({ listen: LISTEN });
  const states: string[] = [];
  const made: Client[] = [];
  const onChange = (): void => void states.push(made[0]?.state ?? "connecting");
  made.push(await connect(mob.urls[0]!, { reconnect: { maxAttempts: 2, minDelay: 1, maxDelay: 2, onChange } }));
  await mob.close({ drain: 0 });
  assertEquals(await endOf(made[0]!), ["gave-up", "GAVE_UP"]);
  assert(states.includes("connecting"));
});

test("client: a ping keeps a client that only receives in a mob with idleTimeout", TIMEOUT, async () => {
  const adapter = memoryAdapter({ manual: true });
  const mob = await serve({ adapter, listen: LISTEN, idleTimeout: 1000 });
  const [url] = mob.urls;
  const making = [connect(url!, { adapter, ping: 900 }), connect(url!, { adapter })];
  adapter.run();
  const [pinging, silent] = await Promise.all(making);
  for (let passed = 0; passed < 10_000; passed += 100) adapter.advance(100);
  assertEquals([pinging!.state, (await silent!.closed).reason], ["open", "refused"]);
  const { pings, closed } = mob.stats();
  assert(pings >= 10 && pings <= 23, `${pings} pings`);
  assertEquals(closed.idle, 1);
  // What it says itself counts, too.
  for (let passed = 0; passed < 5000; passed += 100) {
    pinging!.trySend("x");
    // It is under way when the next ping is due.
    adapter.run();
    adapter.advance(100);
  }
  assertEquals(mob.stats().pings, pings);
  void pinging!.close({ timeout: 0 });
  void mob.close({ drain: 0 });
  adapter.run();
  assertEquals(adapter.timers, 0);
});
