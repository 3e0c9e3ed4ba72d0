/**
 * A client of a load: a socket of the contract, a receiver, and the bytes that are still to be sent.
 *
 * @module
 */

import type { Adapter, Readiness, Registry, Socket } from "../contract/adapter.ts";
import { ERROR, HUP, WRITABLE } from "../contract/adapter.ts";
import { type Destination, dialInTime } from "../client/dial.ts";
import type { Poll } from "../reactor/poll.ts";
import { Queue } from "../contract/queue.ts";
import type { ClientTls } from "../contract/tls.ts";
import { type Token, tokenOf } from "../contract/token.ts";
import { LoadReceiver } from "./receiver.ts";
import type { Stream } from "./stream.ts";

/** What a client connects to. */
export interface Target {
  /** The address of the listener. */
  readonly address: Destination;
  /** Certificates, for a listener over TLS. */
  readonly tls?: ClientTls | undefined;
  /** How long each connection may take to be made, in milliseconds. */
  readonly connectTimeout?: number | undefined;
  /** The frame with the mob's secret, which is sent first. */
  readonly secret?: Uint8Array | undefined;
}

/** One connection of the load. */
export class LoadClient {
  /** Checks what the client receives. */
  readonly receiver: LoadReceiver;
  /** Frames it has sent, as a publisher. */
  sent = 0;
  /** Why the connection is over. */
  ended: string | undefined;

  readonly #token: Token;
  #socket: Socket | undefined;
  /** Bytes that the socket has not accepted, in order. */
  readonly #unsent: Queue<Uint8Array> = new Queue();

  /** The `index`-th client of a load. The stream begins with what the first one receives. */
  constructor(index: number, stream: Stream) {
    this.#token = tokenOf(index, 1);
    this.receiver = new LoadReceiver(stream, index === 0);
  }

  /** Whether the socket has accepted everything. */
  get flushed(): boolean {
    return this.#unsent.length === 0;
  }

  /** Connects, and reports the readiness of its socket to `poll`. */
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

  /** Sends bytes, now or when the socket has room. */
  send(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    if (this.#unsent.length === 1) this.#flush();
  }

  /** The socket is ready: receives what there is, and goes on sending. */
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
