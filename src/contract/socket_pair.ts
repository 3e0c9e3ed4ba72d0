/**
 * Socket pairs: two sockets in one process, joined back to back.
 *
 * @module
 */

import { ERROR, HUP, READABLE, type Readiness, type Registry, type Socket, WRITABLE } from "./adapter.ts";
import { Queue } from "./queue.ts";
import type { Token } from "./token.ts";

/** How a socket pair misbehaves, for tests. A well-behaved pair has no faults. */
export interface SocketFaults {
  /** How many of `offered` bytes a write takes, 0 to all. */
  readonly take: (offered: number) => number;
  /** How many of `held` bytes one read gets, 1 to all. */
  readonly give: (held: number) => number;
  /** Whether one read gets the bytes of several writes. */
  readonly merge: () => boolean;
  /** How an end sees that the other end has reset the connection. */
  readonly reset: () => ResetShape;
  /** How many writes to a closed end are taken, as by a kernel, before the error is reported. */
  readonly swallow: () => number;
  /** Whether HUP comes only after the end of the stream is read. */
  readonly lateHup: () => boolean;
  /** Whether a short write gets no WRITABLE after shutdown; HUP comes instead. */
  readonly hush: () => boolean;
}

/**
 * How a reset looks on the runtimes: an error at once; an error that shows only after the bytes before it, or at the next
 * write; an ordinary end of stream.
 */
export type ResetShape = "error" | "behind" | "end";

/** Bytes that a pair holds in each direction before its writer has to wait, like a small kernel buffer. */
const CAPACITY = 256 * 1024;

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
  readonly #faults: Partial<SocketFaults>;
  #other!: PairedSocket;
  #registry: Pick<Registry, "ready"> | undefined;
  #token: Token | undefined;
  readonly #inbox: Queue<Uint8Array> = new Queue();
  #held = 0;
  /** The other end writes no more. */
  #ended = false;
  /** This end writes no more. */
  #shut = false;
  #closed = false;
  /** A write was short: one WRITABLE is due. */
  #owed = false;
  /** HUP or ERROR was reported. */
  #final = false;
  /** The end of the stream was read. */
  #sawEnd = false;
  /** HUP is due when the end is read. */
  #hupBehind = false;
  /** An error that is not reported yet. */
  #unseen: Error | undefined;
  /** How many writes are still taken after the other end closed; `undefined`: no write was tried. */
  #swallows: number | undefined;

  /** Use {@link socketPair}. */
  constructor(remoteAddress: string, capacity: number, faults: Partial<SocketFaults>) {
    this.remoteAddress = remoteAddress;
    this.#capacity = capacity;
    this.#faults = faults;
  }

  /** Bytes that wait to be read. */
  get bufferedBytes(): number {
    return this.#held;
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
      // A fault has cut the write although there is room: WRITABLE is reported now, since no read may follow.
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
   * See {@link Socket.close}. As with TCP, the other end sees a reset when its bytes were not all read, or it saw no end
   * of the stream before.
   */
  close(): void {
    const unread = this.#held > 0 || this.#other.#owed;
    if (this.#shut && !unread) this.#drop();
    else this.reset();
  }

  /** Resets the connection: the other end sees a reset, even after an end of the stream. */
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

  /** Joins all chunks into one. */
  #merge(): void {
    const whole = new Uint8Array(this.#held);
    let at = 0;
    for (let chunk = this.#inbox.shift(); chunk !== undefined; chunk = this.#inbox.shift()) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.#inbox.push(whole);
  }

  /** Reads when no chunk waits: the end of the stream, an error that shows only now, or it would block. */
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

  /** The other end has reset the connection. */
  #broken(): void {
    const error = Object.assign(new Error("Connection reset"), { code: "ECONNRESET" });
    const shape = this.#faults.reset?.() ?? "error";
    if (shape === "error") this.#fail(error);
    else if (shape === "end" && !this.#ended) this.#end();
    else this.#notice(error);
  }

  /** Keeps an error until the next read that finds no bytes, or a later write. */
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

/** Makes a pair. The names are the `remoteAddress` of its first and its second end. */
export function socketPair(
  firstRemote: string,
  secondRemote: string,
  options: { readonly capacity?: number; readonly faults?: Partial<SocketFaults> } = {},
): [PairedSocket, PairedSocket] {
  const { capacity = CAPACITY, faults = {} } = options;
  const first = new PairedSocket(firstRemote, capacity, faults);
  const second = new PairedSocket(secondRemote, capacity, faults);
  PairedSocket.join(first, second);
  return [first, second];
}
