/**
 * The client: the other end of a connection to a mob.
 *
 * @module
 */

import { onAbort } from "../contract/abort.ts";
import {
  type Adapter,
  ERROR,
  HUP,
  READABLE,
  type Readiness,
  type Registry,
  type Socket,
  WRITABLE,
} from "../contract/adapter.ts";
import { checkOptions } from "../check.ts";
import { describe } from "../errors.ts";
import { FrameDecoder, type FrameSink } from "../framing/decoder.ts";
import type { Framing } from "../framing/framing.ts";
import { Log } from "../broadcast/log.ts";
import { MessageQueue } from "./message_queue.ts";
import { CLOSE_TIMEOUT, Patience } from "./patience.ts";
import { type Payload, payloadOf } from "../framing/payload.ts";
import {
  type ClientCloseOptions,
  type ClientOptions,
  CLOSE_CHECKS,
  limitsOf,
  peerChecks,
  SEND_CHECKS,
  type SendOptions,
} from "./client_options.ts";
import { Poll } from "../reactor/poll.ts";
import { type Token, tokenOf } from "../contract/token.ts";
import { SendQueue } from "./send_queue.ts";

/** Bytes in the outbox from which `send` makes its caller wait. */
const SEND_AHEAD = 256 * 1024;

/** Bytes that messages may hold while they wait for the application; then the client stops reading. */
const RECEIVE_AHEAD = 1024 * 1024;

/** How long `close` waits at most for the mob to hang up when nothing was sent, in milliseconds. */
const NOTHING_TO_LOSE = 5000;

/** A client has one connection, so one token is enough for ever. */
const TOKEN: Token = tokenOf(0, 1);

/**
 * A client of a mob: what `connect()` and `mob.join()` return. It sends messages, and iterates over the messages of all
 * clients, its own included.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * await using client = await connect(mob.urls[0]!);
 * await client.send(new TextEncoder().encode("hello"));
 * const { value } = await client[Symbol.asyncIterator]().next();
 * console.log(new TextDecoder().decode(value!)); // hello
 * ```
 *
 * Leaving a `for await` loop does not end the connection; {@link close} does. Iterators share the messages: each goes
 * to one of them.
 */
export class Client implements AsyncDisposable, AsyncIterable<Uint8Array> {
  /** The registry that the adapter calls. */
  readonly registry: Registry;
  /** Resolves when the connection is over, however it ended. It never rejects: `send` and iterators do. */
  readonly closed: Promise<void>;

  readonly #name: string;
  readonly #framing: Framing;
  readonly #maxFrame: number;
  readonly #receive: boolean;
  readonly #poll: Poll;
  readonly #decoder: FrameDecoder;
  /** The bytes to send: a log with one cursor. */
  readonly #outbox: Log;
  #cursor = 0;
  #blocked = false;
  #socket: Socket | undefined;
  /** Calls of `send` that wait for room. */
  readonly #senders: SendQueue<Uint8Array> = new SendQueue();
  readonly #messages: MessageQueue;
  #state: "open" | "closing" | "closed" = "open";
  #error: Error | undefined;
  /** Why not everything that was sent before `close` has arrived. Iterators just end then. */
  #cutShort: Error | undefined;
  /** Whether the application has sent anything. */
  #said = false;
  /** Our half of the stream has ended. */
  #shut = false;
  /** The mob's half ended before ours, so its end does not tell that it has received everything. */
  #endedFirst = false;
  readonly #closeTimeout: number;
  readonly #patience: Patience;
  #resolveClosed: () => void = () => {};
  #ignoreSignal: () => void = () => {};

  /** Makes a client without a connection: use `connect()` or `mob.join()`. `name` is what errors call the mob. */
  constructor(adapter: Adapter, name: string, options?: ClientOptions) {
    const given = checkOptions("a client", options, peerChecks());
    const { receive = true, signal, secret, closeTimeout = CLOSE_TIMEOUT } = given;
    const { framing, maxFrame } = limitsOf(given);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#name = name;
    this.#framing = framing;
    this.#maxFrame = maxFrame;
    this.#receive = receive;
    this.#closeTimeout = closeTimeout;
    this.#patience = new Patience(adapter, () => this.#end(this.#lost("nothing moved any more", "ETIMEDOUT")));
    this.#messages = new MessageQueue(framing, maxFrame);
    this.#decoder = new FrameDecoder({ framing: framing.name, maxFrame, ownsChunks: true });
    this.#outbox = new Log({ framing: framing.name });
    if (secret !== undefined) this.#outbox.appendPayload(new TextEncoder().encode(secret));
    this.#poll = new Poll(adapter, (events) => this.#tick(events));
    this.registry = {
      accept: (socket) => {
        // The client was aborted while the connection was being made.
        if (this.#state === "closed") return undefined;
        this.#socket = socket;
        // The secret is sent at once: the client may never send anything else.
        if (this.#unsent > 0) this.#poll.wake();
        return TOKEN;
      },
      ready: (token, readiness) => this.#poll.ready(token, readiness),
      acceptFailed: () => Promise.resolve(),
    };
    if (signal !== undefined) {
      signal.throwIfAborted();
      this.#ignoreSignal = onAbort(signal, () => {
        this.#end(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
      });
    }
  }

