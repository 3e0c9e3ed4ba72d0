/** Calls that wait: in queues of any length, for signals that abort early, late or not at all. */

import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { onAbort } from "../../src/contract/abort.ts";
import { AcceptBackoff } from "../../src/admission/accept_backoff.ts";
import { connect } from "../../mod.ts";
import { Queue } from "../../src/contract/queue.ts";
import { serve } from "../../mod.ts";
import { SendQueue } from "../../src/client/send_queue.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";

const TIMEOUT = { timeout: 60_000 };
const URL = "tcp://127.0.0.1:7000";

/** What is quadratic takes many times as long; what is linear a fraction of this, also on a busy machine. */
const AT_MOST = 3_000;

/** A signal, and how many listeners it has and has had at most. */
function counted(): { controller: AbortController; listeners: () => number; most: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const { addEventListener, removeEventListener } = signal;
  let now = 0;
  let most = 0;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    most = Math.max(most, ++now);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    now--;
    removeEventListener.apply(signal, args);
  };
  return { controller, listeners: () => now, most: () => most };
}

/** Processor time: what a busy machine does meanwhile does not count. */
async function milliseconds(run: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test("SendQueue costs the same for each call, however many wait, go on, or give up", TIMEOUT, async () => {
  const count = 100_000;
  const { controller, listeners, most } = counted();
  const line = new SendQueue<number>();
  const took = await milliseconds(async () => {
    const outcomes: string[] = [];
    const waits = Array.from(
      { length: count },
      (_, index) =>
        line.wait(index, index % 2 === 0 ? controller.signal : undefined).then(
          () => void outcomes.push("tick"),
          () => void outcomes.push("gave up"),
        ),
    );
    assertEquals([line.next(), line.next(), line.length], [0, 1, count - 2]);
    controller.abort(new Error("enough"));
    assertEquals(line.length, count / 2 - 1);
    for (let index = 3; index < count; index += 2) assertEquals(line.next(), index);
    await Promise.all(waits);
    assertEquals(outcomes.filter((outcome) => outcome === "tick").length, count / 2 + 1);
  });
  assertLess(took, AT_MOST);
  assertEquals([line.length, listeners(), most()], [0, 0, 1]);
});

test("SendQueue: a call that gives up, first, last or in between, takes no other along", async () => {
  for (const leaving of [[0], [4], [2], [0, 4], [1, 2, 3], [0, 1, 2, 3, 4]]) {
    const line = new SendQueue<number>();
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const waits = controllers.map(({ signal }, index) => line.wait(index, signal));
    const settled = Promise.allSettled(waits);
    for (const index of leaving) controllers[index]!.abort(new Error(`${index}`));
    const staying = [0, 1, 2, 3, 4].filter((index) => !leaving.includes(index));
    const served: number[] = [];
    while (line.length > 0) {
      served.push(line.next());
      // Late: calls that were resolved already.
      for (const index of served) controllers[index]!.abort();
      assertEquals(line.length, staying.length - served.length);
    }
    assertEquals(served, staying);
    const statuses = (await settled).map(({ status }) => status);
    assertEquals(statuses.map((status) => status === "rejected"), [0, 1, 2, 3, 4].map((i) => leaving.includes(i)));
  }
});

test(
  "Client.send: a signal that aborts late takes no other call out of the queue, and nothing is lost",
  TIMEOUT,
  async () => {
    const adapter = memoryAdapter();
    await using mob = await serve({ adapter, listen: URL });
    const client = await connect(URL, { adapter, receive: false });
    const inside = mob.join();
    const filler = bytesOf("f".repeat(300_000));
    const { controller, listeners } = counted();
    const { signal } = controller;
    // The first fills the room, so the others wait; the second is resolved before the signal aborts.
    const first = [client.send(filler), client.send(bytesOf("had its turn"), { signal })];
    const texts: string[] = [];
    const receiving = (async () => {
      for await (const message of inside) {
        texts.push(textOf(message).slice(0, 20));
        if (texts.at(-1) === "last") return;
      }
    })();
    await Promise.all(first);
    assertEquals(listeners(), 0);
    const rest = [client.send(filler), ...["a", "b", "last"].map((text) => client.send(bytesOf(text)))];
    controller.abort(new Error("late"));
    await Promise.all([...rest, receiving]);
    assertEquals(texts, ["f".repeat(20), "had its turn", "f".repeat(20), "a", "b", "last"]);
    await client.close();
  },
);

test("Client.send, not awaited one by one, costs the same for each, on this runtime", TIMEOUT, async () => {
  const count = 50_000;
  await using mob = await serve({ listen: "tcp://127.0.0.1:0", maxLag: 2 ** 26 });
  const payload = new Uint8Array(64);
  const clients = [
    await connect(mob.urls[0]!, { receive: false }),
    await connect(mob.urls[0]!, { receive: false, reconnect: true }),
    mob.join({ receive: false }),
  ];
  for (const client of clients) {
    const took = await milliseconds(() => Promise.all(Array.from({ length: count }, () => client.send(payload))));
    assertLess(took, AT_MOST);
    await client.close();
    assertEquals(client.error, undefined);
  }
  assertEquals(mob.stats().published.frames, clients.length * count);
});

test(
  "one signal has one listener, whatever waits for it: clients, sends and dials; and none in the end",
  TIMEOUT,
  async () => {
    await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
    const { controller, listeners, most } = counted();
    const { signal } = controller;
    const clients = await Promise.all(
      Array.from({ length: 12 }, () => connect(mob.urls[0]!, { signal, receive: false })),
    );
    const again = await connect(mob.urls[0]!, { signal, reconnect: true });
    // One for the clients; Deno's own `connect` has one for itself.
    const own = "Deno" in globalThis ? 13 : 0;
    assertEquals([listeners(), most() <= 1 + own], [1, true]);
    const large = new Uint8Array(2 ** 20 - 8);
    const sends = Array.from({ length: 20 }, () => clients[0]!.send(large, { signal }).catch(() => {}));
    assertEquals(listeners(), 1);
    controller.abort(new Error("all of it"));
    await Promise.all([...sends, ...[...clients, again].map((client) => client.closed)]);
    const causes = [...clients, again].map((client) => (client.error?.cause as Error).message);
    assertEquals(causes, Array(13).fill("all of it"));
    const later = counted();
    const last = await connect(mob.urls[0]!, { signal: later.controller.signal });
    const reconnecting = await connect(mob.urls[0]!, { signal: later.controller.signal, reconnect: true });
    await last.close();
    assertEquals(later.listeners(), 1);
    await reconnecting.close();
    assertEquals(later.listeners(), 0);
  },
);

test("Client.send: one signal ends 50,000 calls that wait, the others go on", TIMEOUT, async () => {
  const adapter = memoryAdapter({ manual: true });
  const mob = await serve({ adapter, listen: URL });
  const client = await connect(URL, { adapter, receive: false });
  const controller = new AbortController();
  const { signal } = controller;
  const first = client.send(new Uint8Array(300_000));
  const took = await milliseconds(async () => {
    const given = Array.from({ length: 50_000 }, () => client.send(bytesOf("x"), { signal }));
    const kept = client.send(bytesOf("kept"));
    controller.abort(new Error("enough"));
    const outcomes = await Promise.allSettled(given);
    assertEquals(outcomes.every(({ status }) => status === "rejected"), true);
    adapter.run();
    await Promise.all([first, kept]);
  });
  assertLess(took, AT_MOST);
  assertEquals(mob.stats().published.frames, 2);
  void client.close();
  void mob.close({ drain: 0 });
  adapter.run();
  await client.closed;
});

test("onAbort: a listener that is removed while the signal aborts does not run", () => {
  const controller = new AbortController();
  const ran: string[] = [];
  const back: (() => void)[] = [];
  onAbort(controller.signal, () => {
    ran.push("first");
    for (const takeBack of back) takeBack();
  });
  back.push(onAbort(controller.signal, () => ran.push("taken back")));
  onAbort(controller.signal, () => ran.push("last"));
  controller.abort();
  assertEquals(ran, ["first", "last"]);
});

test("Queue: first in, first out, linear, whatever its length", async () => {
  const queue = new Queue<number>();
  let next = 0;
  const took = await milliseconds(() => {
    for (let index = 0; index < 300_000; index++) {
      queue.push(index);
      // A queue that grows, is half taken, grows again.
      if (index % 3 === 2) assertEquals([queue.first, queue.shift(), queue.length], [next, next++, index + 1 - next]);
    }
    while (queue.length > 0) assertEquals(queue.shift(), next++);
  });
  assertLess(took, AT_MOST);
  assertEquals([next, queue.first, queue.shift(), queue.length], [300_000, undefined, undefined, 0]);
  queue.push(1);
  queue.replaceFirst(2);
  assertEquals([queue.first, queue.length], [2, 1]);
  queue.clear();
  assertEquals(queue.length, 0);
});

test("AcceptBackOff: waits double up to a second, and start anew after an accept, or sooner with room", async () => {
  const waits: number[] = [];
  let ready: () => void = () => {};
  const backoff = new AcceptBackoff({
    after: (wait, run) => {
      waits.push(wait);
      ready = run;
      return () => {};
    },
  });
  const fail = async (): Promise<void> => {
    const over = backoff.failed(Object.assign(new Error("full"), { code: "EMFILE" }));
    ready();
    await over;
  };
  for (let count = 0; count < 9; count++) await fail();
  backoff.succeeded();
  for (let count = 0; count < 3; count++) await fail();
  const over = backoff.failed(Object.assign(new Error("full"), { code: "EMFILE" }));
  backoff.tryNow();
  await over;
  await fail();
  assertEquals(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000, 10, 20, 40, 80, 20]);
});
