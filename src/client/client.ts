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

/** Bytes that wait to be sent before `send` makes its caller wait. */
const SEND_AHEAD = 256 * 1024;

/** Bytes that messages may hold while they wait for the application; then the client stops reading. */
const RECEIVE_AHEAD = 1024 * 1024;

/** How long `close` waits at most for the mob to hang up on one who has said nothing, in milliseconds. */
const NOTHING_TO_LOSE = 5000;

/** A client has one connection, so one token is enough for ever. */
const TOKEN: Token = tokenOf(0, 1);

/**
 * One member of a mob: what `connect()` and `mob.join()` return. Send messages, and iterate over what everybody says,
 * oneself included.
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
  /** What the adapter calls. */
  readonly registry: Registry;
  /** Resolves when the connection is over, however it ended. It never rejects: sending and iterating tell of errors. */
  readonly closed: Promise<void>;

  readonly #name: string;
  readonly #framing: Framing;
  readonly #maxFrame: number;
  readonly #receive: boolean;
  readonly #poll: Poll;
  readonly #decoder: FrameDecoder;
  /** What is to be sent: a log of our own, with one cursor. */
  readonly #outbox: Log;
  #cursor = 0;
  #blocked = false;
  #socket: Socket | undefined;
  /** Messages that wait for room. */
  readonly #senders: SendQueue<Uint8Array> = new SendQueue();
  readonly #messages: MessageQueue;
  #state: "open" | "closing" | "closed" = "open";
  #error: Error | undefined;
  /** Why not all has arrived that was sent before `close`. Whoever closes looks for it; iterators just end. */
  #cutShort: Error | undefined;
  /** Whether the application has sent anything. */
  #said = false;
  /** Our half of the stream has ended. */
  #shut = false;
  /** The mob's half ended before ours, so its end does not tell that it has received all. */
  #endedFirst = false;
  readonly #closeTimeout: number;
  readonly #patience: Patience;
  #resolveClosed: () => void = () => {};
  #ignoreSignal: () => void = () => {};

  /** Makes a client without a connection: use `connect()` or `mob.join()`. `name` is what errors call the other end. */
  constructor(adapter: Adapter, name: string, options?: ClientOptions) {
    const given = checkOptions("a client", options, peerChecks());
    const { receive: receive = true, signal, secret, closeTimeout = CLOSE_TIMEOUT } = given;
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
        // Aborted while it was being opened.
        if (this.#state === "closed") return undefined;
        this.#socket = socket;
        // The mob wants to receive the secret even from those who say nothing else.
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
   * Sends one message: bytes, or text, which goes as UTF-8. Resolves when it is on its way, for which it waits until
   * there is room: awaiting it is how a fast sender feels that the mob is slower. The payload is taken as it is when
   * `send` is called, and may change at once. An empty message is a ping: the mob receives it and says nothing.
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
   * Sends what is waiting to be sent, then ends the connection. Resolves when it is over. It does not reject when not
   * all has arrived, be it that the mob ended the connection first, or that nothing moved for `timeout`: look at
   * {@link error}, whose `code` is then `EPIPE`, `ETIMEDOUT` or the system's. Calling it again with a `timeout` sets the
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
      this.#beReceivedOut(timeout ?? this.#closeTimeout);
      this.#poll.ready(TOKEN, READABLE);
    } else if (this.#state === "closing" && timeout !== undefined) {
      this.#beReceivedOut(timeout);
    }
    await this.closed;
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * What broke the connection, or why not all that was sent has arrived at {@link close}; `undefined` while it lasts,
   * and when it ended properly.
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
    // Reading stopped at the limit, and its edge is spent: this is the one who has to ask again.
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

  /** A turn on the way out: sends what is left, also to a mob that speaks no more, until both halves have ended. */
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

  /** Waits until the mob has received all and hangs up, for so many milliseconds without progress. */
  #beReceivedOut(timeout: number): void {
    const milliseconds = this.#said ? timeout : Math.min(timeout, NOTHING_TO_LOSE);
    if (milliseconds > 0) this.#patience.begin(milliseconds);
    else this.#end(this.#lost("it was told to end at once", "ETIMEDOUT"));
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

  /** Reads what there is, as far as the application keeps up. Says whether the stream has ended. */
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

  /** Why an open connection ended under us; `undefined` when the mob ended it properly. */
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
