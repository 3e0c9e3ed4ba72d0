import { test } from "node:test";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { type ClientError, connect } from "../../mod.ts";
import { MessageQueue } from "../../src/client/message_queue.ts";
import { encodeFrame, FRAMINGS } from "../../src/framing/framing.ts";
import type { Mob } from "../../src/server/mob.ts";
import type { Client } from "../../src/client/client.ts";
import { serve, type ServeOptions } from "../../mod.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";

const TIMEOUT = { timeout: 30_000 };

/** The texts of the next `count` messages. */
async function receive(client: Client, count: number): Promise<string[]> {
  const texts: string[] = [];
  if (count === 0) return texts;
  for await (const message of client) {
    texts.push(textOf(message));
    if (texts.length === count) break;
  }
  return texts;
}

/** A mob and some clients of it, on one adapter, all ended afterwards. */
async function withClients(
  count: number,
  options: ServeOptions,
  run: (mob: Mob, clients: Client[]) => Promise<void>,
): Promise<void> {
  const adapter = options.adapter ?? await runtimeAdapter();
  const mob = await serve({ listen: "tcp://127.0.0.1:0", ...options, adapter });
  const { framing, maxFrame } = mob.options;
  const clients: Client[] = [];
  for (let index = 0; index < count; index++) {
    clients.push(await connect(mob.urls[0]!, { adapter, framing, maxFrame }));
  }
  try {
    await run(mob, clients);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    await mob.close();
  }
  assertEquals(mob.stats().closed.internal, 0);
}

for (
  const [name, options] of Object.entries<() => ServeOptions>({
    "this runtime": () => ({}),
    "memory": () => ({ adapter: memoryAdapter() }),
    "memory with faults": () => ({ adapter: memoryAdapter({ seed: 42, capacity: 1000 }) }),
  })
) {
  test(`Clients on ${name} receive each other and themselves, byte for byte, in one order`, TIMEOUT, async () => {
    await withClients(3, options(), async (mob, clients) => {
      const everyone = [...clients, mob.join()];
      const each = 50;
      const sent = everyone.map(async (client, index) => {
        for (let count = 0; count < each; count++) {
          await client.send(bytesOf(`${index} ${count} ${"x".repeat(count * 7)}`));
        }
      });
      const received = await Promise.all(everyone.map((client) => receive(client, each * everyone.length)));
      await Promise.all(sent);
      for (const texts of received) assertEquals(texts, received[0]);
      for (const index of everyone.keys()) {
        const own = received[0]!.filter((text) => text.startsWith(`${index} `)).map((text) =>
          Number(text.split(" ")[1])
        );
        assertEquals(own, Array.from({ length: each }, (_, count) => count));
      }
    });
  });

  test(`Clients on ${name} with every framing pass a frame of maxFrame bytes`, TIMEOUT, async () => {
    for (const framing of ["u64", "u32", "line"] as const) {
      await withClients(2, { ...options(), framing, maxFrame: 100_000 }, async (_mob, [one, two]) => {
        const text = "y".repeat(100_000);
        await one!.send(bytesOf(text));
        assertEquals(await receive(two!, 1), [text]);
        await assertRejects(() => one!.send(bytesOf(`${text}y`)), RangeError, "maxFrame is 100000");
      });
    }
  });

  test(`Clients on ${name}: the end of the mob is the end of the messages, after the last one`, TIMEOUT, async () => {
    const adapter = options().adapter ?? await runtimeAdapter();
    const mob = await serve({ adapter, listen: "tcp://127.0.0.1:0" });
    const client = await connect(mob.urls[0]!, { adapter });
    await client.send(bytesOf("one"));
    assertEquals(await receive(client, 1), ["one"]);
    const inside = mob.join();
    await inside.send(bytesOf("two"));
    assertEquals(await receive(inside, 1), ["two"]);
    const closed = mob.close();
    const texts: string[] = [];
    for await (const message of client) texts.push(textOf(message));
    await closed;
    assertEquals(texts, ["two"]);
    await client.closed;
    await assertRejects(() => client.send(bytesOf("three")), Error, "Cannot send to tcp://");
  });
}

test("Client.send makes a fast sender wait while the mob does not read", TIMEOUT, async () => {
  const adapter = memoryAdapter();
  const mob = await serve({
    adapter,
    listen: "tcp://127.0.0.1:0",
    maxLag: 100_000,
    maxFrame: 10_000,
    stallTimeout: 60_000,
  });
  const client = await connect(mob.urls[0]!, { adapter });
  const payload = new Uint8Array(10_000);
  let sent = 0;
  let stop = false;
  const sending = (async () => {
    while (!stop) {
      await client.send(payload);
      sent++;
    }
  })();
  // It does not receive, so the mob stops reading it, and it has to stop: here, its turns are over when time passes.
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // In the pipes, the mob's lag, its own outbox, and what it received ahead: a few MiB, and it took no more.
  assertLess(sent * payload.length, 4 * 2 ** 20);
  stop = true;
  for await (const _ of client) {
    if (mob.stats().published.frames >= sent) break;
  }
  await sending;
  await client.close();
  await mob.close();
});

