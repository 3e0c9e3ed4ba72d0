/** A peer that closes delivers what it has sent, or says that it did not: against a server in the hands of the test. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type MemoryAdapter, memoryAdapter } from "../adapters/memory.ts";
import type { Socket } from "../src/adapter.ts";
import { parseAddress } from "../src/address.ts";
import { connect, type ConnectOptions } from "../src/client.ts";
import { Patience } from "../src/patience.ts";
import type { Peer } from "../src/peer.ts";
import { tokenOf } from "../src/token.ts";
import { bytesOf } from "./helpers/bytes.ts";
import { settle } from "./helpers/settle.ts";

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

/** A server, and a peer that has sent `count` frames and not closed yet. */
async function scene(count: number, options: ConnectOptions = {}): Promise<{ server: Server; peer: Peer }> {
  const server = new Server();
  await server.open();
  const peer = await connect(URL, { adapter: server.adapter, ...options });
  for (let sent = 0; sent < count; sent++) await peer.send(PAYLOAD);
  await server.settle();
  return { server, peer };
}

/** Whether the peer is over by now, and what it says of it. */
function told(peer: { isOver: boolean; error: Error | undefined }): [boolean, string | undefined] {
  return [peer.isOver, (peer.error as { code?: string } | undefined)?.code];
}

test("Peer.close waits as long as something moves, however long it takes", TIMEOUT, async () => {
  const { server, peer } = await scene(10);
  const closed = peer.close();
  let passed = 0;
  for (; !server.sawEnd && passed < 1_000_000; passed += 15_000) {
    await server.pass(15_000);
    await server.take();
  }
  assert(passed > 90_000, `it took ${passed} ms`);
  assertEquals([server.read, server.sawEnd, peer.isOver], [10 * FRAME, true, false]);
  server.socket.shutdown();
  await server.settle();
  await closed;
  assertEquals([told(peer), server.adapter.timers], [[true, undefined], 0]);
});

test(
  "Peer.close that is cut short says so: by error and code, not by rejecting, nor to iterators",
  TIMEOUT,
  async () => {
    const { server, peer } = await scene(5);
    const iterating = peer[Symbol.asyncIterator]().next();
    const closed = peer.close();
    await server.pass(59_999);
    assertEquals(peer.isOver, false);
    await server.pass(1);
    await closed;
    assertEquals([told(peer), server.adapter.timers], [[true, "ETIMEDOUT"], 0]);
    assertStringIncludes(peer.error!.message, `Cannot deliver everything to ${URL}: `);
    assertStringIncludes(peer.error!.message, `${5 * FRAME - CAPACITY} bytes are unsent`);
    assertEquals((await iterating).done, true);
    await assertRejects(() => peer.send(PAYLOAD), Error, "bytes are unsent");
  },
);

test("Peer.close: what the socket took may not have arrived when the server never hangs up", TIMEOUT, async () => {
  const { server, peer } = await scene(1, { closeTimeout: 20_000 });
  void peer.close();
  await server.pass(19_999);
  assertEquals(peer.isOver, false);
  await server.pass(1);
  assertEquals(told(peer), [true, "ETIMEDOUT"]);
  assertStringIncludes(peer.error!.message, "the last messages may not have arrived");
});

test("Peer.close of one who has said nothing has nothing to lose", TIMEOUT, async () => {
  const { server, peer } = await scene(0);
  void peer.close();
  await server.pass(5000);
  assertEquals(told(peer), [true, undefined]);
});

test("Peer.close: those whose send still waits are sent, too, or rejected", TIMEOUT, async () => {
  for (const delivered of [true, false]) {
    const { server, peer } = await scene(0);
    const large = new Uint8Array(200_000);
    const sends = Array.from({ length: 5 }, () => peer.send(large).then(() => "sent", (error: Error) => error.message));
    void peer.close();
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
    assertEquals([server.read, told(peer)[1]], delivered ? [5 * 200_008, undefined] : [0, "ETIMEDOUT"]);
    assert(delivered || outcomes.at(-1)!.startsWith(`Cannot send to ${URL}: Cannot deliver everything`));
  }
});

test("Peer.close: a server that ended first may not have read all, and is sent the rest", TIMEOUT, async () => {
  const { server, peer } = await scene(5);
  server.socket.shutdown();
  void peer.close();
  await server.settle();
  assertEquals(peer.isOver, false);
  await server.takeAll();
  assertEquals([server.read, told(peer)], [5 * FRAME, [true, "EPIPE"]]);
  assertStringIncludes(peer.error!.message, "the mob ended the connection first");
});

test("Peer.close: a connection that breaks meanwhile is told of", TIMEOUT, async () => {
  const { server, peer } = await scene(5);
  void peer.close();
  await server.settle();
  server.socket.reset();
  await server.settle();
  assertEquals(told(peer), [true, "ECONNRESET"]);
});

