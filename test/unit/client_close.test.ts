/** A client that closes delivers what it has sent, or reports that it did not: against a server that the test drives. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory.ts";
import type { Socket } from "../../src/contract/adapter.ts";
import { parseAddress } from "../../src/contract/address.ts";
import { connect, type ConnectOptions } from "../../mod.ts";
import { Patience } from "../../src/client/patience.ts";
import type { Client } from "../../src/client/client.ts";
import { tokenOf } from "../../src/contract/token.ts";
import { bytesOf } from "../helpers/bytes.ts";
import { settle } from "../helpers/settle.ts";

const TIMEOUT = { timeout: 30_000 };
const URL = "tcp://127.0.0.1:7000";

/** Bytes that a pipe holds here, and the payload of which two frames are more than that. */
const CAPACITY = 1000;
const PAYLOAD = new Uint8Array(592).fill(65);
const FRAME = PAYLOAD.length + 8;

/** A server that does nothing by itself. */
class Server {
  readonly adapter: MemoryAdapter = memoryAdapter({ manual: true, capacity: CAPACITY });
  /** The newest connection's end. */
  socket!: Socket & { reset(): void };
  /** Bytes that it has read, and whether it saw the end. */
  read = 0;
  sawEnd = false;

  async open(): Promise<void> {
    await this.adapter.listen(parseAddress(URL), {
      accept: (socket) => {
        this.socket = socket as Server["socket"];
        return tokenOf(0, 1);
      },
      ready: () => {},
      acceptFailed: () => Promise.resolve(),
    });
  }

  settle(): Promise<void> {
    return settle(this.adapter);
  }

  async pass(milliseconds: number): Promise<void> {
    this.adapter.advance(milliseconds);
    await this.settle();
  }

  /** Reads one chunk. */
  async take(): Promise<void> {
    await this.settle();
    const chunk = this.socket.read();
    if (chunk === null) this.sawEnd = true;
    this.read += chunk?.length ?? 0;
    await this.settle();
  }

  async takeAll(): Promise<void> {
    for (let before = -1; before !== this.read;) {
      before = this.read;
      await this.take();
    }
  }
}

/** A server, and a client that has sent `count` frames and not closed yet. */
async function scene(count: number, options: ConnectOptions = {}): Promise<{ server: Server; client: Client }> {
  const server = new Server();
  await server.open();
  const client = await connect(URL, { adapter: server.adapter, ...options });
  for (let sent = 0; sent < count; sent++) await client.send(PAYLOAD);
  await server.settle();
  return { server, client };
}

/** Whether the client is over by now, and the code of its error. */
function outcomeOf({ state, error }: Client): [string, string | undefined] {
  return [state, error?.code];
}

test("Client.close waits as long as something moves, however long it takes", TIMEOUT, async () => {
  const { server, client } = await scene(10);
  const closed = client.close();
  let passed = 0;
  for (; !server.sawEnd && passed < 1_000_000; passed += 15_000) {
    await server.pass(15_000);
    await server.take();
  }
  assert(passed > 90_000, `it took ${passed} ms`);
  assertEquals([server.read, server.sawEnd, client.state], [10 * FRAME, true, "closing"]);
  server.socket.shutdown();
  await server.settle();
  await closed;
  assertEquals([outcomeOf(client), server.adapter.timers], [["closed", undefined], 0]);
});

test(
  "Client.close that is cut short says so: by error and code, not by rejecting, nor to iterators",
  TIMEOUT,
  async () => {
    const { server, client } = await scene(5);
    const iterating = client[Symbol.asyncIterator]().next();
    const closed = client.close();
    await server.pass(59_999);
    assertEquals(client.state, "closing");
    await server.pass(1);
    await closed;
    assertEquals([outcomeOf(client), server.adapter.timers], [["closed", "UNDELIVERED"], 0]);
    assertStringIncludes(client.error!.message, `Cannot deliver everything to ${URL}: `);
    assertStringIncludes(client.error!.message, `${5 * FRAME - CAPACITY} bytes are unsent`);
    assertEquals((await iterating).done, true);
    await assertRejects(() => client.send(PAYLOAD), Error, "bytes are unsent");
  },
);

