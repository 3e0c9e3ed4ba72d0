/**
 * The core alone among many connections, without a runtime's sockets: `node --expose-gc --import tsx bench/core.ts [COUNT ...]`.
 *
 * For counts of connections that a machine has no descriptors for. The sockets are objects that take every write.
 */

import process from "node:process";
import type { Adapter, Registry, Socket } from "../src/contract/adapter.ts";
import { HUP, READABLE } from "../src/contract/adapter.ts";
import { Mob } from "../src/server/mob.ts";
import { encodeFrame } from "../src/framing/framing.ts";

/** A socket that takes every write, and has what it is given to read. */
class TakingSocket implements Socket {
  readonly remoteAddress = "127.0.0.1:1";
  readonly error: undefined;
  next: Uint8Array | undefined | null;
  written = 0;
  #end: (socket: TakingSocket) => void;

  /** `end` is called when the mob has ended its half of the stream: the client then ends its own. */
  constructor(end: (socket: TakingSocket) => void) {
    this.#end = end;
  }

  read(): Uint8Array | undefined | null {
    const chunk = this.next;
    if (chunk !== null) this.next = undefined;
    return chunk;
  }

  write(bytes: Uint8Array): number {
    this.written += bytes.length;
    return bytes.length;
  }

  shutdown(): void {
    this.#end(this);
  }
  close(): void {}
}

const ticks: (() => void)[] = [];
let registry: Registry | undefined;

const adapter: Adapter = {
  name: "taking",
  capacity: undefined,
  listen(address, given) {
    registry = given;
    return Promise.resolve({ address, close: () => Promise.resolve() });
  },
  connect: () => Promise.reject(new Error("there is no connecting")),
  defer: (tick) => void ticks.push(tick),
  now: () => performance.now(),
  after: () => () => {},
};

function runTicks(): void {
  for (let tick = ticks.shift(); tick !== undefined; tick = ticks.shift()) tick();
}

/** The median of so many times in microseconds. */
function median(times: number, run: () => void): number {
  const taken: number[] = [];
  while (taken.length < times) {
    const began = performance.now();
    run();
    taken.push(performance.now() - began);
  }
  return taken.sort((one, other) => one - other)[times >> 1]! * 1000;
}

function heap(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
}

async function measure(count: number): Promise<void> {
  const mob = new Mob(adapter, { maxConnections: count });
  await mob.listen("tcp://127.0.0.1:1");
  const ended: TakingSocket[] = [];
  const sockets = Array.from({ length: count }, () => new TakingSocket((socket) => void ended.push(socket)));
  const places = new Map(sockets.map((socket, index) => [socket, index]));
  const before = heap();
  const tokens = sockets.map((socket) => registry!.accept(socket)!);
  runTicks();
  const each = (heap() - before) / count;
  const ping = encodeFrame("u64", new Uint8Array(0));
  const frame = encodeFrame("u64", new Uint8Array(64));
  const sends = (bytes: Uint8Array): () => void => () => {
    sockets[0]!.next = bytes;
    registry!.ready(tokens[0]!, READABLE);
    runTicks();
  };
  median(2000, sends(ping));
  const event = median(2000, sends(ping));
  median(20, sends(frame));
  const toAll = median(50, sends(frame));
  const began = performance.now();
  let isClosed = false;
  void mob.close().then(() => isClosed = true);
  while (!isClosed) {
    runTicks();
    for (const socket of ended.splice(0)) {
      socket.next = null;
      registry!.ready(tokens[places.get(socket)!]!, HUP);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(
    `${count.toLocaleString("en")} connections: ${each.toFixed(0)} bytes each, an event ${event.toFixed(1)} µs, ` +
      `a frame to all ${(toAll / 1000).toFixed(2)} ms (${(toAll * 1000 / count).toFixed(0)} ns each), ` +
      `all let go after ${(performance.now() - began).toFixed(0)} ms`,
  );
}

const counts = process.argv.slice(2).map(Number);
for (const count of counts.length > 0 ? counts : [1000, 10_000, 50_000]) await measure(count);
