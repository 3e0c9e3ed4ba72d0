/**
 * A socket of `node:net` as the contract wants it: those of Node, and on all three runtimes those over TLS.
 *
 * @module
 */

import type { Socket as NetSocket } from "node:net";
import {
  ERROR,
  HUP,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../../src/contract/adapter.ts";
import { formatHostPort } from "../../src/contract/address.ts";
import type { Token } from "../../src/contract/token.ts";
import { Inbox, WRITE_STEP } from "./inbox.ts";

/** The options of every socket. */
export const SOCKET_OPTIONS = {
  noDelay: true,
  // After a minute of silence the kernel asks whether the client is still there.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  // The core decides when our half ends, not Node at the client's end.
  allowHalfOpen: true,
  // With 1, `drain` follows every write that was queued, however small, and a paused socket stops after one chunk.
  highWaterMark: 1,
} as const;

/** More connections than this waiting to be accepted make the kernel drop SYNs: a stall of a second for each. */
export const BACKLOG = 4096;

/** Who is at the other end. Undefined when the client has reset the connection already. */
export function remoteAddressOf({ remoteAddress, remotePort }: NetSocket): string {
  return formatHostPort(remoteAddress ?? "unknown", remotePort ?? 0);
}

/** What is not the same for a socket in the clear and one over TLS. */
export interface Wire {
  /** Drops the connection at once, by a reset where there is one to send. */
  reset(): void;
  /** What else has to be done so that nothing is read any more, and undone so that it is. */
  readonly flow?: { stop(): void; go(): void };
  /** Whether `drain` cannot be relied on after a small write, so that each write has to be answered. */
  readonly answersWrites?: boolean;
}

/** Node takes every write whole and queues without bound, so a write is refused while one is on its way. */
class StreamSocket implements Socket {
  readonly remoteAddress: string;
  error: Error | undefined;

  readonly #socket: NetSocket;
  readonly #wire: Wire;
  readonly #inbox: Inbox = new Inbox();
  /** Given to each write where `drain` does not do. */
  readonly #onWritten: (() => void) | undefined;
  #registry: Registry | undefined;
  #token: Token | undefined;
  /** A write was refused or cut: one WRITABLE is due. */
  #owed = false;
  /** The last write did not go out at once: the next ones go in small steps, so that progress shows. */
  #slow = false;
  #closed = false;

  constructor(socket: NetSocket, remoteAddress: string, wire: Wire) {
    this.#socket = socket;
    this.#wire = wire;
    this.remoteAddress = remoteAddress;
    if (wire.answersWrites) this.#onWritten = () => this.#drain();
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
    if (!this.#inbox.full && this.#socket.isPaused()) {
      this.#socket.resume();
      this.#wire.flow?.go();
    }
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
      socket.write(taken === 0 && to === bytes.length ? bytes : bytes.subarray(taken, to), this.#onWritten);
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
    // A reset frees what the kernel still holds for a stuck client; after an orderly end it would destroy it.
    if (socket.writableFinished || socket.connecting) socket.destroy();
    else this.#wire.reset();
  }

  #data(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#inbox.push(chunk);
    // One more chunk may come after pause(): libuv has read it already.
    if (this.#inbox.full) {
      this.#socket.pause();
      this.#wire.flow?.stop();
    }
    this.#ready(READABLE);
  }

  #end(): void {
    this.#inbox.end();
    this.#ready(READABLE);
  }

  #drain(): void {
    if (!this.#owed || this.#socket.writableLength > 0) return;
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

/** Offers a connection to a registry: one that is refused is closed. */
export function offer(registry: Registry, socket: NetSocket, remoteAddress: string, wire: Wire): void {
  const offered = new StreamSocket(socket, remoteAddress, wire);
  const token = registry.accept(offered);
  if (token !== undefined) return offered.attach(registry, token);
  socket.on("error", () => {});
  socket.destroy();
}
