/**
 * The socket client: the other end of one connection to a mob.
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
import { looksLike } from "../framing/looks_like.ts";
import { BaseClient, type ClientState } from "./client.ts";
import { abortError, type ClientEnd, ClientError, closedError, endOf } from "./client_error.ts";
import { type Message, MessageReader } from "./message_reader.ts";
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
import { SendBuffer } from "./send_buffer.ts";
import { SendQueue } from "./send_queue.ts";
import type { StreamPlace } from "./stream_place.ts";
import { NOTHING, utf8 } from "../bytes.ts";

/** Bytes in the outbox from which `send` makes its caller wait. */
const SEND_AHEAD = 256 * 1024;

/** Bytes that messages may hold while they wait for the application; then the client stops reading. */
const RECEIVE_AHEAD = 1024 * 1024;

/** How long after it stopped reading a client counts as behind, in milliseconds: what the kernel holds has to be read. */
const BEHIND = 1000;

/** How long `close` waits at most for the mob to hang up when nothing was sent, in milliseconds. */
const NOTHING_TO_LOSE = 5000;

/** A client has one connection, so one token is enough for ever. */
const TOKEN: Token = tokenOf(0, 1);

/** A {@link Client} on one socket, of the network or of `mob.join()`. */
export class SocketClient extends BaseClient {
  /** The registry that the adapter calls. */
  readonly registry: Registry;
  readonly closed: Promise<ClientEnd>;
  protected readonly reader: MessageReader = new MessageReader({
    take: () => this.take(),
    isOver: () => {
      if (this.#state === "closed" && this.#error) throw this.#error;
      return this.#state === "closed";
    },
  });

  /** Called when there are messages, and at the end. */
  onProgress: (() => void) | undefined;
  /** Where it is in a stream that it resumes; `undefined`: it resumes none. */
  readonly place: StreamPlace | undefined;

  readonly #name: string;
  readonly #framing: Framing;
  readonly #maxFrame: number;
  readonly #receive: boolean;
  readonly #poll: Poll;
  readonly #decoder: FrameDecoder;
  /** The bytes to send. */
  readonly #outbox: SendBuffer;
  #cursor = 0;
  #blocked = false;
  #socket: Socket | undefined;
  /** Calls of `send` that wait for room. */
  readonly #senders: SendQueue<Uint8Array> = new SendQueue();
  readonly #messages: MessageQueue;
  #state: "open" | "closing" | "closed" = "open";
  #error: ClientError | undefined;
  /** Why not everything that was sent before `close` has arrived. Iterators just end then. */
  #cutShort: ClientError | undefined;
  /** Whether any byte has come. */
  #received = false;
  /** When too many messages waited to read on. */
  #behindAt = -Infinity;
  /** Whether the application has sent anything. */
  #said = false;
  /** Our half of the stream has ended. */
  #shut = false;
  /** The mob's half ended before ours, so its end does not tell that it has received everything. */
  #endedFirst = false;
  readonly #clock: Pick<Adapter, "now" | "after">;
  readonly #closeTimeout: number;
  readonly #patience: Patience;
  /** Whether anything was sent since the ping timer last looked. */
  #sentLately = false;
  #cancelPing: (() => void) | undefined;
  #resolveClosed: (end: ClientEnd) => void = () => {};
  #ignoreSignal: () => void = () => {};

  /** Makes a client without a connection: use `connect()` or `mob.join()`. `name` is what errors call the mob. */
  constructor(adapter: Adapter, name: string, options?: ClientOptions, place?: StreamPlace) {
    super();
    const given = checkOptions("a client", options, peerChecks());
    const { receive = true, signal, secret, ping, closeTimeout = CLOSE_TIMEOUT } = given;
    const { framing, maxFrame } = limitsOf(given);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#name = name;
    this.#framing = framing;
    this.#maxFrame = maxFrame;
    this.#receive = receive;
    this.#clock = adapter;
    this.#closeTimeout = closeTimeout;
    this.#patience = new Patience(adapter, () => this.#end(this.#lost("nothing moved any more")));
    this.#messages = new MessageQueue(framing, maxFrame);
    this.#decoder = new FrameDecoder({ framing: framing.name, maxFrame, ownsChunks: true });
    this.#outbox = new SendBuffer(framing);
    if (secret !== undefined) this.#outbox.appendPayload(utf8(secret));
    this.place = place;
    if (place) this.#outbox.appendPayload(place.hello);
    this.#poll = new Poll(adapter, (events) => this.#tick(events));
    this.registry = {
      accept: (socket) => {
        // The client was aborted while the connection was being made.
        if (this.#state === "closed") return undefined;
        this.#socket = socket;
        if (ping !== undefined) this.#pingAfter(ping);
        // The secret is sent at once: the client may never send anything else.
        if (this.#unsent > 0) this.#poll.wake();
        return TOKEN;
      },
      ready: (token, readiness) => this.#poll.ready(token, readiness),
      acceptFailed: () => Promise.resolve(),
    };
    if (signal) {
      signal.throwIfAborted();
      this.#ignoreSignal = onAbort(signal, () => {
        this.#end(abortError(`Cannot stay connected to ${name}`, signal.reason));
      });
    }
  }

  async send(payload: Payload, options?: SendOptions): Promise<void> {
    const signal = options === undefined ? undefined : checkOptions("send()", options, SEND_CHECKS).signal;
    signal?.throwIfAborted();
    const bytes = this.#bytesOf(payload);
    if (!this.#mustWait) return this.#append(bytes);
    this.#said = true;
    // Awaited: a promise that is returned has no handler for a moment, and 50,000 rejected ones take Deno 10 s (measured).
    await this.#senders.wait(typeof payload === "string" ? bytes : bytes.slice(), signal, bytes.length);
  }

  trySend(payload: Payload): boolean {
    const bytes = this.#bytesOf(payload);
    if (this.#mustWait) return false;
    this.#append(bytes);
    return true;
  }

  async close(options?: ClientCloseOptions): Promise<ClientEnd> {
    const { timeout } = checkOptions("close()", options, CLOSE_CHECKS);
    if (!this.#socket) this.#end(undefined);
    if (this.#state === "open") {
      this.#state = "closing";
      this.#messages.clear();
      this.#waitForEnd(timeout ?? this.#closeTimeout);
      this.#poll.ready(TOKEN, READABLE);
    } else if (this.#state === "closing" && timeout !== undefined) {
      this.#waitForEnd(timeout);
    }
    return await this.closed;
  }

  get error(): ClientError | undefined {
    return this.#error ?? this.#cutShort;
  }

  get state(): ClientState {
    return this.#state;
  }

  get bufferedAmount(): number {
    return this.#unsent + this.#senders.bytes;
  }

  get #unsent(): number {
    return this.#outbox.end - this.#cursor;
  }

  get #mustWait(): boolean {
    return this.#senders.length > 0 || this.#unsent >= SEND_AHEAD;
  }

  /** The bytes of a payload that can be sent now. */
  #bytesOf(payload: Payload): Uint8Array {
    const bytes = payloadOf(`Cannot send to ${this.#name}`, payload, this.#framing, this.#maxFrame);
    if (this.#state !== "open") throw closedError(this.#name, this.error);
    return bytes;
  }

  #append(bytes: Uint8Array): void {
    this.#said = true;
    this.#outbox.appendPayload(bytes);
    this.#poll.wake();
  }

  /** The next message, also after the end; `undefined` when there is none now. */
  take(): Message | undefined {
    const wasFull = this.#messages.bytes >= RECEIVE_AHEAD;
    const message = this.#messages.take();
    // Reading stopped at the limit, and the adapter reports READABLE only once: ask for it again here.
    if (wasFull && this.#messages.bytes < RECEIVE_AHEAD) {
      this.#behindAt = this.#clock.now();
      this.#poll.ready(TOKEN, READABLE);
    }
    return message;
  }

  #tick(events: ReadonlyMap<Token, Readiness>): void {
    const readiness = events.get(TOKEN) ?? 0;
    if (!this.#socket || this.#state === "closed") return;
    if (readiness & WRITABLE) this.#blocked = false;
    const final = (readiness & (HUP | ERROR)) !== 0;
    const ended = readiness & READABLE || final ? this.#read(this.#socket, final) : false;
    if (this.#state === "closing") this.#leave(this.#socket, readiness, ended);
    else if (final || ended) this.#end(this.#failure(this.#socket, (readiness & ERROR) !== 0));
    else this.#write(this.#socket);
  }

  /** A tick while closing: sends what is left, even after the mob's half has ended, until both halves have ended. */
  #leave(socket: Socket, readiness: Readiness, ended: boolean): void {
    if (ended && !this.#shut) this.#endedFirst = true;
    if (readiness & ERROR) {
      const { message } = describe(this.#cannotDeliver, socket.error ?? "connection broke");
      this.#end(this.#said ? new ClientError("UNDELIVERED", message, socket.error) : undefined);
    } else if (readiness & HUP) {
      const { closeFrame } = socket;
      // Both ends of a WebSocket may close it at the same time: only the code tells.
      const first = this.#endedFirst || closeFrame?.isAnswer === false;
      this.#end(first ? this.#lost(closeFrame?.words ?? "the mob ended the connection first") : undefined);
    } else {
      this.#write(socket);
    }
  }

  /** Waits until the mob has received everything and hangs up, or there was no progress for `timeout` milliseconds. */
  #waitForEnd(timeout: number): void {
    const milliseconds = this.#said ? timeout : Math.min(timeout, NOTHING_TO_LOSE);
    if (milliseconds > 0) this.#patience.begin(milliseconds);
    else this.#end(this.#lost("its timeout is 0"));
  }

  /** The error of a close that was cut short; `undefined` when there was nothing to lose. */
  #lost(why: string): ClientError | undefined {
    if (!this.#said) return undefined;
    const left = this.#unsent > 0 ? `${this.#unsent} bytes are unsent` : "the last messages may not have arrived";
    return new ClientError("UNDELIVERED", `${this.#cannotDeliver}: ${why}, ${left}`);
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
      this.#received = true;
      if (this.#state === "closing" && this.#said) this.#patience.received();
      if (this.#state === "closing" || !this.#receive) continue;
      const rest = !this.place || this.place.begun ? chunk : this.#receiveHello(this.place, chunk);
      if (this.#error) return false;
      this.#decoder.decode(rest, this.#sink);
      if (this.#decoder.failed) {
        const what = looksLike(this.#decoder.head, this.#framing.name);
        const hint = what === undefined ? ", is the framing the mob's?" : ` and ${what}`;
        const why = `a frame is over maxFrame ${this.#maxFrame}${hint}`;
        this.#end(new ClientError("FRAME_TOO_LARGE", `Cannot read from ${this.#name}: ${why}`));
        return false;
      }
    }
    if (this.#messages.bytes >= RECEIVE_AHEAD) this.#behindAt = this.#clock.now();
    if (this.#messages.bytes > 0) this.#wakeReaders();
    return false;
  }

  /** The first bytes of a stream that is resumed say where it begins. Returns the bytes behind them. */
  #receiveHello(place: StreamPlace, chunk: Uint8Array): Uint8Array {
    const rest = place.receive(chunk);
    const why = "it was not told where the stream begins, is this a listener with resume?";
    if (place.wrong) this.#end(new ClientError("NO_RESUME", `Cannot resume the stream of ${this.#name}: ${why}`));
    else if (place.begun) this.#wakeReaders();
    return rest;
  }

  /** What was received waits as frames, and is cut into messages when the application takes it. */
  readonly #sink: FrameSink = {
    frames: (bytes, start, end, count) => {
      if (this.place) this.place.received += end - start;
      this.#messages.push(bytes, start, end, count);
    },
    pieces: (pieces, length) => {
      if (this.place) this.place.received += length;
      this.#messages.pushPieces(pieces, length);
    },
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
    if (this.#cursor > before) this.#sentLately = true;
    if (this.#cursor > before && this.#state === "closing") this.#patience.moved();
    if (this.#state !== "closing" || this.#unsent > 0 || this.#shut) return;
    this.#shut = true;
    socket.shutdown();
  }

  /** Why an open connection ended; `undefined` when the mob ended it in order. */
  #failure({ error, closeFrame }: Socket, broken: boolean): ClientError | undefined {
    const cannot = `Cannot read from ${this.#name}`;
    if (closeFrame?.error) return new ClientError(closeFrame.error, `${cannot}: ${closeFrame.words}`);
    if (closeFrame && this.#decoder.pending === 0) return undefined;
    const how = broken
      ? describe(cannot, error ?? "connection broke").message
      : `${cannot}: the mob ended the connection`;
    if (!this.#received) return new ClientError("REFUSED", `${how}, before anything was received`, error);
    // Some runtimes show a reset as an end: inside a frame, it is one.
    if (!broken && this.#decoder.pending === 0) return undefined;
    const lagged = this.#messages.bytes >= RECEIVE_AHEAD || this.#clock.now() - this.#behindAt < BEHIND;
    if (lagged) return new ClientError("LAGGED", `${how} while this client was behind, messages may be missing`, error);
    return new ClientError("LOST", broken ? how : `${cannot}: the stream ended inside a frame`, error);
  }

  /** Sends a ping when nothing was sent for `milliseconds`: it looks twice in that time. */
  #pingAfter(milliseconds: number): void {
    this.#cancelPing = this.#clock.after(Math.ceil(milliseconds / 2), () => {
      if (this.#state !== "open") return;
      if (!this.#sentLately && this.#unsent === 0) {
        this.#outbox.appendPayload(NOTHING);
        this.#poll.wake();
      }
      this.#sentLately = false;
      this.#pingAfter(milliseconds);
    });
  }

  #wakeReaders(): void {
    this.reader.wake();
    this.onProgress?.();
  }

  #end(error: ClientError | undefined): void {
    if (this.#state === "closed") return;
    const end = endOf(error, this.#state === "open" && this.#socket ? "ended" : "closed");
    if (this.#state === "open") this.#error = error;
    else this.#cutShort = error;
    this.#state = "closed";
    this.#patience.stop();
    this.#cancelPing?.();
    this.#ignoreSignal();
    this.#socket?.close();
    this.#wakeReaders();
    this.#senders.fail(closedError(this.#name, this.error));
    this.#resolveClosed(end);
  }
}
