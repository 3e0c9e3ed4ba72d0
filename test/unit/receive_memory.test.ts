import { test } from "node:test";
import { ReceiveBuffer } from "../../src/framing/receive_buffer.ts";
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import type { Registry, Socket } from "../../src/contract/adapter.ts";
import type { Connection } from "../../src/server/connection.ts";
import { Mob } from "../../src/server/mob.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { ReceiveMemory } from "../../src/server/receive_memory.ts";
import { parseAddress } from "../../src/contract/address.ts";

const MiB = 2 ** 20;

/** A mob in a manual network, and raw connections to it. */
async function open(options: MobOptions) {
  const adapter = memoryAdapter({ manual: true, capacity: 4 * MiB });
  const left: string[] = [];
  const mob = new Mob(adapter, { ...options, onLeave: ({ reason }) => void left.push(reason) });
  const url = await mob.listen("tcp://127.0.0.1:0");
  const connect = async (): Promise<Socket> => {
    let socket!: Socket;
    const registry: Registry = {
      accept: (accepted) => {
        socket = accepted;
        return 1 as never;
      },
      ready: () => {},
      acceptFailed: () => Promise.resolve(),
    };
    await adapter.connect(parseAddress(url), registry);
    adapter.run();
    return socket;
  };
  return { adapter, mob, left, connect };
}

/** A header of u64 that declares `length` bytes, and so many of them. */
function begun(length: number, bytes: number): Uint8Array {
  const frame = new Uint8Array(8 + bytes);
  new DataView(frame.buffer).setUint32(4, length);
  return frame;
}

test("maxReceiveMemory bounds all partial frames together: the connection with the largest is removed, and no other", async () => {
  const { adapter, mob, left, connect } = await open({ maxReceiveMemory: 4 * MiB });
  const sockets = [];
  for (let at = 0; at < 8; at++) {
    const socket = await connect();
    sockets.push(socket);
    // 200 KiB from each, and 700 KiB from the fourth, in chunks of their own.
    for (let part = 0; part < (at === 3 ? 7 : 2); part++) {
      socket.write(part === 0 ? begun(MiB, 100 * 1024) : new Uint8Array(100 * 1024));
      adapter.run();
    }
  }
  const before = mob.stats();
  assertEquals([before.connections, left.length], [8, 0]);
  assertLess((7 * 200 + 700) * 1024 - 1, before.receiveBytes);
  for (let round = 0; left.length === 0; round++) {
    assert(round < 100);
    for (const socket of sockets) socket.write(new Uint8Array(50 * 1024));
    adapter.run();
    assertLess(mob.stats().receiveBytes, 4 * MiB + 1);
  }
  assertEquals(left, ["receive-memory"]);
  assertEquals(mob.stats().closed["receive-memory"], 1);
  // The fourth one it was: it is cut off, and the others finish their frames.
  assertEquals(sockets[3]!.write(new Uint8Array(1)), 0);
  assertLess(mob.stats().receiveBytes, 4 * MiB);
  for (const socket of sockets) {
    for (let part = 0; part < 20; part++) {
      socket.write(new Uint8Array(50 * 1024));
      adapter.run();
    }
  }
  assertEquals(mob.stats().published.frames, 7);
});

test("receiveBytes falls to what idle connections keep when frames are whole, and to nothing when all are gone", async () => {
  const { adapter, mob, connect } = await open({});
  const sockets = [await connect(), await connect()];
  for (const socket of sockets) socket.write(begun(300_000, 200_000));
  adapter.run();
  assertLess(400_000, mob.stats().receiveBytes);
  const sum = mob.connections().reduce((sum, { receiveBytes }) => sum + receiveBytes, 0);
  assertEquals(mob.stats().receiveBytes, sum);
  for (const socket of sockets) socket.write(new Uint8Array(100_000));
  adapter.run();
  assertLess(mob.stats().receiveBytes, 2 * 4096 + 1);
  for (const socket of sockets) socket.write(begun(9, 5));
  adapter.run();
  for (const socket of sockets) socket.close();
  adapter.run();
  assertEquals([mob.stats().connections, mob.stats().receiveBytes], [0, 0]);
});

test("what unauthenticated connections hold counts for maxReceiveMemory, and the connection that holds the most is refused", async () => {
  const { adapter, mob, connect } = await open({ secret: "x".repeat(1000), maxFrame: 1, maxReceiveMemory: 3000 });
  for (let at = 0; at < 8; at++) {
    (await connect()).write(begun(1000, 600));
    adapter.run();
    assertLess(mob.stats().receiveBytes, 3001);
  }
  const { unauthenticated, closed } = mob.stats();
  assertLess(0, unauthenticated);
  assertLess(0, closed.refused);
  assertEquals(unauthenticated + closed.refused, 8);
});

test("ReceiveMemory names as many connections as have to go, those that hold the most first", () => {
  const memory = new ReceiveMemory(100);
  const connections = [10, 90, 30, 60, 20].map((retainedBytes) => {
    return {
      decoder: { retainedBytes },
      unread: undefined,
      handshake: undefined,
      receiveBytes: 0,
    } as never as Connection;
  });
  for (const connection of connections) memory.note(connection);
  for (const connection of connections) memory.note(connection);
  assertEquals(memory.bytes, 210);
  assertEquals(memory.overLimit().map(({ receiveBytes }) => receiveBytes), [90, 60]);
  for (const connection of memory.overLimit()) memory.forget(connection);
  assertEquals([memory.bytes, memory.overLimit().length], [60, 0]);
});

test("a connection that leaves holds nothing", async () => {
  const { adapter, mob, connect } = await open({ stallTimeout: 60_000 });
  const socket = await connect();
  socket.write(begun(300_000, 200_000));
  socket.shutdown();
  adapter.run();
  assertEquals(mob.stats().receiveBytes, 0);
});

test("maxReceiveMemory is at least twice maxFrame, and by default at least four times", () => {
  const adapter = memoryAdapter();
  assertThrows(() => new Mob(adapter, { maxFrame: 1000, maxReceiveMemory: 1999 }), RangeError, "maxReceiveMemory 1999");
  assertEquals(new Mob(adapter, { maxFrame: 1000, maxReceiveMemory: 2000 }).options.maxReceiveMemory, 2000);
  assertEquals(new Mob(adapter).options.maxReceiveMemory, 128 * MiB);
  assertEquals(new Mob(adapter, { maxFrame: 64 * MiB, maxLag: 64 * MiB }).options.maxReceiveMemory, 256 * MiB);
});

test("a frame whose pieces are small and large by turns holds no more than twice its bytes", () => {
  const buffer = new ReceiveBuffer(true);
  for (let count = 0; count < 300; count++) {
    const size = count % 2 === 0 ? 1024 : 100;
    buffer.append(new Uint8Array(size), 0, size);
  }
  assert(buffer.retainedBytes <= 2 * buffer.length + 64, `${buffer.retainedBytes} for ${buffer.length}`);
});
