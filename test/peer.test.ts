import { test } from "node:test";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { memoryAdapter } from "../adapters/memory.ts";
import { runtimeAdapter } from "../adapters/runtime.ts";
import { connect } from "../src/client.ts";
import { Mailbox } from "../src/mailbox.ts";
import type { Mob } from "../src/mob.ts";
import type { Peer } from "../src/peer.ts";
import { serve, type ServeOptions } from "../src/serve.ts";
import { bytesOf, textOf } from "./helpers/bytes.ts";

const TIMEOUT = { timeout: 30_000 };

/** The texts of the next `count` messages. */
async function hear(peer: Peer, count: number): Promise<string[]> {
  const texts: string[] = [];
  if (count === 0) return texts;
  for await (const message of peer) {
    texts.push(textOf(message));
    if (texts.length === count) break;
  }
  return texts;
}

/** A mob and some peers of it, on one adapter, all ended afterwards. */
async function withPeers(
  count: number,
  options: ServeOptions,
  run: (mob: Mob, peers: Peer[]) => Promise<void>,
): Promise<void> {
  const adapter = options.adapter ?? await runtimeAdapter();
  const mob = await serve({ listen: "tcp://127.0.0.1:0", ...options, adapter });
  const { framing, maxFrame } = mob.options;
  const peers: Peer[] = [];
  for (let index = 0; index < count; index++) {
    peers.push(await connect(mob.urls[0]!, { adapter, framing, maxFrame }));
  }
  try {
    await run(mob, peers);
  } finally {
    await Promise.all(peers.map((peer) => peer.close()));
    await mob.close();
  }
  assertEquals(mob.stats().left.internal, 0);
}

for (
  const [name, options] of Object.entries<() => ServeOptions>({
    "this runtime": () => ({}),
    "memory": () => ({ adapter: memoryAdapter() }),
    "memory with faults": () => ({ adapter: memoryAdapter({ seed: 42, capacity: 1000 }) }),
  })
) {
  test(`Peers on ${name} hear each other and themselves, byte for byte, in one order`, TIMEOUT, async () => {
    await withPeers(3, options(), async (mob, peers) => {
      const everyone = [...peers, mob.join()];
      const each = 50;
      const sent = everyone.map(async (peer, index) => {
        for (let count = 0; count < each; count++) {
          await peer.send(bytesOf(`${index} ${count} ${"x".repeat(count * 7)}`));
        }
      });
      const heard = await Promise.all(everyone.map((peer) => hear(peer, each * everyone.length)));
      await Promise.all(sent);
      for (const texts of heard) assertEquals(texts, heard[0]);
      for (const index of everyone.keys()) {
        const own = heard[0]!.filter((text) => text.startsWith(`${index} `)).map((text) => Number(text.split(" ")[1]));
        assertEquals(own, Array.from({ length: each }, (_, count) => count));
      }
    });
  });

  test(`Peers on ${name} with every framing pass a frame of maxFrame bytes`, TIMEOUT, async () => {
    for (const framing of ["u64", "u32", "line"] as const) {
      await withPeers(2, { ...options(), framing, maxFrame: 100_000 }, async (_mob, [one, two]) => {
        const text = "y".repeat(100_000);
        await one!.send(bytesOf(text));
        assertEquals(await hear(two!, 1), [text]);
        await assertRejects(() => one!.send(bytesOf(`${text}y`)), RangeError, "maxFrame is 100000");
      });
    }
  });

  test(`Peers on ${name}: the end of the mob is the end of the messages, after the last one`, TIMEOUT, async () => {
    const adapter = options().adapter ?? await runtimeAdapter();
    const mob = await serve({ adapter, listen: "tcp://127.0.0.1:0" });
    const peer = await connect(mob.urls[0]!, { adapter });
    await peer.send(bytesOf("one"));
    assertEquals(await hear(peer, 1), ["one"]);
    const inside = mob.join();
    await inside.send(bytesOf("two"));
    assertEquals(await hear(inside, 1), ["two"]);
    const closed = mob.close();
    const texts: string[] = [];
    for await (const message of peer) texts.push(textOf(message));
    await closed;
    assertEquals(texts, ["two"]);
    await peer.closed;
    await assertRejects(() => peer.send(bytesOf("three")), Error, "Cannot send to tcp://");
  });
}

test("Peer.send makes a fast sender wait while nobody takes what it sends", TIMEOUT, async () => {
  const adapter = memoryAdapter();
  const mob = await serve({
    adapter,
    listen: "tcp://127.0.0.1:0",
    maxLag: 100_000,
    maxFrame: 10_000,
    stallTimeout: 60_000,
  });
  const peer = await connect(mob.urls[0]!, { adapter });
  const payload = new Uint8Array(10_000);
  let sent = 0;
  let stop = false;
  const sending = (async () => {
    while (!stop) {
      await peer.send(payload);
      sent++;
    }
  })();
  // It does not hear, so the mob stops reading it, and it has to stop: here, its turns are over when time passes.
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // In the pipes, the mob's lag, its own outbox, and what it heard ahead: a few MiB, and it took no more.
  assertLess(sent * payload.length, 4 * 2 ** 20);
  stop = true;
  for await (const _ of peer) {
    if (mob.stats().published.frames >= sent) break;
  }
  await sending;
  await peer.close();
  await mob.close();
});