test("Client.send with a signal that aborts gives up, and nothing was sent", TIMEOUT, async () => {
  const adapter = memoryAdapter({ capacity: 1000 });
  const mob = await serve({
    adapter,
    listen: "tcp://127.0.0.1:0",
    maxLag: 200_000,
    maxFrame: 100_000,
    stallTimeout: 60_000,
  });
  const client = await connect(mob.urls[0]!, { adapter });
  const payload = new Uint8Array(100_000);
  const sends = Array.from({ length: 50 }, () => client.send(payload).catch(() => {}));
  const controller = new AbortController();
  const waiting = client.send(bytesOf("given up"), { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(() => client.send(payload, { signal: AbortSignal.abort(new Error("before")) }), Error, "before");
  await mob.close({ drain: 0 });
  await Promise.all(sends);
});

test("Client with receive: false reads and forgets, so that a mere sender is not held back", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0", maxLag: 2 ** 20 });
  const sender = await connect(mob.urls[0]!, { receive: false });
  const payload = new Uint8Array(50_000);
  for (let count = 0; count < 400; count++) await sender.send(payload);
  await sender.close();
  await mob.close();
  assertEquals([mob.stats().published.frames, mob.stats().closed.end], [400, 1]);
});

test("Client.close sends what was waiting to be sent", TIMEOUT, async () => {
  await withClients(2, {}, async (_mob, [one, two]) => {
    const sends = Array.from({ length: 200 }, (_, index) => one!.send(bytesOf(`${index} ${"z".repeat(10_000)}`)));
    const closed = one!.close();
    const texts = await receive(two!, 200);
    assertEquals(texts.map((text) => parseInt(text)), Array.from({ length: 200 }, (_, index) => index));
    await Promise.all([...sends, closed]);
  });
});

test("Client messages are the application's own: they do not change, and changing one changes no other", async () => {
  await withClients(2, {}, async (_mob, [one, two]) => {
    for (const text of ["aaaa", "bbbb"]) await one!.send(bytesOf(text));
    const messages: Uint8Array[] = [];
    for await (const message of two!) {
      message.fill(0);
      messages.push(message);
      if (messages.length === 2) break;
    }
    assertEquals(await receive(one!, 2), ["aaaa", "bbbb"]);
    assertEquals(messages.map((message) => message.buffer.byteLength), [4, 4]);
  });
});

test(
  "Client that sends more than maxFrame is removed, and reports an error when it receives more",
  TIMEOUT,
  async () => {
    const mob = await serve({ listen: "tcp://127.0.0.1:0", maxFrame: 10 });
    const loud = await connect(mob.urls[0]!, { maxFrame: 1000 });
    await loud.send(new Uint8Array(11));
    // Node and Bun reset it; Deno cannot, and there the stream just ends.
    const received = await receive(loud, 1).catch((error: Error) => error.message.slice(0, 24));
    assert(received.length === 0 || received === "Cannot read from tcp://1", `received ${received}`);
    const careful = await connect(mob.urls[0]!, { maxFrame: 5 });
    const inside = mob.join();
    await inside.send(new Uint8Array(6));
    await assertRejects(() => receive(careful, 1), Error, "over maxFrame 5");
    await mob.close({ drain: 0 });
    assertEquals(mob.stats().closed["frame-too-large"], 1);
  },
);

test("connect rejects in words: refused, no URL, aborted before and while", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const [url] = mob.urls;
  await mob.close();
  const refused = await assertRejects(() => connect(url!), Error, `Cannot connect to ${url}: connection refused`);
  const { code, cause } = refused as ClientError;
  assertEquals([code, (cause as { code?: string }).code], ["UNREACHABLE", "ECONNREFUSED"]);
  await assertRejects(() => connect("127.0.0.1:80"), TypeError, "did you mean tcp://127.0.0.1:80");
  await assertRejects(() => connect(url!, { signal: AbortSignal.abort(new Error("no")) }), Error, "no");
});

test("connect's signal ends the connection", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const controller = new AbortController();
  const client = await connect(mob.urls[0]!, { signal: controller.signal });
  controller.abort(new Error("that is all"));
  await client.closed;
  await assertRejects(() => receive(client, 1), Error, "that is all");
  await mob.close();
});

