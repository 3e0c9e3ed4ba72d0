/**
 * Pipes: two sockets in one process, joined back to back.
 *
 * @module
 */

import { ERROR, HUP, READABLE, type Readiness, type Registry, type Socket, WRITABLE } from "./adapter.ts";
import { Queue } from "./queue.ts";
import type { Token } from "./token.ts";

/** How a pipe misbehaves, for tests. A well-behaved one does nothing of it. */
export interface SocketFaults {
  /** How many of `offered` bytes a write takes, 0 to all. */
  readonly take: (offered: number) => number;
  /** How many of `held` bytes one read gets, 1 to all. */
  readonly give: (held: number) => number;
  /** Whether a read gets what several writes brought in one piece. */
  readonly merge: () => boolean;
  /** How an end sees that the other one has broken the connection. */
  readonly reset: () => ResetShape;
  /** How many writes to an end that is gone are taken, as a kernel does, before the error is told. */
  readonly swallow: () => number;
  /** Whether HUP comes only after the end of the stream was read. */
  readonly lateHup: () => boolean;
  /** Whether a write that was short is not answered any more after shutdown: HUP will tell. */
  readonly hush: () => boolean;
}

/**
 * The shapes that a reset has on the runtimes: an error at once; an error that shows only behind the bytes that came
 * before, or at the next write; an end of stream like any other.
 */
export type ResetShape = "error" | "behind" | "end";

/** Bytes a pipe holds in each direction before its writer has to wait: what a small kernel buffer would. */
const CAPACITY = 256 * 1024;

/**
 * One end of a pipe: a {@link Socket} by the rules of the contract. It passes views on, never copies: what is written
 * must not change (rule 4), so nothing has to be.
 */
export class PairedSocket implements Socket {
  /** Who is at the other end. */
  readonly remoteAddress: string;
  /** What broke the connection. */
  error: Error | undefined;

  readonly #capacity: number;
  readonly #faults: Partial<SocketFaults>;
  #other!: PairedSocket;
  #registry: Pick<Registry, "ready"> | undefined;
  #token: Token | undefined;
  readonly #inbox: Queue<Uint8Array> = new Queue();
  #held = 0;
  /** The other end will write no more. */
  #ended = false;
  /** This end will write no more. */
  #shut = false;
  #closed = false;
  /** A write was short: one WRITABLE is due. */
  #owed = false;
  /** HUP or ERROR was told. */
  #final = false;
  /** The end of the stream was read. */
  #sawEnd = false;
  /** HUP is due when the end has been read. */
  #hupBehind = false;
  /** An error that was not noticed yet. */
  #unseen: Error | undefined;
  /** Writes that are still taken though the other end is gone; `undefined`: none was tried. */
  #swallows: number | undefined;

  /** Use {@link socketPair}. */
  constructor(remoteAddress: string, capacity: number, faults: Partial<SocketFaults>) {
    this.remoteAddress = remoteAddress;
    this.#capacity = capacity;
    this.#faults = faults;
  }

  /** Bytes that came and were not read yet. */
  get bufferedBytes(): number {
    return this.#held;
  }

  /** Joins two ends. Use {@link socketPair}. */
  static join(one: PairedSocket, other: PairedSocket): void {
    one.#other = other;
    other.#other = one;
  }

