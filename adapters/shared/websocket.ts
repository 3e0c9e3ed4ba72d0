/**
 * Connecting through the `WebSocket` global, in pages and on the runtimes that have it. What it sends and receives in the
 * subprotocol `mobcast.u64` is one byte stream in each direction, cut into binary messages anywhere.
 *
 * @module
 */

import { onAbort } from "../../src/contract/abort.ts";
import {
  type Adapter,
  type CloseFrame,
  ERROR,
  HUP,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../../src/contract/adapter.ts";
import { ChunkQueue } from "../../src/contract/chunk_queue.ts";
import type { Token } from "../../src/contract/token.ts";
import type { WebSocketClass, WebSocketLike } from "../types/websocket.ts";
import { closeFrameOf } from "./close_frame.ts";
import { failureOf, noWebSocket } from "./websocket_failure.ts";

/** The subprotocol. */
export const PROTOCOL = "mobcast.u64";

/** The most bytes of a message that is sent: what the longest header but one can say. */
const MESSAGE = 65_535;

/** Bytes that may wait in a WebSocket before a write takes no more. */
const SEND_LIMIT = 256 * 1024;

/** Bytes that may wait for the core when more comes: a WebSocket cannot be held back, so it is closed then. */
const RECEIVE_LIMIT: number = 16 * 2 ** 20;

/** Milliseconds until it is looked how much still waits to be sent. The time doubles while nothing moves. */
const FIRST_LOOK = 4;
const LONGEST_LOOK = 64;

const OPEN = 1;

type Clock = Pick<Adapter, "after">;

/** A socket of the contract on an open WebSocket. Nothing tells when one has room again, so it looks now and then. */
class WebSocketSocket implements Socket {
  readonly remoteAddress: string;
  error: Error | undefined;
  closeFrame: CloseFrame | undefined;

  readonly #socket: WebSocketLike;
  readonly #clock: Clock;
  readonly #registry: Registry;
  #token: Token | undefined;
  readonly #inbox: ChunkQueue = new ChunkQueue(1, true);
  #ended = false;
  /** A write was short: one WRITABLE is due. */
  #writableDue = false;
  /** The close frame follows what waits to be sent, or has followed it. */
  #shutDue = false;
  #shut = false;
  #closed = false;
  /** What waited to be sent when it was last looked, and in how many milliseconds it is looked again. */
  #waiting = 0;
  #pause = FIRST_LOOK;
  #cancelLook: (() => void) | undefined;

  constructor(socket: WebSocketLike, remoteAddress: string, registry: Registry, clock: Clock) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.#registry = registry;
    this.#clock = clock;
  }

  /** Reports readiness of `token` from now on. */
  attach(token: Token): void {
    this.#token = token;
    const socket = this.#socket;
    socket.onmessage = ({ data }) => this.#message(data);
    // The close event follows, and tells more.
    socket.onerror = null;
    socket.onclose = ({ code, reason, wasClean }) => this.#hangUp(code, reason, wasClean);
  }

  read(): Uint8Array | undefined | null {
    return this.#inbox.shift() ?? (this.#ended ? null : undefined);
  }

  write(bytes: Uint8Array): number {
    const socket = this.#socket;
    if (this.#closed || this.#shutDue || socket.readyState !== OPEN) return 0;
    let taken = 0;
    while (taken < bytes.length && socket.bufferedAmount < SEND_LIMIT) {
      const to = Math.min(taken + MESSAGE, bytes.length);
      socket.send(bytes.subarray(taken, to));
      taken = to;
    }
    if (taken < bytes.length) {
      this.#writableDue = true;
      this.#look();
    }
    return taken;
  }

  /** Closes it when everything is sent: browsers give the other end of a closing one only seconds to take it. */
  shutdown(): void {
    if (this.#closed || this.#shutDue) return;
    this.#shutDue = true;
    if (this.#socket.bufferedAmount === 0) this.#sayGoodbye();
    else this.#look();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    this.#inbox.clear();
    this.#cancelLook?.();
    drop(this.#socket);
  }

  #message(data: unknown): void {
    if (this.#closed || this.error) return;
    if (typeof data === "string") return this.#break("the server sent text");
    if (this.#inbox.retainedBytes > RECEIVE_LIMIT) {
      return this.#break(`over ${RECEIVE_LIMIT / 2 ** 20} MiB waited to be read`);
    }
    this.#inbox.push(new Uint8Array(data as ArrayBuffer), true);
    this.#ready(READABLE);
  }

  /** The connection is over because of what came: the core closes it. */
  #break(message: string): void {
    this.error = new Error(message);
    this.#ended = true;
    this.#ready(ERROR);
  }

  #hangUp(code: number, reason: string, wasClean: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const inOrder = wasClean && code !== 1006;
    if (inOrder) this.closeFrame = closeFrameOf(code, reason);
    if (!inOrder) this.error = new Error("connection lost");
    // The answer of a mob that was not asked.
    else if (this.#shutDue && !this.#shut) this.error = new Error(`the mob has closed the connection (${code})`);
    this.#ready(this.error ? ERROR : HUP);
  }

  /** Looks how much still waits to be sent, now and then while something depends on it. */
  #look(): void {
    if (this.#cancelLook) return;
    this.#waiting = this.#socket.bufferedAmount;
    this.#pause = FIRST_LOOK;
    this.#lookLater();
  }

  #lookLater(): void {
    this.#cancelLook = this.#clock.after(this.#pause, () => {
      this.#cancelLook = undefined;
      if (this.#closed || this.#ended) return;
      const { bufferedAmount } = this.#socket;
      if (this.#writableDue && bufferedAmount <= SEND_LIMIT / 2) {
        this.#writableDue = false;
        this.#ready(WRITABLE);
      }
      if (this.#shutDue && bufferedAmount === 0) return this.#sayGoodbye();
      if (!this.#writableDue && !this.#shutDue) return;
      this.#pause = bufferedAmount < this.#waiting ? FIRST_LOOK : Math.min(2 * this.#pause, LONGEST_LOOK);
      this.#waiting = bufferedAmount;
      this.#lookLater();
    });
  }

  #sayGoodbye(): void {
    this.#shut = true;
    this.#socket.close(1000);
  }

  #ready(readiness: Readiness): void {
    if (!this.#closed) this.#registry.ready(this.#token!, readiness);
  }
}

/** Ends a WebSocket now, and what it has yet to send where the runtime can. */
function drop(socket: WebSocketLike): void {
  socket.onopen =
    socket.onmessage =
    socket.onerror =
    socket.onclose =
      null;
  if (socket.terminate) socket.terminate();
  else socket.close();
}

/** Makes `connectWebSocket` of an adapter. */
export function overWebSocket(clock: Clock): Required<Pick<Adapter, "connectWebSocket">> {
  return {
    async connectWebSocket(url, registry, { signal } = {}) {
      signal?.throwIfAborted();
      const { WebSocket } = globalThis as unknown as { readonly WebSocket?: WebSocketClass };
      if (WebSocket === undefined) throw noWebSocket(url);
      const socket = new WebSocket(url, [PROTOCOL]);
      socket.binaryType = "arraybuffer";
      await new Promise<void>((resolve, reject) => {
        const ignoreSignal = signal && onAbort(signal, () => {
          drop(socket);
          reject(signal.reason);
        });
        const fail = (error: Error): void => {
          ignoreSignal?.();
          drop(socket);
          reject(error);
        };
        // Node 20 has no close event here.
        socket.onerror = (event) => fail(failureOf(event));
        socket.onclose = () => fail(failureOf({}));
        socket.onopen = () => {
          if (socket.protocol !== PROTOCOL) {
            return fail(new Error(`the server does not speak ${PROTOCOL}, is it a mob?`));
          }
          ignoreSignal?.();
          const opened = new WebSocketSocket(socket, url, registry, clock);
          const token = registry.accept(opened);
          if (token === undefined) drop(socket);
          else opened.attach(token);
          resolve();
        };
      });
    },
  };
}