test("serve opens several listeners into one mob, and one in use closes the others", TIMEOUT, async () => {
  const mob = await serve({ listen: ["tcp://127.0.0.1:0", "tcp://localhost:0"] });
  assertEquals(new Set(mob.urls).size, 2);
  const [one, two] = await Promise.all(mob.urls.map((url) => connect(url)));
  await one!.send(bytesOf("through two listeners"));
  assertEquals(await receive(two!, 1), ["through two listeners"]);
  const error = await assertRejects(
    () => serve({ listen: ["tcp://127.0.0.1:0", mob.urls[0]!] }),
    Error,
    `Cannot listen on ${mob.urls[0]}: address in use`,
  );
  assertEquals((error as { code?: string }).code, "EADDRINUSE");
  await Promise.all([one!.close(), two!.close(), mob.close()]);
});

test("serve's signal closes the mob, and an aborted signal opens nothing", TIMEOUT, async () => {
  const controller = new AbortController();
  const mob = await serve({ listen: "tcp://127.0.0.1:0", signal: controller.signal });
  controller.abort();
  await mob.closed;
  const aborted = AbortSignal.abort(new Error("too late"));
  await assertRejects(() => serve({ listen: "tcp://127.0.0.1:0", signal: aborted }), Error, "too late");
});

test("serve and connect dispose of themselves", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const client = await connect(mob.urls[0]!);
  await client[Symbol.asyncDispose]();
  await mob[Symbol.asyncDispose]();
  assert(mob.urls.length === 0);
});

test("Message queue holds messages of one byte for what their frames take, in order", () => {
  const messages = new MessageQueue(FRAMINGS.u64, 2 ** 20);
  const frames = 100_000;
  for (let at = 0; at < frames; at++) messages.push(encodeFrame("u64", Uint8Array.of(at % 251)), 0, 9, 1);
  // The first one waits by itself; the last block has room left.
  assertLess(messages.bytes, 1.1 * 9 * frames + 8192);
  assertLess(9 * frames, messages.bytes);
  for (let at = 0; at < frames; at++) {
    const message = messages.take()!;
    assert(message.length === 1 && message[0] === at % 251 && message.buffer.byteLength === 1, `message ${at}`);
  }
  assertEquals([messages.take(), messages.bytes], [undefined, 0]);
});

test("Message queue counts the whole buffer that a run of frames pins, and gives out copies", () => {
  const messages = new MessageQueue(FRAMINGS.line, 2 ** 20);
  const text = bytesOf("one two three\n".repeat(500));
  const chunk = new Uint8Array(text.length + 4000).subarray(0, text.length);
  chunk.set(text);
  messages.push(chunk, 0, chunk.length, 500);
  assertLess(chunk.buffer.byteLength - 1, messages.bytes);
  const counted = messages.bytes;
  messages.push(chunk, 0, 1400, 100);
  // No more than a part of the chunk, so it is copied out.
  assertLess(messages.bytes, counted + 1400 + 1024);
  messages.pushPieces([bytesOf("in "), bytesOf("pieces\n")], 10);
  for (let at = 0; at < 600; at++) assertEquals(textOf(messages.take()!), "one two three");
  assertEquals([textOf(messages.take()!), messages.take(), messages.bytes], ["in pieces", undefined, 0]);
});

test("Message queue gives back what a block of small frames did not need", () => {
  const messages = new MessageQueue(FRAMINGS.u64, 2 ** 20);
  const large = encodeFrame("u64", new Uint8Array(1100));
  const small = encodeFrame("u64", Uint8Array.of(7));
  for (let at = 0; at < 100; at++) {
    messages.push(large, 0, large.length, 1);
    messages.push(small, 0, small.length, 1);
  }
  assertLess(messages.bytes, 100 * (large.length + small.length + 2 * 256) + 8192);
  for (let at = 0; at < 200; at++) assertEquals(messages.take()!.length, at % 2 === 0 ? 1100 : 1);
  assertEquals(messages.bytes, 0);
});

test("Message queue gives out payloads around the size from which they wait by themselves", () => {
  const messages = new MessageQueue(FRAMINGS.u64, 2 ** 20);
  const sizes = Array.from({ length: 40 }, (_, at) => 1000 + at);
  for (const size of [1, ...sizes]) {
    const frame = encodeFrame("u64", new Uint8Array(size).fill(size));
    messages.push(frame, 0, frame.length, 1);
    messages.pushPieces([frame.subarray(0, 20), frame.subarray(20)], frame.length);
  }
  for (const size of [1, ...sizes]) {
    for (const way of ["whole", "in pieces"]) {
      const message = messages.take()!;
      const { length, buffer } = message;
      assertEquals([length, buffer.byteLength, message[size - 1]], [size, size, size & 255], way);
    }
  }
  assertEquals([messages.take(), messages.bytes], [undefined, 0]);
});