test("Peer.send with a signal that aborts gives up, and nothing was sent", TIMEOUT, async () => {
  const adapter = memoryAdapter({ capacity: 1000 });
  const mob = await serve({
    adapter,
    listen: "tcp://127.0.0.1:0",
    maxLag: 200_000,
    maxFrame: 100_000,
    stallTimeout: 60_000,
  });
  const peer = await connect(mob.urls[0]!, { adapter });
  const payload = new Uint8Array(100_000);
  const sends = Array.from({ length: 50 }, () => peer.send(payload).catch(() => {}));
  const controller = new AbortController();
  const waiting = peer.send(bytesOf("given up"), { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(() => peer.send(payload, { signal: AbortSignal.abort(new Error("before")) }), Error, "before");
  await mob.close({ drain: 0 });
  await Promise.all(sends);
});

test("Peer with hear: false reads and forgets, so that a mere sender is not held back", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0", maxLag: 2 ** 20 });
  const sender = await connect(mob.urls[0]!, { hear: false });
  const payload = new Uint8Array(50_000);
  for (let count = 0; count < 400; count++) await sender.send(payload);
  await sender.close();
  await mob.close();
  assertEquals([mob.stats().published.frames, mob.stats().left.end], [400, 1]);
});

test("Peer.close sends what was waiting to be sent", TIMEOUT, async () => {
  await withPeers(2, {}, async (_mob, [one, two]) => {
    const sends = Array.from({ length: 200 }, (_, index) => one!.send(bytesOf(`${index} ${"z".repeat(10_000)}`)));
    const closed = one!.close();
    const texts = await hear(two!, 200);
    assertEquals(texts.map((text) => parseInt(text)), Array.from({ length: 200 }, (_, index) => index));
    await Promise.all([...sends, closed]);
  });
});

test("Peer messages are the application's own: they do not change, and changing one changes no other", async () => {
  await withPeers(2, {}, async (_mob, [one, two]) => {
    for (const text of ["aaaa", "bbbb"]) await one!.send(bytesOf(text));
    const messages: Uint8Array[] = [];
    for await (const message of two!) {
      message.fill(0);
      messages.push(message);
      if (messages.length === 2) break;
    }
    assertEquals(await hear(one!, 2), ["aaaa", "bbbb"]);
    assertEquals(messages.map((message) => message.buffer.byteLength), [4, 4]);
  });
});

test("Peer that says more than maxFrame is cut, and says so itself when it hears more", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0", maxFrame: 10 });
  const loud = await connect(mob.urls[0]!, { maxFrame: 1000 });
  await loud.send(new Uint8Array(11));
  // Node and Bun reset it; Deno cannot, and there the stream just ends.
  const heard = await hear(loud, 1).catch((error: Error) => error.message.slice(0, 24));
  assert(heard.length === 0 || heard === "Cannot read from tcp://1", `heard ${heard}`);
  const careful = await connect(mob.urls[0]!, { maxFrame: 5 });
  const inside = mob.join();
  await inside.send(new Uint8Array(6));
  await assertRejects(() => hear(careful, 1), Error, "over maxFrame 5");
  await mob.close({ drain: 0 });
  assertEquals(mob.stats().left["frame-too-large"], 1);
});

test("connect rejects in words: refused, no URL, aborted before and while", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const [url] = mob.urls;
  await mob.close();
  const refused = await assertRejects(() => connect(url!), Error, `Cannot connect to ${url}: connection refused`);
  assertEquals((refused as { code?: string }).code, "ECONNREFUSED");
  await assertRejects(() => connect("127.0.0.1:80"), TypeError, "did you mean tcp://127.0.0.1:80");
  await assertRejects(() => connect(url!, { signal: AbortSignal.abort(new Error("no")) }), Error, "no");
});

test("connect's signal ends the connection", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const controller = new AbortController();
  const peer = await connect(mob.urls[0]!, { signal: controller.signal });
  controller.abort(new Error("that is all"));
  await peer.closed;
  await assertRejects(() => hear(peer, 1), Error, "that is all");
  await mob.close();
});

test("serve opens several doors into one mob, and one in use closes the others", TIMEOUT, async () => {
  const mob = await serve({ listen: ["tcp://127.0.0.1:0", "tcp://localhost:0"] });
  assertEquals(new Set(mob.urls).size, 2);
  const [one, two] = await Promise.all(mob.urls.map((url) => connect(url)));
  await one!.send(bytesOf("through two doors"));
  assertEquals(await hear(two!, 1), ["through two doors"]);
  const error = await assertRejects(
    () => serve({ listen: ["tcp://127.0.0.1:0", mob.urls[0]!] }),
    Error,
    `Cannot listen on ${mob.urls[0]}: address in use`,
  );
  assertEquals((error as { code?: string }).code, "EADDRINUSE");
  await Promise.all([one!.close(), two!.close(), mob.close()]);
});

test("serve's signal closes the mob, and one that has aborted opens nothing", TIMEOUT, async () => {
  const controller = new AbortController();
  const mob = await serve({ listen: "tcp://127.0.0.1:0", signal: controller.signal });
  controller.abort();
  await mob.closed;
  const aborted = AbortSignal.abort(new Error("too late"));
  await assertRejects(() => serve({ listen: "tcp://127.0.0.1:0", signal: aborted }), Error, "too late");
});

test("serve and connect dispose of themselves", TIMEOUT, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const peer = await connect(mob.urls[0]!);
  await peer[Symbol.asyncDispose]();
  await mob[Symbol.asyncDispose]();
  assert(mob.urls.length === 0);
});

test("Mailbox counts the bytes that nobody took, message by message", () => {
  const mailbox = new Mailbox();
  for (const text of ["one", "three", "seventeen"]) mailbox.push(bytesOf(text));
  const counts = [mailbox.bytes];
  while (mailbox.take() !== undefined) counts.push(mailbox.bytes);
  assertEquals(counts, [17, 14, 9, 0]);
});