test("Peer.close with a timeout: for once, anew, at once; a wrong one changes nothing", TIMEOUT, async () => {
  const { server, peer } = await scene(5);
  for (const timeout of [-1, 1.5, Infinity, NaN]) {
    await assertRejects(
      () => peer.close({ timeout }),
      RangeError,
      `Cannot use timeout ${timeout}: it is a whole number`,
    );
  }
  await assertRejects(() => peer.close({ timeout: "1" as unknown as number }), TypeError, "Cannot use timeout");
  await assertRejects(() => connect(URL, { adapter: server.adapter, closeTimeout: -1 }), RangeError, "closeTimeout -1");
  await peer.send(PAYLOAD);
  void peer.close({ timeout: 1000 });
  await server.pass(900);
  void peer.close({ timeout: 2000 });
  await server.pass(1999);
  assertEquals(peer.isOver, false);
  await peer.close({ timeout: 0 });
  assertEquals([told(peer), server.adapter.timers], [[true, "ETIMEDOUT"], 0]);
});

test("Peer.close: disposing waits, too, and a signal ends it at once, with its reason", TIMEOUT, async () => {
  const controller = new AbortController();
  const { server, peer } = await scene(5, { signal: controller.signal });
  const disposed = peer[Symbol.asyncDispose]();
  await server.pass(59_000);
  assertEquals(peer.isOver, false);
  controller.abort(new Error("that is all"));
  await disposed;
  assertEquals([peer.error!.message, server.adapter.timers], ["that is all", 0]);
});

test("Peer.close lets nothing pile up: what came before and what comes then is forgotten", TIMEOUT, async () => {
  const { server, peer } = await scene(1);
  const iterator = peer[Symbol.asyncIterator]();
  const frame = new Uint8Array(8 + 900);
  new DataView(frame.buffer).setBigUint64(0, 900n);
  server.socket.write(frame);
  await server.settle();
  void peer.close();
  await server.takeAll();
  // More than a peer hears ahead: it goes on reading, and keeps nothing.
  for (let count = 0; count < 1500; count++) {
    assertEquals(server.socket.write(frame), frame.length);
    server.adapter.run();
  }
  server.socket.shutdown();
  await server.settle();
  assertEquals([told(peer), (await iterator.next()).done], [[true, undefined], true]);
});

test("Peer.close: a server that speaks on and on and never hangs up is left in the end", TIMEOUT, async () => {
  const { server, peer } = await scene(1, { closeTimeout: 1000 });
  void peer.close();
  await server.settle();
  let passed = 0;
  for (; !peer.isOver && passed < 100_000; passed += 500) {
    server.socket.write(bytesOf("x"));
    await server.pass(500);
  }
  assert(passed > 5000 && passed < 15_000, `it was left after ${passed} ms`);
  assertEquals(told(peer), [true, "ETIMEDOUT"]);
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
  patience.heard();
  adapter.advance(1000);
  assertEquals(gaveUp, 0);
  adapter.advance(2000);
  assertEquals([gaveUp, adapter.timers], [1, 0]);
});

test("reconnect: close tells what the last connection did not deliver, and disposing does", TIMEOUT, async () => {
  const server = new Server();
  await server.open();
  const peer = await connect(URL, { adapter: server.adapter, reconnect: true, closeTimeout: 10_000 });
  const iterating = peer[Symbol.asyncIterator]().next();
  for (let sent = 0; sent < 5; sent++) await peer.send(PAYLOAD);
  await assertRejects(() => peer.close({ timeout: -1 }), RangeError, "Cannot use timeout -1");
  await server.settle();
  const closed = peer[Symbol.asyncDispose]();
  await server.pass(9999);
  assertEquals(told(peer), [false, undefined]);
  await server.pass(1);
  await closed;
  assertEquals([told(peer), (await iterating).done, server.adapter.timers], [[true, "ETIMEDOUT"], true, 0]);
  await assertRejects(() => peer.send(PAYLOAD), Error, "Cannot deliver everything");
});

test("reconnect: close with a timeout of its own hands it on", TIMEOUT, async () => {
  const server = new Server();
  await server.open();
  const peer = await connect(URL, { adapter: server.adapter, reconnect: true });
  await peer.send(PAYLOAD);
  await server.settle();
  void peer.close({ timeout: 1000 });
  await server.pass(1000);
  assertEquals(told(peer), [true, "ETIMEDOUT"]);
});

test("reconnect: close without a connection rejects what waits, and has nothing else to tell", TIMEOUT, async () => {
  const server = new Server();
  await server.open();
  const peer = await connect(URL, { adapter: server.adapter, reconnect: { random: () => 1 } });
  await peer.send(PAYLOAD);
  server.socket.close();
  await server.settle();
  const sends = [1, 2, 3].map(() => assertRejects(() => peer.send(PAYLOAD), Error, "the connection is closed"));
  await peer.close();
  await Promise.all(sends);
  assertEquals([told(peer), server.adapter.timers], [[true, undefined], 0]);
});
