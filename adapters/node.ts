/**
 * The adapter for Node, on `node:net`.
 *
 * @module
 */

import { connect, createServer, type Server, type Socket as NetSocket } from "node:net";
import {
  type Adapter,
  type DialOptions,
  ERROR,
  HUP,
  type Listener,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../src/adapter.ts";
import { type Address, formatHostPort, type NetworkAddress, overTcp } from "../src/address.ts";
import type { Token } from "../src/token.ts";
import { connectionsThatFit } from "./descriptors.ts";
import { eventLoop } from "./event_loop.ts";
import { Inbox, WRITE_STEP } from "./inbox.ts";

// --- socket ---

/** Node takes every write whole and queues without bound, so a write is refused while one is on its way. */
class NodeSocket implements Socket {
  readonly peer: string;
  error: Error | undefined;

  readonly #socket: NetSocket;
  readonly #inbox: Inbox = new Inbox();
  #registry: Registry | undefined;
  #token: Token | undefined;
  /** A write was refused or cut: one WRITABLE is due. */
  #owed = false;
  /** The last write did not go out at once: the next ones go in small steps, so that progress shows. */
  #slow = false;
  #closed = false;

  constructor(socket: NetSocket) {
    this.#socket = socket;
    this.peer = formatHostPort(socket.remoteAddress ?? "unknown", socket.remotePort ?? 0);
  }

  /**
   * From now on readiness goes to `registry`. Node tells nothing before listeners are there, so nothing is missed.
   * Chunks are passed on as plain bytes: `slice` of a Buffer is a view where that of any other array is a copy.
   */
  attach(registry: Registry, token: Token): void {
    this.#registry = registry;
    this.#token = token;
    this.#socket
      .on("data", (chunk: Uint8Array) => this.#data(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length)))
      .on("end", () => this.#end())
      .on("drain", () => this.#drain())
      .on("error", (error) => this.error ??= error)
      .on("close", () => this.#hangUp());
  }

  read(): Uint8Array | undefined | null {
    const chunk = this.#inbox.shift();
    if (!this.#inbox.full && this.#socket.isPaused()) this.#socket.resume();
    return chunk;
  }

  write(bytes: Uint8Array): number {
    const socket = this.#socket;
    if (this.#closed || !socket.writable) return 0;
    if (socket.writableLength > 0) {
      this.#owed = this.#slow = true;
      return 0;
    }
    // What goes out at once leaves nothing queued: on to the next step. What does not is answered by `drain`.
    let taken = 0;
    while (taken < bytes.length && socket.writableLength === 0) {
      const to = this.#slow ? Math.min(taken + WRITE_STEP, bytes.length) : bytes.length;
      socket.write(taken === 0 && to === bytes.length ? bytes : bytes.subarray(taken, to));
      taken = to;
    }
    this.#slow = socket.writableLength > 0;
    if (taken < bytes.length) this.#owed = true;
    return taken;
  }

  shutdown(): void {
    if (!this.#closed) this.#socket.end();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.clear();
    const socket = this.#socket;
    // A reset frees what the kernel still holds for a stuck peer; after an orderly end it would destroy it.
    if (socket.writableFinished || socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  }

  #data(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#inbox.push(chunk);
    // One more chunk may come after pause(): libuv has read it already.
    if (this.#inbox.full) this.#socket.pause();
    this.#ready(READABLE);
  }

  #end(): void {
    this.#inbox.end();
    this.#ready(READABLE);
  }

  #drain(): void {
    if (!this.#owed) return;
    this.#owed = false;
    this.#ready(WRITABLE);
  }

  #hangUp(): void {
    this.#inbox.end();
    this.#ready(this.error === undefined ? HUP : ERROR);
  }

  #ready(readiness: Readiness): void {
    if (!this.#closed) this.#registry!.ready(this.#token!, readiness);
  }
}

// --- options of every socket ---

const SOCKET_OPTIONS = {
  noDelay: true,
  // The core decides when our half ends, not Node at the peer's end.
  allowHalfOpen: true,
  // With 1, `drain` follows every write that was queued, however small, and a paused socket stops after one chunk.
  highWaterMark: 1,
} as const;

/** More connections than this waiting to be accepted make the kernel drop SYNs: a stall of a second for each. */
const BACKLOG = 4096;

// --- listen ---

function listen(to: Address, registry: Registry): Promise<Listener> {
  const address = overTcp(to);
  return new Promise((resolve, reject) => {
    const server = createServer(SOCKET_OPTIONS, (socket) => accept(socket, registry));
    server.once("error", reject);
    server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      // libuv deals with failing accepts itself; what comes here never ends the listener.
      server.on("error", (error) => void registry.acceptFailed(error));
      // close() frees the address at once; its callback would wait for the connections.
      resolve({ address: opened(address, server), close: () => Promise.resolve(void server.close()) });
    });
  });
}

function accept(socket: NetSocket, registry: Registry): void {
  const accepted = new NodeSocket(socket);
  const token = registry.accept(accepted);
  if (token !== undefined) return accepted.attach(registry, token);
  socket.on("error", () => {});
  socket.destroy();
}

function opened(address: NetworkAddress, server: Server): Address {
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? { ...address, port: bound.port } : address;
}

// --- connect ---

async function open(to: Address, registry: Registry, { signal }: DialOptions = {}): Promise<void> {
  const address = overTcp(to);
  signal?.throwIfAborted();
  const socket = connect({ host: address.host, port: address.port, ...SOCKET_OPTIONS });
  const abort = (): void => void socket.destroy(new Error("aborted"));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        accept(socket, registry);
        resolve();
      });
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

// --- adapter ---

/**
 * The adapter for Node.
 *
 * @example
 * ```ts
 * import { Mob } from "mobcast";
 * import { nodeAdapter } from "mobcast/node";
 *
 * const mob = new Mob(nodeAdapter());
 * console.log(await mob.listen("tcp://127.0.0.1:0"));
 * await mob.close();
 * ```
 */
export function nodeAdapter(): Adapter {
  return { name: "node", capacity: connectionsThatFit(), listen, connect: open, ...eventLoop };
}