  /**
   * Sends one message: bytes, or text, which goes as UTF-8. Resolves when it is on its way, after waiting for room:
   * awaiting it gives a fast sender back-pressure. The payload is taken as it is when `send` is called, and may change
   * afterwards. An empty message is a ping: the mob swallows it.
   *
   * Rejects with a `RangeError` when the payload is over `maxFrame`, with a `TypeError` when it is neither text nor bytes
   * or when the framing cannot carry it, with an `Error` when the connection is over.
   */
  async send(payload: Payload, options?: SendOptions): Promise<void> {
    const signal = options === undefined ? undefined : checkOptions("send()", options, SEND_CHECKS).signal;
    signal?.throwIfAborted();
    const bytes = payloadOf(`Cannot send to ${this.#name}`, payload, this.#framing, this.#maxFrame);
    if (this.#state !== "open") throw this.#overError();
    this.#said = true;
    if (this.#senders.length > 0 || this.#unsent >= SEND_AHEAD) {
      await this.#senders.wait(typeof payload === "string" ? bytes : bytes.slice(), signal);
    } else {
      this.#outbox.appendPayload(bytes);
      this.#poll.wake();
    }
  }

  /** Messages as they come. Ends when the mob ends the connection, and throws when the connection broke. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const message = this.#take();
      if (message !== undefined) {
        yield message;
      } else if (this.#state === "closed") {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await this.#messages.wait();
      }
    }
  }

  /**
   * Sends what waits to be sent, then ends the connection. Resolves when the connection is over. When not everything has
   * arrived, because the mob ended the connection first or there was no progress for `timeout`, it does not reject:
   * {@link error} then has the `code` `EPIPE`, `ETIMEDOUT` or the system's. Calling it again with a `timeout` starts the
   * time anew.
   *
   * Rejects with a `TypeError` or a `RangeError` when `timeout` is no number of milliseconds.
   */
  async close(options?: ClientCloseOptions): Promise<void> {
    const { timeout } = checkOptions("close()", options, CLOSE_CHECKS);
    if (this.#socket === undefined) this.#end(undefined);
    if (this.#state === "open") {
      this.#state = "closing";
      this.#messages.clear();
      this.#waitForEnd(timeout ?? this.#closeTimeout);
      this.#poll.ready(TOKEN, READABLE);
    } else if (this.#state === "closing" && timeout !== undefined) {
      this.#waitForEnd(timeout);
    }
    await this.closed;
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * What broke the connection, or why not everything that was sent before {@link close} has arrived; `undefined` while the
   * connection lasts, and when it ended in order.
   */
  get error(): Error | undefined {
    return this.#error ?? this.#cutShort;
  }

  /** Whether the connection is over. */
  get isOver(): boolean {
    return this.#state === "closed";
  }

  get #unsent(): number {
    return this.#outbox.end - this.#cursor;
  }

  #overError(): Error {
    return new Error(`Cannot send to ${this.#name}: ${this.error?.message ?? "the connection is closed"}`);
  }

  #take(): Uint8Array | undefined {
    const wasFull = this.#messages.bytes >= RECEIVE_AHEAD;
    const message = this.#messages.take();
    // Reading stopped at the limit, and the adapter reports READABLE only once: ask for it again here.
    if (wasFull && this.#messages.bytes < RECEIVE_AHEAD) this.#poll.ready(TOKEN, READABLE);
    return message;
  }

  #tick(events: ReadonlyMap<Token, Readiness>): void {
    const readiness = events.get(TOKEN) ?? 0;
    if (this.#socket === undefined || this.#state === "closed") return;
    if ((readiness & WRITABLE) !== 0) this.#blocked = false;
    const final = (readiness & (HUP | ERROR)) !== 0;
    const ended = (readiness & READABLE) !== 0 || final ? this.#read(this.#socket, final) : false;
    if (this.#state === "closing") this.#leave(this.#socket, readiness, ended);
    else if (final || ended) this.#end(this.#failure(this.#socket, readiness));
    else this.#write(this.#socket);
  }

  /** A tick while closing: sends what is left, even after the mob's half has ended, until both halves have ended. */
  #leave(socket: Socket, readiness: Readiness, ended: boolean): void {
    if (ended && !this.#shut) this.#endedFirst = true;
    if ((readiness & ERROR) !== 0) {
      this.#end(this.#said ? describe(this.#cannotDeliver, socket.error ?? "connection broke") : undefined);
    } else if ((readiness & HUP) !== 0) {
      this.#end(this.#endedFirst ? this.#lost("the mob ended the connection first", "EPIPE") : undefined);
    } else {
      this.#write(socket);
    }
  }

  /** Waits until the mob has received everything and hangs up, or there was no progress for `timeout` milliseconds. */
  #waitForEnd(timeout: number): void {
    const milliseconds = this.#said ? timeout : Math.min(timeout, NOTHING_TO_LOSE);
    if (milliseconds > 0) this.#patience.begin(milliseconds);
    else this.#end(this.#lost("its timeout is 0", "ETIMEDOUT"));
  }

  /** The error of a close that was cut short; `undefined` when there was nothing to lose. */
  #lost(why: string, code: string): Error | undefined {
    if (!this.#said) return undefined;
    const left = this.#unsent > 0 ? `${this.#unsent} bytes are unsent` : "the last messages may not have arrived";
    return Object.assign(new Error(`${this.#cannotDeliver}: ${why}, ${left}`), { code });
  }

  get #cannotDeliver(): string {
    return `Cannot deliver everything to ${this.#name}`;
  }

  /** Reads as far as the application keeps up. Returns whether the stream has ended. */
  #read(socket: Socket, final: boolean): boolean {
    while (final || this.#state === "closing" || this.#messages.bytes < RECEIVE_AHEAD) {
      const chunk = socket.read();
      if (chunk === undefined) break;
      if (chunk === null) return true;
      if (this.#state === "closing" && this.#said) this.#patience.received();
      if (this.#state === "closing" || !this.#receive) continue;
      this.#decoder.decode(chunk, this.#sink);
      if (this.#decoder.failed) {
        this.#end(new Error(`Cannot read from ${this.#name}: a frame is over maxFrame ${this.#maxFrame}`));
        return false;
      }
    }
    if (this.#messages.bytes > 0) this.#messages.wake();
    return false;
  }

  /** What was received waits as frames, and is cut into messages when the application takes it. */
  readonly #sink: FrameSink = {
    frames: (bytes, start, end, count) => this.#messages.push(bytes, start, end, count),
    pieces: (pieces, length) => this.#messages.pushPieces(pieces, length),
  };

  #write(socket: Socket): void {
    const before = this.#cursor;
    do {
      while (this.#senders.length > 0 && this.#unsent < SEND_AHEAD) {
        this.#outbox.appendPayload(this.#senders.next());
      }
      while (!this.#blocked && this.#unsent > 0) {
        const run = this.#outbox.read(this.#cursor);
        const taken = socket.write(run);
        this.#cursor += taken;
        this.#blocked = taken < run.length;
      }
    } while (this.#senders.length > 0 && !this.#blocked);
    this.#outbox.trim(this.#cursor);
    if (this.#cursor > before && this.#state === "closing") this.#patience.moved();
    if (this.#state !== "closing" || this.#unsent > 0 || this.#shut) return;
    this.#shut = true;
    socket.shutdown();
  }

  /** Why an open connection ended; `undefined` when the mob ended it in order. */
  #failure(socket: Socket, readiness: Readiness): Error | undefined {
    if ((readiness & ERROR) !== 0) {
      return describe(`Cannot read from ${this.#name}`, socket.error ?? "connection broke");
    }
    if (this.#decoder.pending > 0) return new Error(`Cannot read from ${this.#name}: the stream ended inside a frame`);
    return undefined;
  }

  #end(error: Error | undefined): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") this.#error = error;
    else this.#cutShort = error;
    this.#state = "closed";
    this.#patience.stop();
    this.#ignoreSignal();
    this.#socket?.close();
    this.#messages.wake();
    this.#senders.fail(this.#overError());
    this.#resolveClosed();
  }
}
