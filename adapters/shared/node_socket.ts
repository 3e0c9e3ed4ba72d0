/**
 * A socket of the contract on a socket of `node:net`: for Node, and for TLS on all three runtimes.
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
import { type Address, formatHostPort, UNIX_REMOTE } from "../../src/contract/address.ts";
import type { CertificateSubject } from "../../src/contract/tls.ts";
import type { Token } from "../../src/contract/token.ts";
import type { WriteRounds } from "../tls/write_rounds.ts";
import { Inbox, WRITE_STEP } from "./inbox.ts";

/** The options of every socket. */
export const SOCKET_OPTIONS = {
  noDelay: true,
  // After a minute of silence the kernel probes whether the client is still there.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  // The core decides when our half ends, not Node at the client's end.
  allowHalfOpen: true,
  // With 1, `drain` follows every write that was queued, however small, and a paused socket stops after one chunk.
  highWaterMark: 1,
} as const;

/** The address and port of the other end: `unknown:0` when the client has reset the connection already. */
export function remoteAddressOf({ remoteAddress, remotePort }: NetSocket): string {
  return formatHostPort(remoteAddress ?? "unknown", remotePort ?? 0);
}

/**
 * Whether a socket can be reset: not when our half has ended and nothing is left to write. Its shutdown may then be under way,
 * and Node loses a socket that is reset meanwhile: its descriptor stays open for as long as the process lives, which then spins
 * instead of ending (test/runtime_bugs/node.ts). A client over TLS that reads nothing keeps a shutdown under way.
 */
export function canReset(socket: NetSocket): boolean {
  return !socket.writableEnded || socket.writableLength > 0;
}

/** What differs between a plain socket and a TLS socket. */
export interface Wire {
  /** Drops a connection that {@link canReset} at once, by a reset where the transport has one. */
  reset(): unknown;
  /** What stops reading besides `pause`, and starts it again. */
  readonly flow?: { stop(): void; go(): void };
  /** The subject of the client's certificate, which was checked. */
  readonly subject?: CertificateSubject | undefined;
  /** Whether `drain` may not follow a small write, so that each write needs a callback. */
  readonly answersWrites?: boolean;
  /** Says when a write may begin, where that is not always. Each write then needs a callback. */
  readonly rounds?: WriteRounds | undefined;
}

/** Node takes every write whole and queues without bound, so a write takes nothing while another is under way. */
class StreamSocket implements Socket {
  readonly remoteAddress: string;
  readonly subject: CertificateSubject | undefined;
  error: Error | undefined;

  readonly #socket: NetSocket;
  readonly #wire: Wire;
  readonly #inbox: Inbox = new Inbox();
  /** The callback of each write where `drain` is not reliable. */
  readonly #onWritten: (() => void) | undefined;
  readonly #mayWrite: () => void = () => this.#drain();
  #registry: Registry | undefined;
  #token: Token | undefined;
  /** A write was short: one WRITABLE is due. */
  #writableDue = false;
  /** The last write did not go out at once: the next writes go in small steps, so that progress shows. */
  #slow = false;
  /** Bytes of the write under way, and the round in which they went. */
  #taken = 0;
  #round = 0;
  #closed = false;

  constructor(socket: NetSocket, remoteAddress: string, wire: Wire) {
    this.#socket = socket;
    this.#wire = wire;
    this.remoteAddress = remoteAddress;
    this.subject = wire.subject;
    if (wire.answersWrites) this.#onWritten = () => this.#answered();
  }

  /**
   * Reports readiness to `registry` from now on. Node emits nothing before there are event listeners, so no event is lost.
   * Chunks are passed on as plain bytes, since `slice` of a Buffer is a view and `slice` of any other array is a copy.
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
      this.#writableDue = this.#slow = true;
      return 0;
    }
    const { rounds } = this.#wire;
    if (rounds?.mayWrite(this.#mayWrite) === false) {
      this.#writableDue = true;
      return 0;
    }
    // A step that goes out at once leaves nothing queued, and the next step follows. Otherwise `drain` comes later.
    let taken = 0;
    while (taken < bytes.length && socket.writableLength === 0) {
      const to = this.#slow ? Math.min(taken + WRITE_STEP, bytes.length) : bytes.length;
      socket.write(taken === 0 && to === bytes.length ? bytes : bytes.subarray(taken, to), this.#onWritten);
      taken = to;
    }
    this.#slow = socket.writableLength > 0;
    if (rounds) this.#round = rounds.took(this.#taken = taken);
    if (taken < bytes.length) this.#writableDue = true;
    return taken;
  }

  shutdown(): void {
    if (!this.#closed) this.#socket.end();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.clear();
    // A reset frees what the kernel holds for a stuck client; after shutdown it would drop what the client has to receive.
    if (canReset(this.#socket)) this.#wire.reset();
    else this.#socket.destroy();
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

  #answered(): void {
    this.#wire.rounds?.answered(this.#taken, this.#round);
    this.#taken = 0;
    this.#drain();
  }

  #drain(): void {
    if (!this.#writableDue || this.#socket.writableLength > 0) return;
    this.#writableDue = false;
    this.#ready(WRITABLE);
  }

  #hangUp(): void {
    this.#inbox.end();
    this.#ready(this.error ? ERROR : HUP);
  }

  #ready(readiness: Readiness): void {
    if (!this.#closed) this.#registry!.ready(this.#token!, readiness);
  }
}

/** Offers a connection to a registry, and closes it when it is refused. */
export function offer(registry: Registry, socket: NetSocket, remoteAddress: string, wire: Wire): void {
  const offered = new StreamSocket(socket, remoteAddress, wire);
  const token = registry.accept(offered);
  if (token !== undefined) return offered.attach(registry, token);
  socket.on("error", () => {});
  socket.destroy();
}

/** Offers a connection that is not over TLS. */
export function offerPlain(socket: NetSocket, address: Address, registry: Registry): void {
  const isTcp = address.transport === "tcp";
  // A Unix socket has no reset and needs none: closing it frees what the client has not read.
  const reset = (): unknown => isTcp ? socket.resetAndDestroy() : socket.destroy();
  offer(registry, socket, isTcp ? remoteAddressOf(socket) : UNIX_REMOTE, { reset });
}
