/**
 * The client of a load: a socket of the contract, a receiver, and what is yet to be sent.
 *
 * @module
 */

import type { Adapter, Readiness, Registry, Socket } from "../contract/adapter.ts";
import { ERROR, HUP, WRITABLE } from "../contract/adapter.ts";
import { dialInTime } from "../client/dial.ts";
import type { Address } from "../contract/address.ts";
import type { Poll } from "../reactor/poll.ts";
import { Queue } from "../contract/queue.ts";
import type { ClientTls } from "../contract/tls.ts";
import { type Token, tokenOf } from "../contract/token.ts";
import { LoadReceiver, type Run } from "./receiver.ts";

/** The way in. */
export interface Target {
  /** Where the listener is. */
  readonly address: Address;
  /** Certificates, for a listener over TLS. */
  readonly tls?: ClientTls | undefined;
  /** How long each connection may take to be made, in milliseconds. */
  readonly connectTimeout?: number | undefined;
  /** The frame to say first, where the mob has a secret. */
  readonly secret?: Uint8Array | undefined;
}

/** One connection of the load. */
export class LoadClient {
  /** What it receives. */
  readonly receiver: LoadReceiver;
  /** Frames it has sent, as a publisher. */
  sent = 0;
  /** Why it is no longer connected. */
  ended: string | undefined;

  readonly #token: Token;
  #socket: Socket | undefined;
  /** Bytes that its socket has not taken, in order. */
  readonly #unsent: Queue<Uint8Array> = new Queue();

  /** The `index`-th client of a run. */
  constructor(index: number, run: Run) {
    this.#token = tokenOf(index, 1);
    this.receiver = new LoadReceiver(run);
  }

  /** Whether everything it was told to send was taken. */
  get flushed(): boolean {
    return this.#unsent.length === 0;
  }

  /** Connects; what its socket is ready for goes to `poll`. */
  async connect(adapter: Adapter, { secret, ...target }: Target, poll: Poll, signal: AbortSignal): Promise<void> {
    const registry: Registry = {
      accept: (socket) => {
        this.#socket = socket;
        return this.#token;
      },
      ready: (token, readiness) => poll.ready(token, readiness),
      acceptFailed: () => Promise.resolve(),
    };
    await dialInTime(adapter, { ...target, registry }, signal);
    if (secret !== undefined) this.send(secret);
  }

  /** Sends bytes, now or when there is room. */
  send(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) this.#flush();
  }

  /** Its socket is ready: takes what is there, and goes on sending. */
  handle(readiness: Readiness): void {
    const socket = this.#socket!;
    let chunk = socket.read();
    for (; chunk !== undefined && chunk !== null; chunk = socket.read()) this.receiver.receive(chunk);
    if (readiness & (HUP | ERROR)) this.ended ??= socket.error?.message ?? "the server ended it";
    else if (chunk === null) this.ended ??= "the server ended it";
    else if (readiness & WRITABLE) this.#flush();
  }

  /** Drops the connection. */
  close(): void {
    this.#socket?.close();
  }

  #flush(): void {
    for (let bytes = this.#unsent.first; bytes !== undefined; bytes = this.#unsent.first) {
      const taken = this.#socket!.write(bytes);
      if (taken < bytes.length) {
        this.#unsent.replaceFirst(bytes.subarray(taken));
        return;
      }
      this.#unsent.shift();
    }
  }
}
