/**
 * Faulty sockets: socket pairs that misbehave as networks and runtimes do.
 *
 * @module
 */

import { HUP, READABLE } from "../../src/contract/adapter.ts";
import { CAPACITY, joinSockets, PairedSocket } from "../../src/contract/socket_pair.ts";

/** How a socket pair misbehaves, for tests. A well-behaved pair has no faults. */
export interface SocketFaults {
  /** How many of `offered` bytes a write takes, 0 to all. */
  readonly take: (offered: number) => number;
  /** How many of `held` bytes one read gets, 1 to all. */
  readonly give: (held: number) => number;
  /** Whether one read gets the bytes of several writes, of up to 1 MiB. */
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

/** More bytes than this are not merged: read in small parts and merged each time, they would be copied for seconds. */
const MERGED = 2 ** 20;

/**
 * How a reset looks on the runtimes: an error at once; an error that shows only after the bytes before it, or at the next
 * write; an ordinary end of stream.
 */
export type ResetShape = "error" | "behind" | "end";

/** One end of a pair that misbehaves as its faults say. */
export class FaultySocket extends PairedSocket {
  readonly #faults: Partial<SocketFaults>;
  /** The end of the stream was read. */
  #sawEnd = false;
  /** HUP is due when the end is read. */
  #hupBehind = false;
  /** An error that is not reported yet. */
  #unseen: Error | undefined;
  /** How many writes are still taken after the other end closed; `undefined`: no write was tried. */
  #swallows: number | undefined;

  /** Use {@link faultyPair}. */
  constructor(remoteAddress: string, capacity: number, faults: Partial<SocketFaults>) {
    super(remoteAddress, capacity);
    this.#faults = faults;
  }

  /** See {@link PairedSocket.read}. */
  override read(): Uint8Array | undefined | null {
    const { length, bytes } = this.inbox;
    if (length > 1 && bytes <= MERGED && this.#faults.merge?.()) this.#merge();
    return super.read();
  }

  protected override take(offered: number): number {
    return this.#faults.take?.(offered) ?? offered;
  }

  protected override give(held: number): number {
    return this.#faults.give?.(held) ?? held;
  }

  protected override hasNews(): boolean {
    return super.hasNews() || this.#unseen !== undefined;
  }

  protected override readNothing(): undefined | null {
    if (!this.ended && this.#unseen !== undefined) this.fail(this.#unseen);
    else if (this.ended) {
      this.#sawEnd = true;
      if (this.#hupBehind) this.finish(HUP);
      return null;
    }
    return undefined;
  }

  protected override writeToClosed(bytes: Uint8Array): number {
    this.#swallows ??= this.#faults.swallow?.() ?? 0;
    if (this.#swallows-- <= 0) return super.writeToClosed(bytes);
    this.#notice(Object.assign(new Error("Cannot write: the other end is closed"), { code: "EPIPE" }));
    return bytes.length;
  }

  protected override broken(): void {
    const shape = this.#faults.reset?.() ?? "error";
    if (shape === "error") super.broken();
    else if (shape === "end" && !this.ended) this.end();
    else this.#notice(Object.assign(new Error("Connection reset"), { code: "ECONNRESET" }));
  }

  protected override writable(): void {
    if (!this.shut || !this.#faults.hush?.()) super.writable();
  }

  protected override hangUp(): void {
    if (!this.#sawEnd && this.#faults.lateHup?.()) this.#hupBehind = true;
    else super.hangUp();
  }

  /** Something broke, and shows at the next read that finds nothing, or at a later write. */
  #notice(error: Error): void {
    this.#unseen ??= error;
    if (!this.ended) this.ready(READABLE);
  }

  /** Joins all chunks into one. */
  #merge(): void {
    const whole = new Uint8Array(this.bufferedBytes);
    let at = 0;
    for (let chunk = this.inbox.shift(); chunk !== undefined; chunk = this.inbox.shift()) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    this.inbox.push(whole);
  }
}

/** Makes a pair with faults. `firstPeer` and `secondPeer` are the names that its ends have for each other. */
export function faultyPair(
  firstPeer: string,
  secondPeer: string,
  faults: Partial<SocketFaults>,
  capacity: number = CAPACITY,
): [FaultySocket, FaultySocket] {
  return joinSockets(
    new FaultySocket(firstPeer, capacity, faults),
    new FaultySocket(secondPeer, capacity, faults),
  );
}