test("Client.close: what the socket took may not have arrived when the server never hangs up", TIMEOUT, async () => {
  const { server, client } = await scene(1, { closeTimeout: 20_000 });
  void client.close();
  await server.pass(19_999);
  assertEquals(client.state, "closing");
  await server.pass(1);
  assertEquals(outcomeOf(client), ["closed", "UNDELIVERED"]);
  assertStringIncludes(client.error!.message, "the last messages may not have arrived");
});

test("Client.close of a client that has sent nothing has nothing to lose", TIMEOUT, async () => {
  const { server, client } = await scene(0);
  void client.close();
  await server.pass(5000);
  assertEquals(outcomeOf(client), ["closed", undefined]);
});

test("Client.close: messages whose send still waits are sent, too, or rejected", TIMEOUT, async () => {
  for (const delivered of [true, false]) {
    const { server, client } = await scene(0);
    const large = new Uint8Array(200_000);
    const sends = Array.from(
      { length: 5 },
      () => client.send(large).then(() => "sent", (error: Error) => error.message),
    );
    void client.close();
    if (delivered) {
      await server.takeAll();
      server.socket.shutdown();
      await server.settle();
    } else {
      await server.settle();
      await server.pass(60_000);
    }
    const outcomes = await Promise.all(sends);
    assertEquals(outcomes.every((outcome) => outcome === "sent"), delivered);
    assertEquals([server.read, outcomeOf(client)[1]], delivered ? [5 * 200_008, undefined] : [0, "UNDELIVERED"]);
    assert(delivered || outcomes.at(-1)!.startsWith(`Cannot send to ${URL}: Cannot deliver everything`));
  }
});

test("Client.close: a server that ended first may not have read all, and is sent the rest", TIMEOUT, async () => {
  const { server, client } = await scene(5);
  server.socket.shutdown();
  void client.close();
  await server.settle();
  assertEquals(client.state, "closing");
  await server.takeAll();
  assertEquals([server.read, outcomeOf(client)], [5 * FRAME, ["closed", "UNDELIVERED"]]);
  assertStringIncludes(client.error!.message, "the mob ended the connection first");
});

test("Client.close: a connection that breaks meanwhile is reported", TIMEOUT, async () => {
  const { server, client } = await scene(5);
  void client.close();
  await server.settle();
  server.socket.reset();
  await server.settle();
  assertEquals(outcomeOf(client), ["closed", "UNDELIVERED"]);
});

test("Client.close with a timeout: for once, anew, at once; a wrong one changes nothing", TIMEOUT, async () => {
  const { server, client } = await scene(5);
  for (const timeout of [-1, 1.5, Infinity, NaN]) {
    await assertRejects(
      () => client.close({ timeout }),
      RangeError,
      `Cannot use timeout ${timeout}: it is a whole number`,
    );
  }
  await assertRejects(() => client.close({ timeout: "1" as unknown as number }), TypeError, "Cannot use timeout");
  await assertRejects(() => connect(URL, { adapter: server.adapter, closeTimeout: -1 }), RangeError, "closeTimeout -1");
  await client.send(PAYLOAD);
  void client.close({ timeout: 1000 });
  await server.pass(900);
  void client.close({ timeout: 2000 });
  await server.pass(1999);
  assertEquals(client.state, "closing");
  await client.close({ timeout: 0 });
  assertEquals([outcomeOf(client), server.adapter.timers], [["closed", "UNDELIVERED"], 0]);
});

test("Client.close: disposing waits, too, and a signal ends it at once, with its reason", TIMEOUT, async () => {
  const controller = new AbortController();
  const { server, client } = await scene(5, { signal: controller.signal });
  const disposed = client[Symbol.asyncDispose]();
  await server.pass(59_000);
  assertEquals(client.state, "closing");
  controller.abort(new Error("that is all"));
  await disposed;
  assertEquals([client.error!.message, server.adapter.timers], [
    "Cannot stay connected to tcp://127.0.0.1:7000: the signal aborted (that is all)",
    0,
  ]);
});