  /** From now on this end's readiness goes to `registry`, under `token`. What came before is told at once. */
  attach(registry: Pick<Registry, "ready">, token: Token): void {
    this.#registry = registry;
    this.#token = token;
    if (this.#held > 0 || this.#ended || this.#unseen !== undefined) this.#ready(READABLE);
    if (this.error !== undefined) this.#fail(this.error);
    else this.#hangUpWhenDone();
  }

  /** See {@link Socket.read}. */
  read(): Uint8Array | undefined | null {
    if (this.#inbox.length > 1 && this.#faults.merge?.()) this.#merge();
    const chunk = this.#inbox.first;
    if (chunk === undefined) return this.#readNothing();
    const length = this.#faults.give?.(chunk.length) ?? chunk.length;
    if (length < chunk.length) this.#inbox.replaceFirst(chunk.subarray(length));
    else this.#inbox.shift();
    this.#held -= length;
    this.#other.#roomMade();
    return length < chunk.length ? chunk.subarray(0, length) : chunk;
  }

  /** See {@link Socket.write}. */
  write(bytes: Uint8Array): number {
    if (this.#closed || this.#shut || this.error !== undefined) return 0;
    if (this.#other.#closed) return this.#writeToGone(bytes);
    const room = Math.min(bytes.length, this.#capacity - this.#other.#held);
    const taken = this.#faults.take?.(room) ?? room;
    if (taken > 0) this.#other.#receive(taken < bytes.length ? bytes.subarray(0, taken) : bytes);
    if (taken < bytes.length) {
      this.#owed = true;
      // A fault left room: nothing will be read that makes more, so what is due is told now.
      if (taken < room) this.#roomMade();
    }
    return taken;
  }

  /** See {@link Socket.shutdown}. */
  shutdown(): void {
    if (this.#shut || this.#closed) return;
    this.#shut = true;
    this.#other.#end();
    this.#hangUpWhenDone();
  }

  /**
   * See {@link Socket.close}. As with TCP the other end sees a reset when it had more to say, or was not told of the
   * end.
   */
  close(): void {
    const unread = this.#held > 0 || this.#other.#owed;
    if (this.#shut && !unread) this.#drop();
    else this.reset();
  }

  /** Breaks the connection: the other end sees a reset, whatever it was told before. */
  reset(): void {
    if (this.#closed) return;
    this.#drop();
    this.#other.#broken();
  }

  #drop(): void {
    this.#closed = true;
    this.#final = true;
    this.#inbox.clear();
    this.#held = 0;
  }

  #receive(bytes: Uint8Array): void {
    this.#inbox.push(bytes);
    this.#held += bytes.length;
    this.#ready(READABLE);
  }

  /** What came in several pieces is one. */
  #merge(): void {
    const whole = new Uint8Array(this.#held);
    let at = 0;
    for (let chunk = this.#inbox.shift(); chunk !== undefined; chunk = this.#inbox.shift()) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#inbox.push(whole);
  }

  /** There is nothing to read: the end, an error that shows only now, or it would block. */
  #readNothing(): undefined | null {
    if (!this.#ended && this.#unseen !== undefined) this.#fail(this.#unseen);
    else if (this.#ended) {
      this.#sawEnd = true;
      if (this.#hupBehind) this.#finally(HUP);
      return null;
    }
    return undefined;
  }

  #writeToGone(bytes: Uint8Array): number {
    this.#swallows ??= this.#faults.swallow?.() ?? 0;
    const error = Object.assign(new Error("Cannot write: the other end is closed"), { code: "EPIPE" });
    if (this.#swallows-- > 0) {
      this.#notice(error);
      return bytes.length;
    }
    this.#fail(error);
    return 0;
  }

  /** The other end has broken the connection. */
  #broken(): void {
    const error = Object.assign(new Error("Connection reset"), { code: "ECONNRESET" });
    const shape = this.#faults.reset?.() ?? "error";
    if (shape === "error") this.#fail(error);
    else if (shape === "end" && !this.#ended) this.#end();
    else this.#notice(error);
  }

  /** Something broke, and shows at the next read that finds nothing, or at a later write. */
  #notice(error: Error): void {
    this.#unseen ??= error;
    if (!this.#ended) this.#ready(READABLE);
  }

  #roomMade(): void {
    if (!this.#owed) return;
    this.#owed = false;
    if (!this.#shut || !this.#faults.hush?.()) this.#ready(WRITABLE);
  }

  #end(): void {
    this.#ended = true;
    this.#ready(READABLE);
    this.#hangUpWhenDone();
  }

  #hangUpWhenDone(): void {
    if (!this.#shut || !this.#ended) return;
    if (!this.#sawEnd && this.#faults.lateHup?.()) this.#hupBehind = true;
    else this.#finally(HUP);
  }

  #fail(error: Error): void {
    this.error ??= error;
    this.#ended = true;
    this.#finally(ERROR);
  }

  #finally(readiness: Readiness): void {
    if (this.#final || this.#registry === undefined) return;
    this.#ready(readiness);
    this.#final = true;
  }

  #ready(readiness: Readiness): void {
    if (!this.#final) this.#registry?.ready(this.#token!, readiness);
  }
}

/** Makes a pipe. `clients` are the names that its ends have for each other. */
export function socketPair(
  firstPeer: string,
  secondPeer: string,
  options: { readonly capacity?: number; readonly faults?: Partial<SocketFaults> } = {},
): [PairedSocket, PairedSocket] {
  const { capacity = CAPACITY, faults = {} } = options;
  const first = new PairedSocket(firstPeer, capacity, faults);
  const second = new PairedSocket(secondPeer, capacity, faults);
  PairedSocket.join(first, second);
  return [first, second];
}
