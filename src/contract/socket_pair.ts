/**
 * Socket pairs: two sockets in one process, joined back to back.
 *
 * @module
 */

import { ERROR, HUP, READABLE, type Readiness, type Registry, type Socket, WRITABLE } from "./adapter.ts";
import { systemError } from "../errors.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import type { Token } from "./token.ts";

/** Bytes that a pair holds in each direction before its writer has to wait, like a small kernel buffer. */
export const CAPACITY: number = 256 * 1024;

/** Chunks that wait uncopied, since most of them are read soon. */
const LOOSE_CHUNKS = 64;

/**
 * One end of a pair: a {@link Socket} by the rules of the contract. It passes views on and copies nothing, since bytes that
 * are written must not change (rule 4).
 */
export class PairedSocket implements Socket {
  /** The name of the other end. */
  readonly remoteAddress: string;
  /** What broke the connection. */
  error: Error | undefined;

  readonly #capacity: number;
  #other!: PairedSocket;
  #registry: Pick<Registry, "ready"> | undefined;
  #token: Token | undefined;
  /** What came and was not read yet. */
  protected readonly inbox: ChunkQueue = new ChunkQueue(LOOSE_CHUNKS, true);
  /** The other end writes no more. */
  protected ended = false;
  /** This end writes no more. */
  protected shut = false;
  #closed = false;
  /** A write was short: one WRITABLE is due. */
  #writableDue = false;
  /** HUP or ERROR was reported. */
  #final = false;

  /** Use {@link socketPair}. */
  constructor(remoteAddress: string, capacity: number) {
    this.remoteAddress = remoteAddress;
    this.#capacity = capacity;
  }

  /** Bytes that wait to be read. */
  get bufferedBytes(): number {
    return this.inbox.bytes;
  }

  /** Joins two ends. Use {@link socketPair}. */
  static join(one: PairedSocket, other: PairedSocket): void {
    one.#other = other;
    other.#other = one;
  }

  /** Reports this end's readiness to `registry` from now on, under `token`. What is ready already is reported at once. */
  attach(registry: Pick<Registry, "ready">, token: Token): void {
    this.#registry = registry;
    this.#token = token;
    if (this.hasNews()) this.ready(READABLE);
    if (this.error) this.fail(this.error);
    else this.#hangUpWhenDone();
  }

  /** See {@link Socket.read}. */
  read(): Uint8Array | undefined | null {
    const chunk = this.inbox.first;
    if (!chunk) return this.readNothing();
    const length = this.give(chunk.length);
    const given = length < chunk.length ? this.inbox.shiftPart(length) : this.inbox.shift();
    this.#other.#roomMade();
    return given;
  }

  /** See {@link Socket.write}. */
  write(bytes: Uint8Array): number {
    if (this.#closed || this.shut || this.error) return 0;
    if (this.#other.#closed) return this.writeToClosed(bytes);
    const room = Math.min(bytes.length, this.#capacity - this.#other.inbox.bytes);
    const taken = this.take(room);
    if (taken > 0) this.#other.#receive(taken < bytes.length ? bytes.subarray(0, taken) : bytes);
    if (taken < bytes.length) {
      this.#writableDue = true;
      // A fault has cut the write although there is room: WRITABLE is reported now, since no read may follow.
      if (taken < room) this.#roomMade();
    }
    return taken;
  }

  /** See {@link Socket.shutdown}. */
  shutdown(): void {
    if (this.shut || this.#closed) return;
    this.shut = true;
    this.#other.end();
    this.#hangUpWhenDone();
  }

  /**
   * See {@link Socket.close}. As with TCP, the other end sees a reset when its bytes were not all read, or it saw no end
   * of the stream before.
   */
  close(): void {
    const unread = this.inbox.bytes > 0 || this.#other.#writableDue;
    if (this.shut && !unread) this.#drop();
    else this.reset();
  }

  /** Resets the connection: the other end sees a reset, even after an end of the stream. */
  reset(): void {
    if (this.#closed) return;
    this.#drop();
    this.#other.broken();
  }

  #drop(): void {
    this.#closed = true;
    this.#final = true;
    this.inbox.clear();
  }

  #receive(bytes: Uint8Array): void {
    this.inbox.push(bytes);
    this.ready(READABLE);
  }

  /** How many of `offered` bytes a write takes. */
  protected take(offered: number): number {
    return offered;
  }

  /** How many of `held` bytes a read gets. */
  protected give(held: number): number {
    return held;
  }

  /** Whether there is something to read. */
  protected hasNews(): boolean {
    return this.inbox.bytes > 0 || this.ended;
  }

  /** A read finds no bytes: the end, or it would block. */
  protected readNothing(): undefined | null {
    return this.ended ? null : undefined;
  }

  /** A write finds the other end closed. Returns how many bytes it takes. */
  protected writeToClosed(_bytes: Uint8Array): number {
    this.fail(systemError("EPIPE", "Cannot write: the other end is closed"));
    return 0;
  }

  /** The other end has reset the connection. */
  protected broken(): void {
    this.fail(systemError("ECONNRESET", "Connection reset"));
  }

  /** A short write may go on. */
  protected writable(): void {
    this.ready(WRITABLE);
  }

  /** Both halves have ended. */
  protected hangUp(): void {
    this.finish(HUP);
  }

  #roomMade(): void {
    if (!this.#writableDue) return;
    this.#writableDue = false;
    this.writable();
  }

  protected end(): void {
    this.ended = true;
    this.ready(READABLE);
    this.#hangUpWhenDone();
  }

  #hangUpWhenDone(): void {
    if (this.shut && this.ended) this.hangUp();
  }

  protected fail(error: Error): void {
    this.error ??= error;
    this.ended = true;
    this.finish(ERROR);
  }

  protected finish(readiness: Readiness): void {
    if (this.#final || !this.#registry) return;
    this.ready(readiness);
    this.#final = true;
  }

  protected ready(readiness: Readiness): void {
    if (!this.#final) this.#registry?.ready(this.#token!, readiness);
  }
}

/** Joins two ends: what is written to one is read from the other. Returns them. */
export function joinSockets<Paired extends PairedSocket>(first: Paired, second: Paired): [Paired, Paired] {
  PairedSocket.join(first, second);
  return [first, second];
}

/** Makes a pair. `firstPeer` and `secondPeer` are the names that its ends have for each other. */
export function socketPair(firstPeer: string, secondPeer: string): [PairedSocket, PairedSocket] {
  return joinSockets(new PairedSocket(firstPeer, CAPACITY), new PairedSocket(secondPeer, CAPACITY));
}