test("Client.close keeps no messages: those received before and after it are dropped", TIMEOUT, async () => {
  const { server, client } = await scene(1);
  const iterator = client[Symbol.asyncIterator]();
  const frame = new Uint8Array(8 + 900);
  new DataView(frame.buffer).setBigUint64(0, 900n);
  server.socket.write(frame);
  await server.settle();
  void client.close();
  await server.takeAll();
  // More than a client receives ahead: it goes on reading, and keeps nothing.
  for (let count = 0; count < 1500; count++) {
    assertEquals(server.socket.write(frame), frame.length);
    server.adapter.run();
  }
  server.socket.shutdown();
  await server.settle();
  assertEquals([outcomeOf(client), (await iterator.next()).done], [["closed", undefined], true]);
});

test("Client.close: a server that speaks on and on and never hangs up is left in the end", TIMEOUT, async () => {
  const { server, client } = await scene(1, { closeTimeout: 1000 });
  void client.close();
  await server.settle();
  let passed = 0;
  for (; client.state !== "closed" && passed < 100_000; passed += 500) {
    server.socket.write(bytesOf("x"));
    await server.pass(500);
  }
  assert(passed > 5000 && passed < 15_000, `it was left after ${passed} ms`);
  assertEquals(outcomeOf(client), ["closed", "UNDELIVERED"]);
});

test("Patience gives up when nothing has moved for its time, to the millisecond", () => {
  const adapter = memoryAdapter({ manual: true });
  let gaveUp = 0;
  const patience = new Patience(adapter, () => gaveUp++);
  patience.begin(1000);
  adapter.advance(600);
  patience.moved();
  // The timer of the beginning finds that there is time left, and no more than that.
  adapter.advance(999);
  assertEquals(gaveUp, 0);
  adapter.advance(1);
  assertEquals([gaveUp, adapter.timers], [1, 0]);
});

test("Patience does not give up because the process was stopped: what came meanwhile is looked at first", () => {
  const adapter = memoryAdapter({ manual: true });
  let gaveUp = 0;
  const patience = new Patience(adapter, () => gaveUp++);
  patience.begin(1000);
  adapter.suspend();
  adapter.advance(30_000);
  adapter.resume();
  adapter.advance(100);
  patience.received();
  adapter.advance(1000);
  assertEquals(gaveUp, 0);
  adapter.advance(2000);
  assertEquals([gaveUp, adapter.timers], [1, 0]);
});

test(
  "reconnect: close reports that the last connection did not deliver everything, and so does disposing",
  TIMEOUT,
  async () => {
    const server = new Server();
    await server.open();
    const client = await connect(URL, { adapter: server.adapter, reconnect: true, closeTimeout: 10_000 });
    const iterating = client[Symbol.asyncIterator]().next();
    for (let sent = 0; sent < 5; sent++) await client.send(PAYLOAD);
    await assertRejects(() => client.close({ timeout: -1 }), RangeError, "Cannot use timeout -1");
    await server.settle();
    const closed = client[Symbol.asyncDispose]();
    await server.pass(9999);
    assertEquals(outcomeOf(client), ["closing", undefined]);
    await server.pass(1);
    await closed;
    assertEquals([outcomeOf(client), (await iterating).done, server.adapter.timers], [
      ["closed", "UNDELIVERED"],
      true,
      0,
    ]);
    await assertRejects(() => client.send(PAYLOAD), Error, "Cannot deliver everything");
  },
);

test("reconnect: close with a timeout of its own hands it on", TIMEOUT, async () => {
  const server = new Server();
  await server.open();
  const client = await connect(URL, { adapter: server.adapter, reconnect: true });
  await client.send(PAYLOAD);
  await server.settle();
  void client.close({ timeout: 1000 });
  await server.pass(1000);
  assertEquals(outcomeOf(client), ["closed", "UNDELIVERED"]);
});

test(
  "reconnect: close without a connection rejects the sends that wait, and reports nothing else",
  TIMEOUT,
  async () => {
    const server = new Server();
    await server.open();
    const client = await connect(URL, { adapter: server.adapter, reconnect: { random: () => 1 } });
    await client.send(PAYLOAD);
    server.socket.close();
    await server.settle();
    const sends = [1, 2, 3].map(() => assertRejects(() => client.send(PAYLOAD), Error, "the connection is closed"));
    await client.close();
    await Promise.all(sends);
    assertEquals([outcomeOf(client), server.adapter.timers], [["closed", undefined], 0]);
  },
);
